"""world: bucket, table, marker and index as AWS keeps them, one atomic call at a time, and what was promised of them.

Files are numbers, contents are letters, `None` is nothing there. The entity tag of an object is its content, so a
content that comes back has the tag it had. A line is what the index shows of a content; the content `bad` has none.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tests.model.checker import Violation

# ruff: noqa: ARG001, FBT001, FBT002  every call has the same shape, and is given its arguments by position

type Index = tuple[int, tuple[str | None, ...] | str]
"""A revision, also its tag, and the line of each file; or `FOREIGN`."""

FOREIGN = "foreign"
"""The lines of an index that is not in our format."""

NOT_IN_VIEW = "not in this view"
"""The line of a file whose chart a view does not show."""


class View(NamedTuple):
    """What is cut from an index: the gzip copy, or the index of one chart."""

    revision: int
    """That of the index it was cut from; also its entity tag, since no two views of a revision differ."""
    lines: tuple[str | None, ...]
    by_hand: bool = False
    """Put there by hand: wrong until it is replaced."""


class Stored(NamedTuple):
    """A package in the bucket."""

    content: str
    upload: int
    """The process that wrote it (the upload id in its metadata); negative: there before any process began."""
    version: int
    """The version id; always 0 without versioning."""


class Row(NamedTuple):
    """A row of the table; a tombstone without a tag."""

    rev: int
    tag: str | None
    line: str | None
    dirty: bool
    fence: int | None = None
    """A tombstone that may expire once none of these processes (bits) is alive; None: it does not expire."""


class File(NamedTuple):
    """All there is of one file."""

    package: Stored | None = None
    provenance: str | None = None
    """The content it signs, which is also its tag."""
    row: Row | None = None
    versions: int = 0
    """How many versions were written, with versioning."""
    past: tuple[tuple[str | None, int], ...] = ()
    """What the index may show: the lines the bucket had, from the one last shown or promised up to now; with each,
    the processes (bits) whose own change or look it was."""
    promised: int | None = None
    """The process that was answered that its package is stored with provenance."""
    behind: tuple[tuple[str | None, int], ...] = ()
    """The lines before those of `past`, which the index does not show any more and a view still may."""
    births: int = 0
    """How often a row was written where none was."""


class World(NamedTuple):
    """Everything outside the processes."""

    files: tuple[File, ...]
    published: Index | None = None
    """The index."""
    reconciled: bool = True
    holder: int | None = None
    """The process that holds the lease."""
    lost: int = 0
    """How many answers may still get lost."""
    crashes: int = 0
    """How many processes may still crash."""
    recovering: bool = False
    views: tuple[View | None, ...] = ()
    """The views there are; what is missing is read from the index."""
    births: int = 0
    """How often an index was built from nothing."""
    deletions: int = 0
    """How many views may still be deleted by hand."""
    hidden: int = 0
    """How many HEADs may still miss what their caller has just stored."""


class Call(NamedTuple):
    """Who calls, and which processes are alive."""

    who: int
    alive: int
    """Processes (bits) that have begun and not ended, the caller among them."""
    versioned: bool


def line_of(content: str | None) -> str | None:
    """Return what the index should show of a content."""
    return None if content == "bad" else content


def a_file(content: str | None = None, row: str | None = None, provenance: str | None = None, *, rev: int = 1) -> File:
    """Return a file that has been there; its row is synced and published unless `row` says otherwise."""
    package = Stored(content, -1, 0) if content else None
    known = Row(rev, content, line_of(content), dirty=False) if content and row is None else None
    return File(package, provenance, known, 0, ((line_of(content), 0),))


# The bucket.


def head(world: World, call: Call, key: int) -> tuple[Stored | None, World]:
    return world.files[key].package, world


def head_too_early(world: World, call: Call, key: int) -> World | None:
    """Return the world after a HEAD that missed its caller's own object, as S3 may when versioning is new; or None."""
    package = world.files[key].package
    if not world.hidden or package is None or package.upload != call.who:
        return None
    return world._replace(hidden=world.hidden - 1)


def head_and_note(world: World, call: Call, key: int) -> tuple[Stored | None, World]:
    """HEAD by a process whose client will be answered what it saw: the index must show that or something later."""
    file = world.files[key]
    return file.package, _with(world, key, file._replace(past=_noted(file.past, call.who)))


def read(world: World, call: Call, key: int, seen: Stored) -> tuple[bool, World]:
    """GET exactly this version: by its id, or without versioning by its tag."""
    package = world.files[key].package
    return call.versioned or (package is not None and package.content == seen.content), world


def create(world: World, call: Call, key: int, content: str) -> tuple[bool, World]:
    """PUT If-None-Match: *."""
    if world.files[key].package is not None:
        return False, world
    return True, _stored(world, call, key, content)


def replace(world: World, call: Call, key: int, content: str) -> tuple[bool, World]:
    """PUT without a condition."""
    return True, _stored(world, call, key, content)


def delete(world: World, call: Call, key: int, tag: str | None) -> tuple[bool, World]:
    """DELETE If-Match, or without a condition where no tag is given."""
    package = world.files[key].package
    if package is None:
        return tag is None, world
    if tag is not None and package.content != tag:
        return False, world
    return True, _stored(world, call, key, None)


def prune(world: World, call: Call, key: int, tag: str | None, seen: str) -> tuple[bool, World]:
    """DELETE by a process that decided on a content it saw: nothing else may be deleted."""
    package = world.files[key].package
    ok, after = delete(world, call, key, tag)
    if ok and package is not None and package.content != seen:
        raise Violation(f"pruning removed {package.content!r} where it had seen {seen!r}")
    return ok, after


def _stored(world: World, call: Call, key: int, content: str | None) -> World:
    file = world.files[key]
    versions = file.versions + 1 if call.versioned else 0
    package = None if content is None else Stored(content, call.who, versions)
    line = line_of(content)
    past = file.past if file.past[-1][0] == line else (*file.past, (line, 0))
    changed = file._replace(package=package, versions=versions, past=_noted(past, call.who), promised=None)
    return _with(world, key, changed)


def _noted(past: tuple[tuple[str | None, int], ...], who: int) -> tuple[tuple[str | None, int], ...]:
    bit = 1 << who
    line, marks = past[-1]
    return (*((earlier, others & ~bit) for earlier, others in past[:-1]), (line, marks | bit))


# Provenance.


def head_provenance(world: World, call: Call, key: int) -> tuple[str | None, World]:
    return world.files[key].provenance, world


def put_provenance(world: World, call: Call, key: int, content: str, match: str | None) -> tuple[bool, World]:
    """PUT If-Match, or If-None-Match: * where no tag is given."""
    file = world.files[key]
    if file.provenance != match:
        return False, world
    return True, _with(world, key, file._replace(provenance=content))


def force_provenance(world: World, call: Call, key: int, content: str) -> tuple[bool, World]:
    """PUT without a condition."""
    return True, _with(world, key, world.files[key]._replace(provenance=content))


def delete_provenance(world: World, call: Call, key: int, match: str) -> tuple[bool, World]:
    """DELETE If-Match."""
    file = world.files[key]
    if file.provenance != match:
        return False, world
    return True, _with(world, key, file._replace(provenance=None))


# The table.


def get(world: World, call: Call, key: int) -> tuple[Row | None, World]:
    return world.files[key].row, world


def dirty(world: World, call: Call, key: int) -> tuple[bool, World]:
    """One item of the query for dirty rows."""
    row = world.files[key].row
    return row is not None and row.dirty, world


def put(
    world: World, call: Call, key: int, row: Row, expected: int | None, born_later: bool = True
) -> tuple[bool, World]:
    """Write if the stored `rev` is as expected (0: no row), or without a condition where nothing is expected."""
    file = world.files[key]
    if expected is not None and expected != (file.row.rev if file.row else 0):
        return False, world
    if file.row is None and born_later:
        # A row's first `rev` is the time in milliseconds: later than any `rev` an expired row of the file ever had.
        row, file = row._replace(rev=100 * file.births + 1), file._replace(births=file.births + 1)
    after = _with(world, key, file._replace(row=_fenced(row, call)))
    _check_clean(after, key)
    return True, after


def clear(world: World, call: Call, key: int, rev: int | None, tombstone: bool) -> tuple[bool, World]:
    """Take `dirty` off if `rev` is still this one (None: whatever it is); a tombstone may expire from now on."""
    file = world.files[key]
    if file.row is None or (rev is not None and file.row.rev != rev):
        return True, world
    row = file.row._replace(dirty=False, fence=0 if tombstone else None)
    after = _with(world, key, file._replace(row=_fenced(row, call)))
    _check_clean(after, key)
    return True, after


def _fenced(row: Row, call: Call) -> Row:
    return row if row.fence is None else row._replace(fence=call.alive)


def expire(world: World, key: int, alive: int, *, early: bool = False) -> World | None:
    """Return the world after the table has removed an expired tombstone, or None if it cannot."""
    file = world.files[key]
    if file.row is None or file.row.fence is None or (file.row.fence & alive and not early):
        return None
    return _with(world, key, file._replace(row=None))


def _check_clean(world: World, key: int) -> None:
    row = world.files[key].row
    if row is None or row.dirty:
        return
    if world.published is not None and world.published[1] != FOREIGN and world.published[1][key] != row.line:
        raise Violation(f"file {key}: the clean row says {row.line!r}, the index shows {world.published[1][key]!r}")
    for view in world.views:
        if view is not None and not view.by_hand and view.lines[key] not in {row.line, NOT_IN_VIEW}:
            raise Violation(f"file {key}: the clean row says {row.line!r}, a view shows {view.lines[key]!r}")


# The index.


def get_index(world: World, call: Call) -> tuple[Index | None, World]:
    return world.published, world


def put_index(
    world: World, call: Call, lines: tuple[str | None, ...], match: int | None, conditional: bool, revision: int | None
) -> tuple[int, World]:
    """PUT If-Match (None: If-None-Match: *), or without a condition; return the revision, or 0.

    Without a revision it is the time in milliseconds: higher than that of any index or view there was.
    """
    if conditional and match != (world.published[0] if world.published else None):
        return 0, world
    if revision is None:
        world = world._replace(births=world.births + 1)
        revision = 100 * world.births
    before = world.published[1] if world.published and world.published[1] != FOREIGN else (None,) * len(lines)
    files = tuple(
        file if was == line else _shows(file, line, key, behind=bool(world.views))
        for key, (file, was, line) in enumerate(zip(world.files, before, lines, strict=True))
    )
    after = world._replace(files=files, published=(revision, lines))
    for key in range(len(files)):
        _check_clean(after, key)
    return revision, after


def _shows(file: File, line: str | None, key: int, *, behind: bool) -> File:
    past = _advanced(file.past, line, key)
    dropped = file.past[: len(file.past) - len(past)] if behind else ()
    return file._replace(past=past, behind=(*file.behind, *dropped))


def _advanced(
    past: tuple[tuple[str | None, int], ...], line: str | None, key: int
) -> tuple[tuple[str | None, int], ...]:
    for position, (shown, _) in enumerate(past):
        if shown == line:
            return past[position:]
    raise Violation(f"file {key}: the index shows {line!r} again, which the bucket had before {past[0][0]!r}")


# The views.


def get_view(world: World, call: Call, name: int) -> tuple[View | None, World]:
    return world.views[name], world


def put_view(
    world: World, call: Call, name: int, view: View, match: int | None, conditional: bool
) -> tuple[bool, World]:
    """PUT If-Match (None: If-None-Match: *), or without a condition."""
    stored = world.views[name]
    if conditional and match != (stored.revision if stored else None):
        return False, world
    after = world._replace(views=(*world.views[:name], view, *world.views[name + 1 :]))
    for key in range(len(world.files)):
        _check_clean(after, key)
    return True, after


def delete_view(world: World, name: int) -> World | None:
    """Return the world after a view was deleted by hand, or None if none can be."""
    if not world.deletions or world.views[name] is None:
        return None
    views = (*world.views[:name], None, *world.views[name + 1 :])
    return world._replace(views=views, deletions=world.deletions - 1)


# The marker.


def marker(world: World, call: Call) -> tuple[bool, World]:
    return world.reconciled, world


def mark(world: World, call: Call) -> tuple[bool, World]:
    return True, world._replace(reconciled=True)


def drop(world: World, call: Call) -> tuple[bool, World]:
    return True, world._replace(holder=None) if world.holder == call.who else world


# What clients are answered.


def answered(world: World, who: int, answer: object) -> World:
    """Check that the index shows what a client is answered, or something later, and from now on."""
    if not isinstance(answer, tuple):
        return world
    status, key, *provenance = answer
    file = world.files[key]
    if status == 409 and file.package and file.package.upload == who:
        raise Violation(f"file {key}: answered 409 for its own package")
    if any(provenance) and file.package and file.package.upload == who:
        file = file._replace(promised=who)
    return _with(world, key, _shown(file, who, status, key, world) if status in {200, 201, 404, 409} else file)


def _shown(file: File, who: int, status: int, key: int, world: World) -> File:
    past = file.past
    for position, (_, marks) in enumerate(past):
        if marks & 1 << who:
            past = past[position:]
            break
    shown = world.published[1][key] if world.published and world.published[1] != FOREIGN else None
    if all(line != shown for line, _ in past):
        raise Violation(f"file {key}: answered {status}, but the index shows {shown!r} and not {past[0][0]!r} or later")
    allowed = (*file.behind, *file.past)
    own = max((position for position, (_, marks) in enumerate(allowed) if marks & 1 << who), default=0)
    for view in world.views:
        seen = view.lines[key] if view else NOT_IN_VIEW
        if seen != NOT_IN_VIEW and all(line != seen for line, _ in allowed[own:]):
            raise Violation(f"file {key}: answered {status}, but a view shows {seen!r} and not {allowed[own][0]!r}")
    return file._replace(past=_advanced(past, shown, key))


def check_quiet(world: World, *, indexed: bool, provenance: bool) -> None:
    """Check that bucket, rows and index agree when all processes have ended."""
    lines: Iterable[str | None] = (
        world.published[1] if world.published and world.published[1] != FOREIGN else (None,) * len(world.files)
    )
    for key, (file, line) in enumerate(zip(world.files, lines, strict=True)):
        if indexed:
            _check_agreed(file, line, key)
        for view in world.views:
            if view is not None and view.lines[key] not in {line, NOT_IN_VIEW}:
                raise Violation(f"file {key}: the index shows {line!r}, a view {view.lines[key]!r}")
        if file.package and file.promised == file.package.upload and not file.provenance and provenance:
            raise Violation(f"file {key}: the provenance promised with package {file.package.content!r} is gone")
        if provenance and file.provenance not in {None, file.package.content if file.package else None}:
            raise Violation(f"file {key}: provenance of {file.provenance!r} beside the package {file.package!r}")


def check_one_winner(world: World, answers: dict[int, object], *, crashed: bool) -> None:
    """Check that one process was answered 201 and its bytes are there; a crashed one may have been the winner."""
    winners = [who for who, answer in answers.items() if isinstance(answer, tuple) and answer[0] == 201]
    package = world.files[0].package
    if len(winners) != 1 and not (crashed and not winners):
        raise Violation(f"{len(winners)} uploads of one version were answered 201")
    if winners and (package is None or package.upload != winners[0]):
        raise Violation(f"{winners[0]} was answered 201, but {package!r} is served")


def _check_agreed(file: File, line: str | None, key: int) -> None:
    if file.row is not None and file.row.dirty:
        raise Violation(f"file {key}: the row is left dirty")
    wanted = line_of(file.package.content) if file.package else None
    if line != wanted:
        raise Violation(f"file {key}: the bucket has {wanted!r}, the index shows {line!r}")


def _with(world: World, key: int, file: File) -> World:
    files = world.files
    return world._replace(files=(*files[:key], file, *files[key + 1 :]))
