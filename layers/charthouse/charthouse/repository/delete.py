"""delete: remove one version of a chart, or all of them, so that the index agrees when the answer says so."""

from charthouse.errors import NotFound, Unavailable
from charthouse.ports import Row
from charthouse.repository.outcome import Outcome, published
from charthouse.repository.remove import remove
from charthouse.repository.settle import settle
from charthouse.repository.store import PATIENCE, Store, folder
from charthouse.repository.turns import take_in


def delete_version(store: Store, repo: str, name: str, version: str, *, patient: bool = True) -> Outcome:
    """Delete the file `<name>-<version>.tgz` and its provenance.

    The file name decides, as in ChartMuseum: `x-1` `2` and `x` `1-2` are the same file. Raises `NotFound` if there is
    none, after making sure that the index agrees: a delete that crashed is finished by its retry.
    """
    # No version has a space: should a gateway have made one of a `+`, this is the way back.
    file = f"{name}-{version.replace(' ', '+')}.tgz"
    return _delete(store, repo, [file], "chart version not found", patient=patient)


def delete_chart(store: Store, repo: str, name: str, *, patient: bool = True) -> Outcome:
    """Delete every version of the chart and their provenance; raises `NotFound` if there is none.

    Raises `Unavailable` while a version is left, though others may be gone by then: its retry deletes the rest.
    """
    marker = store.markers.get(repo)
    if marker is None or marker.reconciled is None:
        # No row tells of what was in the bucket before the table was.
        take_in(store, repo, until=store.clock.now() + PATIENCE)
    files = [row.file for row in store.table.chart(repo, name)]
    return _delete(store, repo, files, "chart not found", patient=patient)


def _delete(store: Store, repo: str, files: list[str], missing: str, *, patient: bool) -> Outcome:
    until = store.clock.now() + PATIENCE
    removed: list[str] = []
    rows: list[Row] = []

    def remove_one(file: str) -> None:
        if remove(store, f"{folder(repo)}{file}", until=until):
            removed.append(file)

    store.each(remove_one, files)
    try:
        store.each(lambda file: rows.append(settle(store, repo, file, until=until)), files)
        # A chart without rows may have been deleted by somebody who died before the index knew: wait for all there is.
        rows = rows or store.table.dirty(repo)
        outcome = published(store, rows, until=until, patient=patient or not removed)
    except Unavailable as failure:
        if not removed:
            raise
        store.journal.note("left_to_the_event", repository=repo, file=removed[0], reason=failure.message)
        return Outcome.STORED
    if removed:
        return outcome
    if outcome is Outcome.STORED:
        raise Unavailable(f"{missing}, and the index does not say so yet: try again")
    raise NotFound(missing)
