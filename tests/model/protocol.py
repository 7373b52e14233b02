"""protocol: `sync_file`, `publish_index` and their callers, as generators that yield one request per call to AWS.

Each `yield` is one atomic call; the code between two of them touches the process alone. `broken` names the rules that
are left out, so that the tests can show what each of them is for.
"""

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any

from tests.model.checker import Process, Request
from tests.model.world import FOREIGN, NOT_IN_VIEW, Row, Stored, View, line_of

type Step[T] = Generator[Request, Any, T]
NO_INDEX: tuple[None, str] = None, FOREIGN

type Starter = Callable[[int], Process]


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules, for a world of so many files."""

    files: int = 1
    indexed: bool = True
    """False: only package and provenance are stored; rows and index know nothing of provenance, nor it of them."""
    known: bool = True
    """Without a lease: the repository is known to be reconciled, so its state is not read."""
    lease: bool = False
    """False: every process publishes at once, as if every lease had expired."""
    rounds: int = 1
    """Publications of one holder of the lease."""
    keep: int = 0
    """Versions kept per chart (all files are versions of one chart, the last is the newest); 0: all."""
    views: tuple[frozenset[int], ...] = ()
    """The files that each view shows; the gzip copy is one of all files."""
    broken: frozenset[str] = frozenset()

    # The processes.

    def upload(self, key: int, content: str, *, provenance: bool = False, hasty: bool = False) -> Starter:
        """Push a version that may not be there; `hasty` gives up waiting at any moment (202)."""

        def run(who: int) -> Process:
            if (yield from self._create(who, key, content)):
                return (yield from self._finish(who, key, content, provenance=provenance, hasty=hasty))
            if not self.indexed:
                return None
            if "409 before sync_file and publish_index" not in self.broken:
                yield from self._sync_file(key)
                yield from self._publish_for(key, hasty=hasty)
            return 409, key

        return run

    def force(self, key: int, content: str, *, provenance: bool = False, hasty: bool = False) -> Starter:
        """Push a version over whatever is there."""

        def run(who: int) -> Process:
            yield "replace", key, content
            return (yield from self._finish(who, key, content, provenance=provenance, hasty=hasty))

        return run

    def delete(self, key: int) -> Starter:
        """Delete a version."""

        def run(_who: int) -> Process:
            deleted = yield from self._delete(key)
            if not self.indexed:
                return None
            yield from self._sync_file(key)
            yield from self._publish_for(key)
            return 200 if deleted else 404, key

        return run

    def prune(self, key: int, content: str) -> Starter:
        """Prune this content of a version, as another version's upload does."""

        def run(_who: int) -> Process:
            yield from self._delete(key, content)
            return None

        return run

    def event(self, key: int) -> Starter:
        """Handle what the queue delivers: late, twice, or for no reason."""

        def run(_who: int) -> Process:
            yield from self._sync_file(key)
            yield from self._publish_or_leave()
            return None

        return run

    def copy(self, key: int, content: str) -> Starter:
        """Put an object into the bucket by other means; its event follows."""

        def run(_who: int) -> Process:
            yield "replace", key, content
            yield from self._sync_file(key)
            yield from self._publish_or_leave()
            return None

        return run

    def remove(self, key: int) -> Starter:
        """Delete an object from the bucket by other means; its event follows."""

        def run(_who: int) -> Process:
            yield "delete", key, None
            yield from self._sync_file(key)
            yield from self._publish_or_leave()
            return None

        return run

    def reconcile(self) -> Starter:
        """Sync every file whose row differs from the bucket, and fold all rows."""

        def run(_who: int) -> Process:
            yield from self._sync_all()
            yield from self._publish_index(rebuild=True)
            yield from self._verify_views()
            return None

        return run

    def sweep(self) -> Starter:
        """Publish what was left dirty."""

        def run(_who: int) -> Process:
            yield from self._sweep()
            return None

        return run

    def recover(self) -> Starter:
        """Deliver every event (a queue redelivers what was not acknowledged), then sweep."""

        def run(_who: int) -> Process:
            key = 0
            while key < self.files:
                yield from self._sync_file(key)
                key += 1
            yield from self._sweep()
            return None

        return run

    def _sweep(self) -> Step[None]:
        if (yield from self._dirty_keys()):
            yield from self._publish_or_leave()

    # Upload.

    def _create(self, who: int, key: int, content: str) -> Step[bool]:
        if "PUT of the package without If-None-Match" in self.broken:
            yield "replace", key, content
            return True
        while not (yield "create", key, content):
            stored = yield "head_and_note", key
            if stored is not None:
                return bool(stored.upload == who) and "412 always read as exists" not in self.broken
        return True

    def _finish(self, who: int, key: int, content: str, *, provenance: bool, hasty: bool) -> Step[Hashable]:
        if provenance or "upload without provenance leaves what is there" not in self.broken:
            yield from self._sync_provenance(key, frozenset({content} if provenance else ()))
        if not self.indexed:
            return 202, key, provenance
        if not (yield from self._sync_file(key, Stored(content, who, 0))):
            return 202, key, provenance
        if self.keep:
            yield from self._prune(key)
        shown = yield from self._publish_for(key, hasty=hasty)
        return 201 if shown else 202, key, provenance

    def _sync_provenance(self, key: int, candidates: frozenset[str]) -> Step[None]:
        """Make the provenance match the stored package, or delete it.

        It is deleted with If-Match, written with If-None-Match, never replaced. What was deleted is a candidate (also
        if the call failed: its answer may be lost): the package it signs can come back between the HEAD and the
        deletion, and then it is restored.
        """
        while True:
            signs = yield "head_provenance", key
            stored = yield "head", key
            content = stored.content if stored else None
            del stored
            if signs == content is not None:
                return
            if signs is None and content not in candidates:
                return
            if content in candidates and "provenance written over what was seen" in self.broken:
                yield "put_provenance", key, content, signs
            elif content in candidates and "provenance written unconditionally" in self.broken:
                yield "force_provenance", key, content
            elif signs is None:
                yield "put_provenance", key, content, None
            else:
                if "deleted provenance is forgotten" not in self.broken:
                    candidates |= {signs}
                yield "delete_provenance", key, signs
            if signs is None and "provenance is not looked at again" in self.broken:
                return

    def _prune(self, own: int) -> Step[None]:
        rows = yield from self._rows()
        old = _beyond(rows, self.keep, own)
        del rows
        while old:
            (key, tag), old = old[0], old[1:]
            yield from self._delete(key, tag)
            yield from self._sync_file(key)

    # Delete.

    def _delete(self, key: int, only: str | None = None) -> Step[bool]:
        """Delete the package, then its provenance; with `only`, the package of that content alone.

        The provenance goes by the loop that makes it match the package: also where there was none, since an earlier
        delete may have crashed in between.
        """
        done = False
        while not done:
            stored = yield "head_and_note", key
            content = stored.content if stored else None
            del stored
            if content is None or only not in {None, content}:
                break
            done = yield from self._delete_package(key, content, pruning=only is not None)
            # Gone: only the answer was lost, or the SDK's second attempt met what its first had done.
            done = done or (yield "head_and_note", key) is None
            del content
        if "delete leaves the provenance" not in self.broken:
            yield from self._sync_provenance(key, frozenset())
        return done

    def _delete_package(self, key: int, content: str, *, pruning: bool) -> Step[bool]:
        if not pruning:
            return bool((yield "delete", key, content))
        return bool((yield "prune", key, None if "pruning without If-Match" in self.broken else content, content))

    # The first step.

    def _sync_file(self, key: int, own: Stored | None = None) -> Step[bool]:
        """Sync the file; False: what this process has just stored is not to be seen, and its event decides."""
        while True:
            done = yield from self._try_sync_file(key, own)
            if done is not None:
                return done

    def _try_sync_file(self, key: int, own: Stored | None) -> Step[bool | None]:
        """One attempt; None: another process was faster."""
        known = yield "get", key
        if own is not None and "row from memory" in self.broken:
            stored: Stored | None = own
        else:
            stored = yield "head", key
        if stored is None and own is not None and "own upload that looks absent is gone" not in self.broken:
            return False
        in_hand = stored is not None and own is not None and stored.upload == own.upload
        if stored is not None and not in_hand and not (yield "read", key, stored):
            return None
        tag = stored.content if stored else None
        del stored
        if "no write when the content looks equal" in self.broken and known and known.line == line_of(tag):
            return True
        shown = known is None and tag is None and (yield from self._may_be_listed(key))
        row = self._row(known, tag, shown=shown)
        rev = None if "row written unconditionally" in self.broken else row.rev - 1
        del known
        return True if (yield "put", key, row, rev, "rev begins again at one" not in self.broken) else None

    def _may_be_listed(self, key: int) -> Step[bool]:
        """Return whether the index may list a file that has neither row nor object."""
        index = yield ("get_index",)
        lines = (index or NO_INDEX)[1]
        del index
        return "missing row counts as not listed" not in self.broken and (
            isinstance(lines, str) or lines[key] is not None
        )

    def _row(self, known: Row | None, tag: str | None, *, shown: bool) -> Row:
        line = line_of(tag)
        raised = (known.dirty or known.line != line) if known else (tag is not None or shown)
        expires = tag is None and (not raised or "dirty tombstone expires" in self.broken)
        return Row(known.rev + 1 if known else 1, tag, line, raised, 0 if expires else None)

    def _sync_all(self) -> Step[None]:
        key = 0
        while key < self.files:
            if not (yield from self._agrees(key)):
                yield from self._sync_file(key)
            key += 1

    def _agrees(self, key: int) -> Step[bool]:
        stored = yield "head", key
        tag = stored.content if stored else None
        del stored
        row = yield "get", key
        return tag is None if row is None else row.tag == tag

    # The second step.

    def _publish_for(self, key: int, *, hasty: bool = False) -> Step[bool]:
        """Publish, or wait until another process has; False: gave up."""
        if self.lease:
            return (yield from self._publish_shared(key, hasty=hasty))
        yield from self._publish_now()
        return True

    def _publish_or_leave(self) -> Step[None]:
        """Publish, or leave it to the holder of the lease."""
        if self.lease:
            yield from self._publish_shared(None)
        else:
            yield from self._publish_now()

    def _publish_now(self) -> Step[None]:
        if self.known:
            yield from self._publish_index()
        else:
            yield from self._publish_as_holder()

    def _publish_shared(self, key: int | None, *, hasty: bool = False) -> Step[bool]:
        done = False
        while True:
            if (yield ("take",)):
                yield from self._publish_as_holder()
                yield ("drop",)
                done = True
                if "no look after letting go" in self.broken or not (yield from self._dirty_keys()):
                    return True
            elif done or key is None:
                return done
            else:
                why = yield "wait", key, hasty
                if why != "try":
                    return bool(why == "shown")

    def _publish_as_holder(self) -> Step[None]:
        """Publish. A repository never reconciled is listed first, then all rows are folded, only then is it marked."""
        reconciled = yield ("marker",)
        if not reconciled and "first publication without listing" not in self.broken:
            yield from self._sync_all()
        if not reconciled and "marked before it is published" in self.broken:
            yield ("mark",)
        yield from self._publish_index(rebuild=not reconciled and "first publication only splices" not in self.broken)
        if not reconciled:
            yield ("mark",)
        left = self.rounds - 1
        while left:
            yield from self._publish_index()
            left -= 1

    def _publish_index(self, *, rebuild: bool = False, views: frozenset[int] = frozenset()) -> Step[None]:
        """Publish all dirty rows; then the views of their charts, and those that are named; then clear the rows."""
        done = None
        while done is None:
            done = yield from self._try_publish_index(rebuild=rebuild, views=views)
        view = 0
        (used, revision, lines), changed = done, frozenset(key for key, _, _ in done[0])
        del done
        if "dirty cleared before the views are written" in self.broken:
            yield from self._clear(used)
        while view < len(self.views):
            if self.views[view] & changed or view in views:
                yield from self._write_view(view, revision, lines)
            view += 1
        yield from self._clear(used)

    def _clear(self, used: tuple[tuple[int, int, bool], ...]) -> Step[None]:
        while used:
            (key, rev, tombstone), used = used[0], used[1:]
            yield "clear", key, None if "flags cleared without comparing rev" in self.broken else rev, tombstone

    def _try_publish_index(
        self, *, rebuild: bool, views: frozenset[int]
    ) -> Step[tuple[tuple[tuple[int, int, bool], ...], int, tuple[str | None, ...]] | None]:
        """Return the dirty rows used, the revision and the lines; None: a condition failed."""
        rows: tuple[tuple[int, Row], ...] | None = None
        if "rows read before the index" in self.broken:
            rows = yield from self._dirty_rows()
        index = yield ("get_index",)
        tag, lines = index or NO_INDEX
        del index
        fresh = isinstance(lines, str)
        if isinstance(lines, str) or rebuild:
            rows = yield from self._fold()
            lines = (None,) * self.files
        else:
            rows = (yield from self._dirty_rows()) if rows is None else rows
            if not rows and not views:
                return (), 0, lines
        spliced = _spliced(lines, rows)
        used = tuple((key, row.rev, row.tag is None) for key, row in rows if row.dirty)
        equal = spliced == lines
        del rows, lines
        if equal and "no PUT when the bytes look equal" in self.broken:
            return used, tag or 0, spliced
        conditional = "index PUT without If-Match" not in self.broken
        # The time, where that may be needed to be later than what was deleted or restored by hand.
        revision = None if fresh or rebuild else (tag or 0) + 1
        if fresh and "revision begins again at one" in self.broken:
            revision = 1
        if "views written before the index" in self.broken:
            yield from self._write_view(0, revision or 100, spliced)
        revision = yield "put_index", spliced, tag, conditional, revision
        return (used, revision, spliced) if revision else None

    def _write_view(self, view: int, revision: int, lines: tuple[str | None, ...]) -> Step[None]:
        """Write a view cut from the index of this revision, unless one as new or newer is there."""
        cut = self._cut(view, lines)
        del lines
        while True:
            stored = yield "get_view", view
            match = stored.revision if stored else None
            del stored
            if match is not None and match >= revision and "newer view is replaced" not in self.broken:
                return
            if (
                "empty view is not written where none is" in self.broken
                and match is None
                and not any(line not in {None, NOT_IN_VIEW} for line in cut)
            ):
                return
            conditional = "view PUT without a condition" not in self.broken
            done = yield "put_view", view, View(revision, cut), match, conditional
            if done or "view is not looked at again" in self.broken:
                return

    def _verify_views(self) -> Step[None]:
        """Publish again, with the views that are missing or differ from the index they claim to be cut from."""
        if not self.views:
            return
        index = yield ("get_index",)
        tag, lines = index or NO_INDEX
        del index
        view, wrong = 0, frozenset[int]()
        while view < len(self.views) and tag is not None and not isinstance(lines, str):
            stored = yield "get_view", view
            if stored is None or stored.revision > tag or stored.lines != self._cut(view, lines):
                wrong |= {view}
            del stored
            view += 1
        del lines, tag, view
        if wrong and "views are not compared" not in self.broken:
            yield from self._publish_index(rebuild=True, views=wrong)

    def _cut(self, view: int, lines: tuple[str | None, ...]) -> tuple[str | None, ...]:
        return tuple(line if key in self.views[view] else NOT_IN_VIEW for key, line in enumerate(lines))

    def _fold(self) -> Step[tuple[tuple[int, Row], ...]]:
        if "first publication folds dirty rows only" in self.broken:
            return (yield from self._dirty_rows())
        return (yield from self._rows())

    def _dirty_rows(self) -> Step[tuple[tuple[int, Row], ...]]:
        keys = yield from self._dirty_keys()
        found: tuple[tuple[int, Row], ...] = ()
        while keys:
            key, keys = keys[0], keys[1:]
            row = yield "get", key
            if row is not None and row.dirty:
                found = (*found, (key, row))
            del row
        return found

    def _dirty_keys(self) -> Step[tuple[int, ...]]:
        key = 0
        found: tuple[int, ...] = ()
        while key < self.files:
            if (yield "dirty", key):
                found = (*found, key)
            key += 1
        return found

    def _rows(self) -> Step[tuple[tuple[int, Row], ...]]:
        key = 0
        found: tuple[tuple[int, Row], ...] = ()
        while key < self.files:
            row = yield "get", key
            if row is not None:
                found = (*found, (key, row))
            del row
            key += 1
        return found


def _beyond(rows: tuple[tuple[int, Row], ...], keep: int, own: int) -> tuple[tuple[int, str], ...]:
    there = [(key, row.tag) for key, row in rows if row.tag is not None]
    return tuple((key, tag) for key, tag in there[: max(0, len(there) - keep)] if key != own)


def _spliced(lines: tuple[str | None, ...], rows: tuple[tuple[int, Row], ...]) -> tuple[str | None, ...]:
    fresh = {key: row.line for key, row in rows}
    return tuple(fresh.get(key, line) for key, line in enumerate(lines))
