"""A push into ChartMuseum, where there is one on PATH, on a disk of this machine."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from bench import operations
from bench.content import file_name, package, version_name
from bench.figures import Figure
from bench.operations import placed
from local.emulator import free_port
from local.progress import Trouble, say
from tests.acceptance.repository import ask

SIZES = (1_000, 5_000)
FORMS = {"YAML": (), "JSON": ("--json-index",)}
TIMES = 5
START_SECONDS = 120


def figures() -> Iterator[Figure]:
    """Measure until the index shows the version, which is when ours answers."""
    program = shutil.which("chartmuseum")
    if program is None:
        say("  chartmuseum is not on PATH: left out.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        for versions in SIZES:
            repository, charts = Path(scratch, "repository"), Path(scratch, str(versions))
            operations.measure("import", versions, repository)
            ours = operations.measure("push", versions, repository)
            charts.mkdir()
            for number in range(versions):
                (charts / file_name(*placed(number))).write_bytes(package(*placed(number)))
            for form, options in FORMS.items():
                with _serving([program, *options], charts) as url:
                    listed, answered = min(_push(url, versions + number) for number in range(TIMES))
                yield Figure(
                    f"push into {versions:,} versions, as on AWS",
                    max(ours.invocations) * 1000,
                    f"ChartMuseum, {form} index",
                    listed * 1000,
                    note=f"processor {ours.processor * 1000:.0f} ms; it answers after {answered * 1000:.0f} ms",
                )


def _push(url: str, number: int) -> tuple[float, float]:
    """Return the seconds until the index lists it, and until the answer; the version is deleted afterwards."""
    chart, version = placed(number)
    body, began = package(chart, version), time.perf_counter()
    if ask("POST", f"{url}/api/charts", body).status != HTTPStatus.CREATED:
        raise Trouble("ChartMuseum did not take a package.")
    answered = time.perf_counter() - began
    while file_name(chart, version).encode() not in ask("GET", f"{url}/index.yaml").body:
        time.sleep(0.001)
    listed = time.perf_counter() - began
    ask("DELETE", f"{url}/api/charts/{chart}/{version_name(version)}")
    return listed, answered


@contextmanager
def _serving(command: list[str], charts: Path) -> Iterator[str]:
    port = free_port()
    options = [f"--port={port}", "--listen-host=127.0.0.1", "--storage=local", f"--storage-local-rootdir={charts}"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(url := f"http://127.0.0.1:{port}", process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until it has read all packages: then it answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if ask("GET", f"{url}/index.yaml").status == HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.1)
    raise Trouble("ChartMuseum did not start.")
