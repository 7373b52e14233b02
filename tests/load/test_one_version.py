"""One version that eight clients upload, overwrite and delete at once: each reads its own change or a later one.

A linearizability check that does not need the order of the changes at AWS: every change leaves unique content, and of
every change and every look the times of its beginning and end are recorded. A look may show what a change left only if
that change began before the look ended, and only if no other acknowledged change lies wholly between the two: begun
after the one shown had ended, ended before the look began. A client's own change, ended before its look, is such a one,
so an older state is never accepted; a concurrent or later change by another client is.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Answer, Repository
from tests.builders import a_package
from tests.load.watching import digest, is_whole, publications, read_index

CLIENTS, CHANGES = 8, 200
NAME, VERSION = "contested", "1.0.0"
FILE = f"{NAME}-{VERSION}.tgz"
NOTHING = ""
"""The content of a version that is not there."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and what it left: the digest of its package, or `NOTHING`."""

    left: str
    began: float
    ended: float
    """Infinite for a change that was not acknowledged as done: it may take effect whenever it likes, or never."""


@dataclass(frozen=True, slots=True)
class Look:
    """What index, list or download showed."""

    where: str
    saw: str
    began: float
    ended: float


@dataclass
class History:
    """What happened, kept by all clients."""

    changes: list[Change] = field(default_factory=lambda: [Change(NOTHING, -inf, -inf)])
    looks: list[Look] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def wrong(self) -> list[Look]:
        """Return the looks that nothing explains."""
        return [look for look in self.looks if not any(self._explains(change, look) for change in self.changes)]

    def _explains(self, shown: Change, look: Look) -> bool:
        if shown.left != look.saw or shown.began > look.ended:
            return False
        return not any(shown.ended < change.began and change.ended < look.began for change in self.changes)


def test_a_client_reads_its_own_change_or_a_later_one(deployment: Deployment, report: Callable[[str], None]) -> None:
    repository = deployment.repository("contested")
    history, started = History(), time.monotonic()
    numbers, turns = itertools.count(1), threading.Lock()

    def client(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  it decides nothing but the order of a test
        while True:
            with turns:
                number = next(numbers)
            if number > CHANGES:
                return
            if change(repository, history, number, chance.choice(["upload", "overwrite", "delete"])):
                look(repository, history)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(client, seed) for seed in range(CLIENTS)]:
            done.result()
    seconds = time.monotonic() - started

    assert history.wrong() == []
    # 503: a busy machine had no room for it; it may have taken effect or not.
    assert set(history.statuses) <= {200, 201, 202, 404, 409, 503}
    assert len(history.looks) >= CHANGES
    assert is_whole(deployment, "contested")
    counts = ", ".join(f"{status}: {history.statuses.count(status)}" for status in sorted(set(history.statuses)))
    report(
        f"{CHANGES} changes of one version by {CLIENTS} clients in {seconds:.1f} s ({counts}), "
        f"{len(history.looks)} looks, none stale, {publications(deployment, 'contested')} publications"
    )


def test_a_stale_look_would_be_noticed() -> None:
    history = History()
    history.changes += [Change("a", 1, 2), Change("b", 3, 4), Change("c", 3.5, 9), Change(NOTHING, 6, inf)]

    for saw, began, ended, fine in [
        ("a", 1.5, 1.6, True),
        (NOTHING, 1.5, 1.6, True),
        (NOTHING, 2.1, 2.2, False),
        ("b", 2.1, 2.9, False),
        ("a", 3.9, 4.5, True),
        ("a", 4.1, 4.5, False),
        ("c", 4.1, 4.5, True),
        ("b", 9.1, 9.2, True),
        (NOTHING, 9.1, 9.2, True),
        ("never sent", 9.1, 9.2, False),
    ]:
        history.looks = [Look("index", saw, began, ended)]

        assert (history.wrong() == []) == fine, (saw, began)


def change(repository: Repository, history: History, number: int, kind: str) -> bool:
    """Change the version; return whether that was acknowledged as done and published."""
    package = a_package(NAME, VERSION, description=f"change {number}")
    began = time.monotonic()
    if kind == "delete":
        status = repository.delete(NAME, VERSION).status
    else:
        status = repository.upload(package, query="?force" if kind == "overwrite" else "").status
    ended = time.monotonic()
    history.statuses.append(status)
    done = status in {200, 201}
    if status not in {404, 409}:
        history.changes.append(Change(NOTHING if kind == "delete" else digest(package), began, ended if done else inf))
    return done


def look(repository: Repository, history: History) -> None:
    """Read index, list and package, one after the other."""
    for where, see in {"index": in_index, "list": in_list, "download": downloaded}.items():
        began = time.monotonic()
        saw = see(repository)
        history.looks.append(Look(where, saw, began, time.monotonic()))


def in_index(repository: Repository) -> str:
    (entry,) = read_index(repository)["entries"].get(NAME) or [{"digest": NOTHING}]
    return str(entry["digest"])


def in_list(repository: Repository) -> str:
    answer = repository.call("GET", f"/charts/{NAME}/{VERSION}")
    return str(answer.json()["digest"]) if is_there(answer) else NOTHING


def downloaded(repository: Repository) -> str:
    answer = repository.read(f"/charts/{FILE}")
    return digest(answer.body) if is_there(answer) else NOTHING


def is_there(answer: Answer) -> bool:
    assert answer.status in {200, 404}, answer
    return answer.status == 200
