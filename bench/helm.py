"""Real Helm on our index, and on one of the same content as YAML."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from charthouse.helm.index import Envelope, Index

from bench.content import as_yaml, entries, entry, file_of
from bench.figures import Figure, milliseconds
from local import tools
from tests.builders import a_package

VERSIONS, CHARTS = 20_000, 200


def figures() -> Iterator[Figure]:
    """Measure what a user waits for, with both Helms."""
    index = Index.fold(Envelope(), entries(VERSIONS, CHARTS)).data
    newest = entry(100, VERSIONS // CHARTS - 1)
    with tempfile.TemporaryDirectory() as scratch:
        for form, body in (("json", index), ("yaml", as_yaml(json.loads(index)))):
            folder = Path(scratch, form)
            (folder / "charts").mkdir(parents=True)
            (folder / "index.yaml").write_bytes(body)
            (folder / "charts" / file_of(newest)).write_bytes(a_package(newest.chart, newest.version))
        with _served(Path(scratch)) as url:
            for major in tools.HELM:
                yield from _of_release(major, url, newest.chart, Path(scratch, f"helm-{major}"))


def _of_release(major: int, url: str, chart: str, home: Path) -> Iterator[Figure]:
    version = tools.HELM[major].version
    commands = {
        "repo add": ["repo", "add", "--force-update", "{form}", f"{url}/{{form}}"],
        "show chart": ["show", "chart", f"{{form}}/{chart}"],
        "search repo": ["search", "repo", f"{{form}}/{chart}"],
    }
    for name, command in commands.items():
        json_ms, yaml_ms = (
            _helm(major, home / form, form, command, times) for form, times in (("json", 3), ("yaml", 1))
        )
        yield Figure(f"helm {name}, Helm {version}, {VERSIONS:,} versions", json_ms, "the same as YAML", yaml_ms)


def _helm(major: int, home: Path, form: str, command: list[str], times: int) -> float:
    """Run the command in a home of its own, so that a repository does not slow down the other's commands."""
    environment = {**os.environ, **{f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}}
    program = [str(tools.helm(major)), *(word.format(form=form) for word in command)]
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
