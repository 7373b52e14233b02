"""Stand-ins for AWS that are programs of their own: versitygw for S3, AWS's own DynamoDB Local for DynamoDB."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.emulator import free_port
from local.tools import dynamodb_local, versitygw

KEY, SECRET = "charthousekey", "charthousesecret"
START_SECONDS = 60


@contextmanager
def versitygw_server(data: Path) -> Iterator[str]:
    """Start versitygw with its buckets in this folder; yield its URL. It knows one pair of keys, `KEY` and `SECRET`."""
    folders = {name: data / name for name in ("objects", "versions")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    port = free_port()
    options = ["--port", f"127.0.0.1:{port}", "--quiet"]
    posix: list[str | Path] = ["posix", "--versioning-dir", folders["versions"], folders["objects"]]
    keys = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with _running([versitygw(), *options, *posix], port, data / "versitygw.log", keys) as endpoint:
        yield endpoint


@contextmanager
def dynamodb_local_server(data: Path) -> Iterator[str]:
    """Start DynamoDB Local, its tables in memory; yield its URL. Any keys will do."""
    port = free_port()
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    quiet = {"DDB_LOCAL_TELEMETRY": "0"}
    with _running([*dynamodb_local(), *options], port, data / "dynamodb-local.log", quiet) as endpoint:
        yield endpoint


@contextmanager
def _running(command: Sequence[str | Path], port: int, log: Path, more: Mapping[str, str]) -> Iterator[str]:
    """Run a server while the block runs; its environment has nothing of the person's own AWS setup."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "JAVA_HOME") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=log.parent, env={**environment, **more}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _listens(port):
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.05)
            yield f"http://localhost:{port}"
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
