"""Each rule is needed: left out, a scenario shows what breaks, and how."""

import pytest

from tests.model.checker import explore
from tests.model.scenarios import SCENARIOS, provenance_storm

MUTANTS = [
    # publish_index.
    ("rows read before the index", "upload, delete, event", "index"),
    ("index PUT without If-Match", "two uploads of two files, with a crash and a lost answer", "index"),
    ("flags cleared without comparing rev", "upload, delete, event", "clean row"),
    ("no PUT when the bytes look equal", "upload, delete, event", "index"),
    # sync_file.
    ("row written unconditionally", "upload, delete, event", ""),
    ("row from memory", "upload, delete, with a crash and a lost answer", "index"),
    ("no write when the content looks equal", "delete, the same content forced again, event", ""),
    (
        "missing row counts as not listed",
        "two events and a removal beside an index that shows the file, without a row",
        "",
    ),
    # Tombstones.
    ("tombstone expires while a process lives", "upload, delete, event", ""),
    (
        "dirty tombstone expires",
        "lease: a dead holder, a removal that leaves the publication to it, and then only the sweep",
        "the index shows 'a'",
    ),
    ("rev begins again at one", "upload, delete, event", "index"),
    # Upload.
    (
        "PUT of the package without If-None-Match",
        "two uploads of one version, with a crash and a lost answer",
        "2 uploads of one version were answered 201",
    ),
    (
        "412 always read as exists",
        "two uploads of one version, with a crash and a lost answer",
        "answered 409 for its own package",
    ),
    (
        "409 before sync_file and publish_index",
        "two uploads of one version, with a crash and a lost answer",
        "answered 409",
    ),
    # The lease.
    (
        "no look after letting go",
        "lease: event, event of another file, with a crash and a lost answer",
        "left dirty",
    ),
    ("waiter gives up on an expired lease", "lease: two uploads of two files, with a crash", "stuck"),
    (
        "lease not known as one's own",
        "lease: event, event of another file, with a crash and a lost answer",
        "left dirty",
    ),
    # First publication.
    (
        "first publication without listing",
        "first: upload, event, beside an object that was there before, with a crash and a lost answer",
        "",
    ),
    (
        "first publication folds dirty rows only",
        "by hand: a foreign index, delete, upload, with a crash",
        "",
    ),
    (
        "first publication only splices",
        "by hand: an emptied table, an object gone with it, upload, event, with a crash",
        "",
    ),
    (
        "marked before it is published",
        "by hand: an emptied table, an object gone with it, a dead upload, and then another",
        "the index shows 'a'",
    ),
    # Views.
    ("views written before the index", "views: two forced overwrites, with a crash and a lost answer", "view"),
    ("dirty cleared before the views are written", "views: upload, delete, event, with a crash", "a view shows"),
    ("newer view is replaced", "views: two forced overwrites, with a crash and a lost answer", "a view"),
    ("view PUT without a condition", "views: two forced overwrites, with a crash and a lost answer", "a view"),
    (
        "view is not looked at again",
        "views: an index older than them, upload, upload, with a crash and a lost answer",
        "a view",
    ),
    (
        "revision begins again at one",
        "views: the index deleted by hand, its views left, upload, delete, with a crash",
        "a view shows",
    ),
    (
        "empty view is not written where none is",
        "views: the first version of a chart, and its deletion, with a crash",
        "a view shows",
    ),
    (
        "views are not compared",
        "views: one restored by hand, later than the index, and one missing: reconcile, a crash",
        "a view",
    ),
    # A bucket whose versioning was switched on minutes ago.
    (
        "own upload that looks absent is gone",
        "an upload whose object looks absent right after, its event, and a delete",
        "",
    ),
    # Pruning.
    (
        "pruning without If-Match",
        "pruning: upload beside a forced overwrite of the oldest version, with a crash",
        "pruning removed",
    ),
]

PROVENANCE_MUTANTS = [
    ("provenance written unconditionally", "a with provenance", ("force b with provenance", "force a with provenance")),
    (
        "provenance written over what was seen",
        "a with provenance",
        ("force b with provenance", "force a with provenance"),
    ),
    ("provenance is not looked at again", "nothing", ("upload a with provenance", "force b")),
    ("deleted provenance is forgotten", "a with provenance", ("force b", "force a with provenance")),
    ("delete leaves the provenance", "a with provenance", ("delete",)),
    ("upload without provenance leaves what is there", "provenance of a alone", ("upload b",)),
]


@pytest.mark.parametrize(("rule", "sentence", "harm"), MUTANTS, ids=[rule for rule, *_ in MUTANTS])
def test_without_the_rule_a_promise_breaks(rule: str, sentence: str, harm: str) -> None:
    storm = SCENARIOS[sentence](frozenset({rule}))

    explored = explore(storm)

    assert explored.violation is not None
    assert harm in explored.violation


@pytest.mark.parametrize(("rule", "before", "acts"), PROVENANCE_MUTANTS, ids=[rule for rule, *_ in PROVENANCE_MUTANTS])
def test_without_the_rule_provenance_goes_wrong(rule: str, before: str, acts: tuple[str, ...]) -> None:
    storm = provenance_storm(before, acts, frozenset({rule}))

    explored = explore(storm)

    assert explored.violation is not None
    assert "provenance" in explored.violation
