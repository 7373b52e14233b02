"""MiniStack as a process: AWS on one port of this machine, with authorization on, its state in a folder."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from local.places import ROOT
from local.progress import Trouble
from local.tools import emulator_python

REGION = "us-east-1"
START_SECONDS = 60
STOP_SECONDS = 60


class Emulator:
    """One running MiniStack. Several may run side by side, each with its own folder and port.

    Its state is in memory and is saved to the folder only when it is stopped cleanly: by `stop`, by leaving the
    `with` block, or because the process that started it has ended.
    """

    def __init__(
        self, data: Path, port: int | None = None, keep_open: Sequence[int] = (), *, persistent: bool = False
    ) -> None:
        """Take the folder for its state and log; without a port a free one is chosen.

        The process keeps the given file descriptors open, so that a lock is held as long as it runs. Unless it is
        `persistent`, it saves no state and stops at once.
        """
        self.data = data
        self._persistent = persistent
        self._keep_open = tuple(keep_open)
        self.port = free_port() if port is None else port
        self.endpoint = f"http://localhost:{self.port}"
        self.log = data / "emulator.log"
        self.key = RootKey.of(data)
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers; raises `Trouble` if it does not."""
        make_private(self.data)
        shutil.rmtree(self.data / "tmp", ignore_errors=True)
        (self.data / "tmp").mkdir()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [emulator_python(), "-I", ROOT / "local" / "launch_ministack.py"],
                env=self._own_environment(),
                cwd=self.data,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self._keep_open,
                # Its state has passwords in it.
                umask=0o077,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Trouble(f"The AWS emulator did not start on port {self.port}: {self.log} says why.")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, its state saved if it is persistent; it may be started again. Does nothing if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._persistent:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()
        # The functions' files; a killed emulator leaves them.
        shutil.rmtree(self.data / "tmp", ignore_errors=True)

    def running(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def client(self, service: str) -> Any:
        """Return a boto3 client with the root key, which no policy restricts; the same one every time."""
        if service not in self._clients:
            session: Any = boto3.Session(self.key.id, self.key.secret, region_name=REGION)
            config = Config(
                retries={"total_max_attempts": 1},
                read_timeout=910,
                max_pool_connections=64,
                # Without this a presigned URL of S3's has a signature of the old kind.
                signature_version="s3v4" if service == "s3" else None,
            )
            self._clients[service] = session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]

    def environment(self) -> dict[str, str]:
        """Return the variables that direct the AWS CLI, boto3 and SAM here, with the root key."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key.id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    @property
    def control(self) -> dict[str, str]:
        """The header without which the emulator's control paths are refused."""
        return {"X-Charthouse-Secret": self.key.secret}

    def _own_environment(self) -> dict[str, str]:
        """Return the process's environment: the functions inherit it, so it has nothing of the user's own AWS setup."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        # Certificate authorities for the functions, such as that of a token issuer on this machine.
        if authorities := os.environ.get("SSL_CERT_FILE"):
            inherited["SSL_CERT_FILE"] = str(Path(authorities).expanduser().absolute())
        return {
            **inherited,
            **self.environment(),
            "HOME": str(self.data),
            "TMPDIR": str(self.data / "tmp"),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "PERSIST_STATE": str(int(self._persistent)),
            "S3_PERSIST": str(int(self._persistent)),
            "STATE_DIR": str(self.data / "state"),
            "S3_DATA_DIR": str(self.data / "s3"),
            # Several emulators may run at the same time, and only one could listen on the IoT port.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Functions run as processes here; a Docker daemon is not asked.
            "DOCKER_HOST": "unix:///nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health", headers=self.control)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class RootKey:
    """The key of the emulator's root user: random, one per data folder."""

    id: str
    secret: str

    @classmethod
    def of(cls, data: Path) -> Self:
        """Return the folder's key, made the first time; only the owner of the folder can read it."""
        make_private(data)
        file = data / "root-key"
        if not file.exists():
            fresh = [f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)]
            file.touch(mode=0o600)
            file.write_text("\n".join(fresh))
        return cls(*file.read_text().split())


def make_private(folder: Path) -> None:
    """Make a folder, or an existing one, unreadable for other users."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def free_port() -> int:
    """Return an unused port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
