"""A sync straight into the bucket, past the API.

The emulator stores and reports about thirty objects a second while functions run beside it on two cores, so by default
only a quarter of a real sync is made: `CHARTHOUSE_LOAD_PACKAGES=2000` makes a whole one, in a minute or two.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.repository import Repository
from tests.builders import a_package
from tests.load.watching import digest, files, listed, publications, read_index, without_doubles

PACKAGES = int(os.environ.get("CHARTHOUSE_LOAD_PACKAGES", "500"))
"""Packages copied."""
SECONDS = 300.0
"""Until all must be listed."""


def test_every_package_copied_into_the_bucket_is_listed(deployment: Deployment, report: Callable[[str], None]) -> None:
    repository = deployment.repository("copied")
    packages = {
        f"chart{number % 50}-1.0.{number}.tgz": a_package(f"chart{number % 50}", f"1.0.{number}")
        for number in range(PACKAGES)
    }
    started = time.monotonic()

    with ThreadPoolExecutor(4) as copying:
        list(copying.map(lambda file: deployment.put(f"copied/{file}", packages[file]), packages))
    copied = time.monotonic() - started
    found = eventually(lambda: shown(repository), lambda files: len(files) >= PACKAGES, SECONDS)
    seconds = time.monotonic() - started

    assert found == packages.keys()
    assert without_doubles(listed(read_index(repository))) == {file: digest(body) for file, body in packages.items()}
    published = publications(deployment, "copied")
    report(
        f"{PACKAGES} packages copied into the bucket in {copied:.1f} s: all listed {seconds:.1f} s after the first, "
        f"{published} publications"
    )
    # How many depends on the batches the queue makes of them.
    assert published < PACKAGES / 4


def shown(repository: Repository) -> set[str]:
    return files(read_index(repository))
