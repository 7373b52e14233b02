"""The workflows of GitHub: pinned, with the least rights, and running make's own targets."""

import re
from typing import Any

import pytest
import yaml

from tests.template.parsed import ROOT

PATHS = sorted((ROOT / ".github" / "workflows").iterdir())
EACH = pytest.mark.parametrize("name", [path.name for path in PATHS])


def text(name: str) -> str:
    return (ROOT / ".github" / "workflows" / name).read_text()


def jobs(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load(text(name))["jobs"].values())


def test_there_is_one_for_every_push_and_one_by_hand() -> None:
    # YAML 1.1 reads the key `on` as true.
    triggers = {path.name: set(yaml.safe_load(path.read_text())[True]) for path in PATHS}

    assert triggers == {"check.yml": {"push", "pull_request"}, "aws.yml": {"workflow_dispatch"}}


@EACH
def test_every_action_is_pinned_to_a_commit_and_says_which_release_it_is(name: str) -> None:
    used = re.findall(r"uses: (.*)", text(name))

    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)


def test_an_action_has_the_same_commit_everywhere() -> None:
    used = {one for path in PATHS for one in re.findall(r"uses: (.*)", path.read_text())}

    assert len({one.partition("@")[0] for one in used}) == len(used)


@EACH
def test_only_the_one_for_aws_may_ask_for_an_identity(name: str) -> None:
    workflow = yaml.safe_load(text(name))
    rights = [workflow["permissions"], *(job.get("permissions", {}) for job in jobs(name))]
    granted = {right: level for one in rights for right, level in one.items()}

    assert granted == {"contents": "read"} | ({"id-token": "write"} if name == "aws.yml" else {})


@EACH
def test_a_workflow_runs_targets_of_make_and_nothing_else(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for job in jobs(name) for step in job["steps"] if "run" in step]

    assert commands
    assert all(re.fullmatch(r"make [a-z-]+", command) for command in commands)
    assert {command.removeprefix("make ") for command in commands} <= targets


@EACH
def test_no_input_becomes_part_of_a_script(name: str) -> None:
    # https://docs.github.com/en/actions/reference/security/secure-use: untrusted input goes through a variable.
    assert not any("${{" in step.get("run", "") for job in jobs(name) for step in job["steps"])
