"""Real Helm on our index, on one of the same content as YAML, and on the view of one chart."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from charthouse.helm.index import Entry, Envelope, Index, Stamp

from bench.content import MOMENT, as_yaml, entries, entry, file_of
from bench.figures import Figure, milliseconds
from local import tools
from tests.builders import a_package

VERSIONS, CHARTS = 20_000, 200
LARGE = 150_000
"""Versions of which Helm reads all, or only those of one chart."""

ADD = ("repo", "add", "--force-update", "{repo}", "{url}/{repo}")
UPDATE = ("repo", "update", "{repo}")
PULL = ("pull", "{repo}/{chart}", "--version", "{version}", "--destination", "{home}")
SHOW, SEARCH = ("show", "chart", "{repo}/{chart}"), ("search", "repo", "{repo}/{chart}")


def figures() -> Iterator[Figure]:
    """Measure what a user waits for, with both Helms."""
    with tempfile.TemporaryDirectory() as scratch:
        index, newest = Index.fold(Envelope(), entries(VERSIONS, CHARTS)), entry(100, VERSIONS // CHARTS - 1)
        forms = {"json": index.data, "yaml": as_yaml(json.loads(index.data))}
        commands = {"repo add": ADD, "repo update": UPDATE, "show chart": SHOW, "search repo": SEARCH, "pull": PULL}
        yield from _compared(Path(scratch, "forms"), forms, newest, commands, f"{VERSIONS:,} versions, JSON")
        yield from _merged(Path(scratch, "merged"), index.data, forms["yaml"])
        index, newest = Index.fold(Envelope(), entries(LARGE, CHARTS)), entry(100, LARGE // CHARTS - 1)
        entries.cache_clear()
        views = {"view": index.chart(newest.chart).data, "whole": index.data}
        commands = {"repo add": ADD, "repo update": UPDATE, "pull": PULL}
        yield from _compared(Path(scratch, "views"), views, newest, commands, f"one chart of {LARGE:,} versions")


def _compared(
    folder: Path, indexes: Mapping[str, bytes], newest: Entry, commands: Mapping[str, Sequence[str]], what: str
) -> Iterator[Figure]:
    """Measure the commands on two repositories, the first of which is ours, named as they are told apart."""
    for repo, index in indexes.items():
        (folder / repo / "charts").mkdir(parents=True)
        (folder / repo / "index.yaml").write_bytes(index)
        (folder / repo / "charts" / file_of(newest)).write_bytes(a_package(newest.chart, newest.version))
    ours, theirs = indexes
    with _served(folder) as url:
        for major, release in tools.HELM.items():
            for name, command in commands.items():
                mine, others = (
                    _helm(major, folder / f"{repo}-{major}", _words(command, repo, url, newest), times)
                    for repo, times in ((ours, 3), (theirs, 1))
                )
                yield Figure(f"helm {name}, Helm {release.version}, {what}", mine, f"the same, {theirs}", others)


def _words(command: Sequence[str], repo: str, url: str, newest: Entry) -> list[str]:
    known = {"repo": repo, "url": url, "chart": newest.chart, "version": newest.version}
    return [word.format_map({**known, "home": "{home}"}) for word in command]


def _merged(folder: Path, index: bytes, former: bytes) -> Iterator[Figure]:
    """Measure how one version more comes into the index of a folder of packages."""
    new = entry(0, VERSIONS)
    folder.mkdir()
    (folder / file_of(new)).write_bytes(a_package(new.chart, new.version))
    (folder / "former.yaml").write_bytes(former)

    def publish() -> None:
        read = Index.read(index, Envelope())
        assert read is not None  # noqa: S101  folded by ourselves
        read.splice({file_of(new): new}, Stamp(2, "11", MOMENT)).count()

    ours = milliseconds(publish)
    for major, release in tools.HELM.items():
        command = ["repo", "index", str(folder), "--merge", str(folder / "former.yaml")]
        theirs = _helm(major, folder / f"helm-{major}", command, 1)
        what = f"publish one of {VERSIONS:,} versions, without AWS"
        yield Figure(what, ours, f"helm repo index --merge, Helm {release.version}", theirs)


def _helm(major: int, home: Path, words: list[str], times: int) -> float:
    """Run the command in a home of its own, so that a repository does not slow down the other's commands."""
    environment = {**os.environ, **{f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}}
    program = [str(tools.helm(major)), *(word.format(home=home) for word in words)]
    run = partial(subprocess.run, program, env=environment, check=True, capture_output=True)
    return milliseconds(run, times)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""
