"""Many upload at once, some are killed, others read meanwhile."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.repository import Repository
from tests.builders import a_package
from tests.load.killing import kill_one
from tests.load.watching import digest, files, in_bucket, is_whole, listed, publications, read_index, without_doubles

UPLOADS = 64
CUT = 8
"""Further clients whose connection breaks: half of them within the package, half before they read the answer."""
KILLED = 4
"""Upload functions killed while they work."""
READERS = 3


def test_of_parallel_uploads_each_acknowledged_one_is_listed_once(
    deployment: Deployment, emulator: Emulator, report: Callable[[str], None]
) -> None:
    """Sixty-four clients, eight broken connections, four killed functions, three readers that never stop.

    A reader may demand of every index it fetches that it has all that was acknowledged (201) before it asked.
    """
    repository = deployment.repository("parallel")
    assert repository.upload(a_package("first", "1.0.0")).status == 201
    packages = {f"app-1.0.{number}.tgz": a_package("app", f"1.0.{number}") for number in range(UPLOADS + CUT)}
    shown, ended = {"first-1.0.0.tgz"}, threading.Event()
    before, started = publications(deployment, "parallel"), time.monotonic()
    with ThreadPoolExecutor(UPLOADS + CUT + READERS + 1) as clients:
        readers = [clients.submit(read_on, repository, shown, ended) for _ in range(READERS)]
        killer = clients.submit(kill_some, emulator, ended)
        cut = [
            clients.submit(cut_off, repository, packages[f"app-1.0.{number}.tgz"], whole=number % 2 == 0)
            for number in range(UPLOADS, UPLOADS + CUT)
        ]
        uploads = {
            file: clients.submit(send, repository, file, packages[file], shown) for file in [*packages][:UPLOADS]
        }
        statuses = {file: upload.result() for file, upload in uploads.items()}
        seconds = time.monotonic() - started
        for one in cut:
            one.result()
        ended.set()
        reads = sum(reader.result() for reader in readers)
        killed = killer.result()

    assert eventually(lambda: is_whole(deployment, "parallel"), bool, 60)
    found = without_doubles(listed(read_index(repository)))
    acknowledged = {file for file, status in statuses.items() if status in {201, 202}}
    assert acknowledged <= found.keys()
    # A client cut off, or a function killed, may have stored its package or not; what is stored is what was sent.
    assert found.keys() <= {"first-1.0.0.tgz", *packages}
    assert all(found[file] == digest(packages[file]) for file in found.keys() - {"first-1.0.0.tgz"})
    assert found == in_bucket(deployment, "parallel")
    # 500 is for the clients of a killed function, 503 for what the gateway had no room for.
    assert set(statuses.values()) <= {201, 202, 500, 503}
    assert killed > 0
    assert len(acknowledged) >= UPLOADS - killed
    published = publications(deployment, "parallel") - before
    report(
        f"{UPLOADS} parallel uploads, {CUT} cut off, {killed} functions killed: {len(acknowledged)} acknowledged "
        f"({sum(status == 202 for status in statuses.values())} with 202) in {seconds:.1f} s, "
        f"{len(found) - 1} listed, {published} publications, {reads} reads meanwhile"
    )
    # How many depends on how fast they arrive; that they share publications at all does not.
    assert published < len(found)


def send(repository: Repository, file: str, package: bytes, shown: set[str]) -> int:
    status = repository.upload(package).status
    if status == 201:
        shown.add(file)
    return status


def read_on(repository: Repository, shown: set[str], ended: threading.Event) -> int:
    """Read index, list and a package again and again; each has to know what was acknowledged before."""
    reads = 0
    while not ended.is_set():
        due = set(shown)
        assert due <= files(read_index(repository))
        versions = {f"app-{entry['version']}.tgz" for entry in repository.call("GET", "/charts").json().get("app", [])}
        assert due - {"first-1.0.0.tgz"} <= versions
        assert repository.read(f"/charts/{max(due)}").status == 200
        reads += 3
    return reads


def cut_off(repository: Repository, package: bytes, *, whole: bool) -> None:
    """Upload, and be gone: within the package, or before the answer."""
    parts = urlsplit(repository.api)
    head = (
        f"POST {parts.path}/charts HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {repository.authorization}\r\n"
        f"Content-Type: application/gzip\r\nContent-Length: {len(package)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + (package if whole else package[: len(package) // 2]))
        time.sleep(0.2)


def kill_some(emulator: Emulator, ended: threading.Event) -> int:
    """Kill processes of the upload function as long as there are uploads, one after the other; return how many."""
    killed: set[int] = set()
    while len(killed) < KILLED and not ended.wait(0.7):
        killed |= kill_one(emulator, "UploadCharts")
    return len(killed)
