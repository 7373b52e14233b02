"""`make index DIR=charts/`: the index of a folder of packages, without deploying anything."""

import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from charthouse.errors import CharthouseError
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.helm.package import Package

from local.progress import Trouble, give_up, say


def index(folder: Path, base_url: str = "") -> bytes:
    """Return the index of the packages directly in the folder; print why a package has no entry."""
    if not folder.is_dir():
        raise Trouble(f"{folder} is no folder: make index DIR=charts/ takes one with packages.")
    envelope = Envelope(base_url=f"{base_url.rstrip('/')}/" if base_url else "")
    now = time.time()
    return Index.fold(envelope, _entries(folder), Stamp.after(0, now, secrets.token_hex(4), _rfc3339(now))).data


def _entries(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.glob("*.tgz")):
        try:
            package = Package.read(path.read_bytes())
            line = render_entry(package, _rfc3339(path.stat().st_mtime))
        except CharthouseError as error:
            say(f"{path.name} has no entry: {error}")
            continue
        if path.name != package.ref.filename:
            say(f"{path.name} has no entry: its Chart.yaml calls it {package.ref.filename}")
            continue
        yield Entry(package.ref.name, package.ref.version, line)


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _print(
    folder: Annotated[str, typer.Option(envvar="DIR", help="Folder of packages")] = "",
    base_url: Annotated[str, typer.Option(envvar="URL", help="Absolute URL the package URLs begin with")] = "",
) -> None:
    """Print the index of a folder of packages."""
    try:
        sys.stdout.buffer.write(index(Path(folder or "."), base_url))
    except Trouble as trouble:
        give_up(trouble)


if __name__ == "__main__":
    typer.run(_print)
