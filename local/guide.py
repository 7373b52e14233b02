"""What `make run` prints: the URL, and commands that work when pasted into any terminal."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from local.places import ROOT

EXAMPLE = ("org1", "repo1")


def guide(url: str, parameters: Mapping[str, str], data: Path | None = None) -> str:
    """Return the text. `data` is the stack's data folder where it is not the usual one."""
    repo = _example_repo(parameters)
    context = parameters.get("ContextPath", "").rstrip("/")
    repository = "/".join(filter(None, [url + context, repo]))
    uploads = "/".join(filter(None, [f"{url}{context}/api", repo, "charts"]))
    lines = [
        f"The chart repository is at {repository}",
        "",
        f"  helm repo add charthouse {' '.join([repository, *_helm_credentials(parameters, data)])}",
        "",
        "  helm create mychart && helm package mychart",
        *_upload(parameters, uploads, repo, data),
        "  helm repo update charthouse && helm search repo charthouse",
        "",
        "Ctrl-C stops it; the charts are kept for the next `make run`.",
    ]
    return "\n".join(lines)


def _example_repo(parameters: Mapping[str, str]) -> str:
    if parameters.get("DepthDynamic") == "true":
        return "/".join(EXAMPLE)
    depth = int(parameters.get("Depth", "0") or "0")
    return "/".join([*EXAMPLE, *(f"part{number}" for number in range(3, depth + 1))][:depth])


def _helm_credentials(parameters: Mapping[str, str], data: Path | None) -> list[str]:
    if parameters.get("AuthAnonymousGet") == "true":
        return []
    if parameters.get("AccessPolicy") == "true":
        user = "user NAME=me REPOSITORIES='**' ACTIONS=pull RENEW=1"
        return ["--username", "me", "--password", f'"$({_make(data)} {user})"']
    if not parameters.get("BasicAuthUser"):
        return []
    user, password = parameters["BasicAuthUser"], parameters.get("BasicAuthPass", "")
    return ["--username", shlex.quote(user), "--password", shlex.quote(password)]


def _upload(parameters: Mapping[str, str], uploads: str, repo: str, data: Path | None) -> list[str]:
    if parameters.get("BearerAuth") == "true":
        named = f" REPO={repo}" if repo else ""
        token = f"$({_make(data)} token{named})"
        return [f'  curl --data-binary @mychart-0.1.0.tgz -H "Authorization: Bearer {token}" {uploads}']
    if parameters.get("BasicAuthUser"):
        user = f"{parameters['BasicAuthUser']}:{parameters.get('BasicAuthPass', '')}"
        return [f"  curl --data-binary @mychart-0.1.0.tgz -u {shlex.quote(user)} {uploads}"]
    if parameters.get("AllowAnonymousPush") == "true":
        return [f"  curl --data-binary @mychart-0.1.0.tgz {uploads}"]
    return ["  (uploads are refused: no authentication is configured)"]


def _make(data: Path | None) -> str:
    """Return how make is called in any folder, for this stack."""
    place = f"CHARTHOUSE_DATA={shlex.quote(str(data))} " if data else ""
    return f"{place}make -s -C {shlex.quote(str(ROOT))}"
