"""Each rule of the code is needed: taken out, one of the tests here shows what breaks.

Left out are rules without which every promise still holds, since another rule does their work:

- publish starts again after a lost write: so does its caller, who looks for dirty rows when it has let go.
- remove takes the provenance first: `agree` takes it away afterwards; only a crash could leave it, and may.
- remove says what is gone after its own attempt was deleted by it: a lost answer is looked into before.
- `agree` looks at the package last: whoever replaced it meanwhile looks at the provenance afterwards.
- push waits for what it pruned: the publication that shows its own row shows those rows, too.
- compare looks for lines without a row: the bytes differ, and the index is made from nothing.
- reconcile goes on after a part: beginning again is right as well, and never ends in a large repository.
"""

# ruff: noqa: E501  a text of the code is quoted as it stands

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any

import pytest
from charthouse.repository import (
    align,
    compare,
    delete,
    events,
    provenance,
    prune,
    publish,
    push,
    reconcile,
    remove,
    settle,
    sweep,
    turns,
    write,
)

from tests.storm import test_answers, test_calls, test_repairs
from tests.storm.mutants import mutated
from tests.storm.weather import Fault

type Killer = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with texts replaced, and the test that sees it."""

    module: ModuleType
    rule: str
    """What it does instead."""
    killer: Killer
    changes: tuple[tuple[str, str], ...]


def a_mutant(module: ModuleType, rule: str, killer: Killer, *changes: tuple[str, str]) -> Mutant:
    """Return a mutant; its changes are pairs of a text that is there once, and another."""
    return Mutant(module, rule, killer, changes)


def small() -> None:
    """Run all the small tests."""
    for module in (test_answers, test_repairs):
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for case in _cases(test):
                    test(**case)


def between(handler: str) -> Killer:
    """Let the others run between any two calls of a handler."""
    return lambda: test_calls.test_whoever_runs_between_any_two_calls_breaks_nothing(handler)


def failing(handler: str, fault: Fault) -> Killer:
    """Let a fault happen at every call of a handler."""
    return lambda: test_calls.test_whatever_call_fails_the_answer_is_right(handler, fault)


def twice(first: int) -> Killer:
    """Interrupt the one that interrupts."""
    return lambda: test_calls.test_whoever_is_interrupted_while_interrupting_breaks_nothing(*test_calls.TWICE[first])


def beside() -> None:
    """Interrupt whoever writes or removes packages with provenance beside them."""
    failing("force 1.0.0 b, settled", Fault.LOSE)()
    for first in range(3, len(test_calls.TWICE)):
        twice(first)()


def messages() -> None:
    """Let every call of a batch of messages fail, and deliver only those again that are said to have failed."""
    test_calls.test_a_batch_of_messages_needs_no_sweep()
    test_calls.test_of_a_batch_the_messages_that_failed_are_told_and_no_others_are_needed(Fault.FAIL)


def _cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of every case of a test, as its marks say."""
    choices = []
    for mark in getattr(test, "pytestmark", []):
        names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
        values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
        choices.append([dict(zip(names, value, strict=True)) for value in values])
    for chosen in product(*choices):
        yield {name: value for case in chosen for name, value in case.items()}


MUTANTS = [
    a_mutant(
        settle,
        "row written unconditionally",
        between("push 3.0.0 b, settled"),
        (
            "store.table.put(row, known.rev if known else None)",
            "store.table.put(row, (now := store.table.get(repo, file)) and now.rev)",
        ),
    ),
    a_mutant(
        settle,
        "bucket looked at before the row",
        between("push 3.0.0 b, settled"),
        (
            '        known = store.table.get(repo, file)\n        stored = store.bucket.head(f"{folder(repo)}{file}")\n',
            '        stored = store.bucket.head(f"{folder(repo)}{file}")\n        known = store.table.get(repo, file)\n',
        ),
    ),
    a_mutant(
        settle,
        "no write when the line looks equal",
        small,
        (
            "            store.table.put(row, known.rev if known else None)",
            "            if known is None or known.line != row.line:\n                store.table.put(row, known.rev if known else None)",
        ),
    ),
    a_mutant(
        settle,
        "package in hand used for whatever is stored",
        between("push 3.0.0 b, settled"),
        ("written is not None and written.upload_id == stored.upload_id", "written is not None"),
    ),
    a_mutant(
        settle,
        "another entity tag is the same object",
        small,
        (
            "(known.etag, known.version_id, known.modified) == (stored.etag, stored.version_id, modified)",
            "known.modified == modified",
        ),
    ),
    a_mutant(
        settle,
        "another time is the same object",
        small,
        (
            "(known.etag, known.version_id, known.modified) == (stored.etag, stored.version_id, modified)",
            "known.etag == stored.etag",
        ),
    ),
    a_mutant(
        settle,
        "missing row is taken for a line not shown",
        small,
        (
            "    since = known.dirty if known else None\n",
            "    changed = bool(doubt and known) or row.line != (known.line if known else None)\n    since = known.dirty if known else None\n",
        ),
    ),
    a_mutant(
        settle,
        "doubt counts for nothing",
        small,
        (
            "    since = known.dirty if known else None\n",
            "    changed = known is None or row.line != known.line\n    since = known.dirty if known else None\n",
        ),
    ),
    a_mutant(
        settle,
        "another line makes nothing dirty",
        small,
        (
            "    since = known.dirty if known else None\n",
            "    changed = known is None or doubt\n    since = known.dirty if known else None\n",
        ),
    ),
    a_mutant(
        settle,
        "dirty is taken off again",
        small,
        ("    since = known.dirty if known else None\n", "    since = None\n"),
    ),
    a_mutant(
        settle,
        "dirty tombstone expires",
        small,
        ("if row.etag is None and dirty is None else None", "if row.etag is None else None"),
    ),
    a_mutant(
        settle,
        "rows expire that are no tombstones",
        small,
        ("if row.etag is None and dirty is None else None", "if dirty is None else None"),
    ),
    a_mutant(
        settle,
        "rev stays",
        twice(1),
        ("rev = known.rev + 1 if known", "rev = known.rev if known"),
    ),
    a_mutant(
        settle,
        "rev begins again at one",
        small,
        ("else int(now * 1000)", "else 1"),
    ),
    a_mutant(
        settle,
        "any name is listed",
        small,
        ("if package.ref.filename != row.file:", "if False:"),
    ),
    a_mutant(
        settle,
        "a lost condition is no reason to start again",
        twice(1),
        ("            store.again(until)\n            continue\n", "            return row\n"),
    ),
    a_mutant(
        settle,
        "a gone object leaves its old row",
        small,
        ("    if stored is None:\n        return blank\n", "    if stored is None:\n        return known or blank\n"),
    ),
    a_mutant(
        publish,
        "rows read before the index",
        twice(1),
        (
            "        stored = store.indexes.read(repo)\n",
            "        early, stored = store.table.dirty(repo), store.indexes.read(repo)\n",
        ),
        ("            rows = store.table.dirty(repo)\n", "            rows = early\n"),
    ),
    a_mutant(
        publish,
        "index written unconditionally",
        twice(1),
        ("stored.etag if stored else None", "(seen.etag if (seen := store.indexes.read(repo)) else None)"),
    ),
    a_mutant(
        publish,
        "flags cleared without comparing rev",
        twice(1),
        ("store.table.clear(row,", "store.table.clear(store.table.get(row.repo, row.file) or row,"),
    ),
    a_mutant(
        publish,
        "no write when the bytes look equal",
        between("push 3.0.0 b, settled"),
        (
            "            try:\n                index = index.splice(",
            "            try:\n                was, index = index, index.splice(",
        ),
        (
            "                rebuild = True\n                continue\n",
            "                rebuild = True\n                continue\n            if was.blocks == index.blocks:\n                _clear(store, rows, store.clock.now())\n                return index\n",
        ),
    ),
    a_mutant(
        publish,
        "flags cleared before the index is written",
        small,
        (
            "        now = store.clock.now()\n        try:\n",
            "        now = store.clock.now()\n        _clear(store, rows, now)\n        try:\n",
        ),
    ),
    a_mutant(
        publish,
        "flags never cleared",
        small,
        ("        _clear(store, rows, now)\n", ""),
    ),
    a_mutant(
        publish,
        "only dirty rows folded",
        small,
        ("entries_of(rows), index.revision", "entries_of(row for row in rows if row.dirty), index.revision"),
    ),
    a_mutant(
        publish,
        "an index of nobody's spliced",
        small,
        ("        if index is None or rebuild:", "        if rebuild or not stored:"),
        ("            index = index.splice(", "            index = (index or Index(store.frame(repo))).splice("),
    ),
    a_mutant(
        publish,
        "rebuilding only splices",
        small,
        ("        if index is None or rebuild:", "        if index is None:"),
    ),
    a_mutant(
        publish,
        "rows that are no tombstones expire",
        small,
        ("if row.etag is None else None", "if True else None"),
    ),
    a_mutant(
        publish,
        "a gone row keeps its line",
        small,
        (
            "            index = index.splice({row.file: _entry(row) for row in rows})",
            "            index = index.splice({row.file: _entry(row) for row in rows if row.line})",
        ),
    ),
    a_mutant(
        turns,
        "no look after letting go",
        small,
        ("            if not store.table.dirty(repo):\n                return True\n", "            return True\n"),
    ),
    a_mutant(
        turns,
        "waiting is believing",
        small,
        ("elif rows and all(_shown(store, row) for row in rows):", "elif rows:"),
    ),
    a_mutant(
        turns,
        "a dirty row counts as shown",
        small,
        ("now.rev >= row.rev and now.dirty is None", "now.rev >= row.rev"),
    ),
    a_mutant(
        turns,
        "out of time counts as published",
        small,
        (
            "        if store.clock.now() + pause >= until:\n            return done",
            "        if store.clock.now() + pause >= until:\n            return True",
        ),
    ),
    a_mutant(
        turns,
        "first publication without listing",
        small,
        ("    if unknown:\n        take_in(store, repo, until=until)\n", ""),
    ),
    a_mutant(
        turns,
        "first publication only splices",
        small,
        ("rebuild=unknown", "rebuild=False"),
    ),
    a_mutant(
        turns,
        "marked before it is published",
        small,
        (
            "    counts = publish(",
            "    store.markers.reconciled(repo, timestamp(store.clock.now()))\n    counts = publish(",
        ),
    ),
    a_mutant(
        turns,
        "half a listing is enough",
        small,
        (
            "    if align(store, repo, until=until).next is not None:\n        raise",
            "    if align(store, repo, until=until) is None:\n        raise",
        ),
    ),
    a_mutant(
        turns,
        "a holder that fails keeps the lease",
        small,
        (
            "    try:\n        _publish(store, marker, until)\n    finally:\n        store.markers.drop_lease(repo, owner)\n",
            "    _publish(store, marker, until)\n    store.markers.drop_lease(repo, owner)\n",
        ),
    ),
    a_mutant(
        turns,
        "the lease is never let go",
        small,
        ("    finally:\n        store.markers.drop_lease(repo, owner)\n", "    finally:\n        pass\n"),
    ),
    a_mutant(
        remove,
        "whatever is there is meant",
        small,
        ("            if not meant(package):\n                return False\n", ""),
    ),
    a_mutant(
        remove,
        "lost answer of a delete not looked into",
        small,
        ("            if tried and store.bucket.head(key) is None:\n", "            if False:\n"),
    ),
    a_mutant(
        remove,
        "provenance is not given back",
        beside,
        ("        if removed or taken:\n", "        if False:\n"),
    ),
    a_mutant(
        remove,
        "what was taken away is forgotten",
        small,
        ("agree(store, key, until=until, taken=taken)", "agree(store, key, until=until)"),
    ),
    a_mutant(
        remove,
        "starting again without a Changed",
        small,
        ("        except (Changed, Unavailable) as failure:", "        except Unavailable as failure:"),
    ),
    a_mutant(
        provenance,
        "removed provenance is not held",
        beside,
        ("                held.append(body)\n", ""),
    ),
    a_mutant(
        provenance,
        "provenance written unconditionally",
        beside,
        (
            'store.bucket.create(f"{key}.prov", fitting, store.clock.token())',
            'store.bucket.replace(f"{key}.prov", fitting, store.clock.token())',
        ),
    ),
    a_mutant(
        provenance,
        "provenance is not looked at again",
        beside,
        (
            '                store.bucket.create(f"{key}.prov", fitting, store.clock.token())\n',
            '                store.bucket.create(f"{key}.prov", fitting, store.clock.token())\n                return\n',
        ),
    ),
    a_mutant(
        provenance,
        "any provenance fits",
        beside,
        ("            elif signs(body, digest):\n", "            elif body:\n"),
    ),
    a_mutant(
        provenance,
        "without provenance sent nothing is looked at",
        beside,
        ("            if there is None and not held:\n", "            if not held:\n"),
    ),
    a_mutant(
        provenance,
        "provenance alone overwrites",
        small,
        ("    if overwrite:\n        write.replace", "    if True:\n        write.replace"),
    ),
    a_mutant(
        push,
        "package stored unconditionally",
        small,
        (
            "    elif not write.create(store, key, body, written.upload_id, until=until):",
            "    elif write.replace(store, key, body, written.upload_id) is not None:",
        ),
    ),
    a_mutant(
        push,
        "exists before settle and publish",
        small,
        (
            "        if published(store, [settle(store, repo, file, until=until)], until=until) is Outcome.STORED:\n",
            "        if False:\n",
        ),
    ),
    a_mutant(
        push,
        "exists though the index is late",
        small,
        (" is Outcome.STORED:\n            raise Unavailable(", " is None:\n            raise Unavailable("),
    ),
    a_mutant(
        push,
        "provenance not looked at",
        failing("push 3.0.0 b signed, settled", Fault.LOSE),
        ("    _sign(store, key, package, sent.provenance, until)\n", ""),
    ),
    a_mutant(
        push,
        "provenance looked at before the package is stored",
        failing("push 3.0.0 b signed, settled", Fault.LOSE),
        ("    _sign(store, key, package, sent.provenance, until)\n", ""),
        (
            "    if overwrite:\n        write.replace(store, key",
            "    _sign(store, key, package, sent.provenance, until)\n    if overwrite:\n        write.replace(store, key",
        ),
    ),
    a_mutant(
        push,
        "provenance that was not stored is no failure",
        failing("push 3.0.0 b signed, settled", Fault.CONFLICT),
        ("        if sent:\n            raise Unavailable", "        if False:\n            raise Unavailable"),
    ),
    a_mutant(
        push,
        "a failure after the write is a failure",
        small,
        (
            '        store.journal.note("left_to_the_event", repository=repo, file=file, reason=failure.message)\n        return Outcome.STORED\n',
            "        raise\n",
        ),
    ),
    a_mutant(
        write,
        "own object taken for somebody else's",
        small,
        ("        if stored is not None and stored.upload_id == upload_id:\n            return True\n", ""),
    ),
    a_mutant(
        write,
        "somebody else's object taken for one's own",
        small,
        ("        if stored is not None and stored.upload_id == upload_id:\n", "        if stored is not None:\n"),
    ),
    a_mutant(
        write,
        "lost answer of an overwrite not looked into",
        small,
        ("        if stored is None or stored.upload_id != upload_id:\n            raise\n", "        raise\n"),
    ),
    a_mutant(
        write,
        "failed overwrite taken for done",
        failing("force 1.0.0 b, settled", Fault.FAIL),
        ("        if stored is None or stored.upload_id != upload_id:\n            raise\n", "        return\n"),
    ),
    a_mutant(
        delete,
        "deleted chart's dirty tombstones not waited for",
        small,
        ("        rows = rows or store.table.dirty(repo)\n", ""),
    ),
    a_mutant(
        delete,
        "not found in a hurry",
        small,
        ("patient=patient or not removed", "patient=patient"),
    ),
    a_mutant(
        delete,
        "not found though the index is late",
        small,
        ("    if outcome is Outcome.STORED:\n", "    if False:\n"),
    ),
    a_mutant(
        delete,
        "unknown repository not taken in",
        small,
        ("    if marker is None or marker.reconciled is None:\n", "    if False:\n"),
    ),
    a_mutant(
        delete,
        "a failure before the deletion is a success",
        failing("delete 9.0.0, settled", Fault.FAIL),
        ("        if not removed:\n            raise\n", ""),
    ),
    a_mutant(
        delete,
        "not found before settle and publish",
        small,
        (
            "    store.each(remove_one, files)\n",
            "    store.each(remove_one, files)\n    if not removed:\n        raise NotFound(missing)\n",
        ),
    ),
    a_mutant(
        delete,
        "a failure after the deletion is a failure",
        failing("delete 1.0.0, settled", Fault.FAIL),
        ("        return Outcome.STORED\n", "        raise\n"),
    ),
    a_mutant(
        prune,
        "pruned though it is another by now",
        small,
        ("return seen.etag == row.etag", "return True"),
    ),
    a_mutant(
        prune,
        "the pushed version may go",
        small,
        ("        if row.file != pushed.filename and _remove", "        if _remove"),
    ),
    a_mutant(
        align,
        "a gone object agrees with its row",
        small,
        ("        return row.etag is None\n", "        return True\n"),
    ),
    a_mutant(
        align,
        "a missing row agrees",
        small,
        ("    if row is None:\n        return False\n", "    if row is None:\n        return True\n"),
    ),
    a_mutant(
        align,
        "entity tags are not compared",
        small,
        (
            "(row.etag, row.modified) == (stored.etag, timestamp(stored.modified))",
            "row.modified == timestamp(stored.modified)",
        ),
    ),
    a_mutant(
        align,
        "times are not compared",
        small,
        ("(row.etag, row.modified) == (stored.etag, timestamp(stored.modified))", "row.etag == stored.etag"),
    ),
    a_mutant(
        align,
        "rows without objects are passed over",
        small,
        ("            yield row[0], None, row[1]\n", ""),
    ),
    a_mutant(
        align,
        "objects without rows are passed over",
        small,
        ("            yield *stored, None\n", ""),
    ),
    a_mutant(
        compare,
        "the strict parser is not asked",
        small,
        ("index is None or not _is_strict(stored.body):\n        publish", "index is None:\n        publish"),
    ),
    a_mutant(
        compare,
        "index taken for the fold of the rows",
        small,
        ("    if index.blocks == Index.fold(store.frame(repo), entries_of(rows)).blocks:\n", "    if True:\n"),
    ),
    a_mutant(
        compare,
        "what differs is settled without doubt",
        small,
        (", doubt=True)", ")"),
    ),
    a_mutant(
        compare,
        "right lines are enough",
        small,
        (
            "    # Every line is right, the bytes are not: their order, or something between them.\n    publish(",
            "    return 1\n    publish(",
        ),
    ),
    a_mutant(
        compare,
        "differences not looked at again",
        between("reconcile, left"),
        (
            "        if shown.get(file) != _digest_of(again, row) and not (row and row.dirty) and store.table.get(repo, file) == row\n",
            "",
        ),
    ),
    a_mutant(
        compare,
        "differences left unpublished",
        small,
        ("    if files and not publish_together(store, repo, until=until):", "    if False:"),
    ),
    a_mutant(
        events,
        "failed messages not told",
        messages,
        ("            failed.add(key)\n", ""),
    ),
    a_mutant(
        events,
        "failed publication not told",
        small,
        ("            failed.update(key for key, place in places.items() if place[0] == repo)\n", ""),
    ),
    a_mutant(
        events,
        "settled but not published",
        messages,
        ("                unpublished.add(repo)\n", "                pass\n"),
    ),
    a_mutant(
        sweep,
        "nothing swept",
        small,
        ("            publish_together(store, repo, until=until)\n", "            pass\n"),
    ),
    a_mutant(
        reconcile,
        "index not published",
        small,
        ("    _publish(store, repo, until)\n", ""),
    ),
    a_mutant(
        reconcile,
        "index not compared",
        small,
        ("int(damaged) + compare(store, repo, until=until)", "int(damaged)"),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_without_the_rule_a_promise_breaks(mutant: Mutant) -> None:
    with mutated(mutant.module, *mutant.changes), pytest.raises((AssertionError, LookupError, ValueError)):
        mutant.killer()
