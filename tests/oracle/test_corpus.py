"""Packages are judged as real Helm judges them: the same verdict and the same entry, or a rule users can look up."""

import json
from pathlib import Path
from typing import Any

import pytest
from charthouse.errors import BadPackage
from charthouse.helm.entry import render_entry
from charthouse.helm.index_check import check_line
from charthouse.helm.package import Package

from tests.oracle.corpus import CORPUS, DIFFERENT
from tests.oracle.judge import Verdict, judge

RULES = (Path(__file__).parents[2] / "docs" / "packages.md").read_text()
KNOWN_DIFFERENCES = {f"{rule}: {name}": package for rule, cases in DIFFERENT.items() for name, package in cases.items()}

type Verdicts = dict[str, tuple[Verdict, Verdict]]


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    packages = CORPUS | KNOWN_DIFFERENCES
    return dict(zip(packages, judge(list(packages.values())), strict=True))


def listed(package: bytes) -> Any:
    """Return the metadata of the index entry as JSON has it, or raise `BadPackage`."""
    read = Package.read(package)
    line = render_entry(read, "2026-11-20T15:49:01Z")
    check_line(line)
    return {key: value for key, value in json.loads(line).items() if key not in ("created", "digest", "urls")}


@pytest.mark.parametrize("name", CORPUS)
def test_a_package_is_listed_or_refused_as_by_helm(name: str, verdicts: Verdicts) -> None:
    helm3, helm4 = verdicts[name]
    assert not helm3.error.startswith("panic")

    if helm3.metadata is None:
        with pytest.raises(BadPackage):
            listed(CORPUS[name])
    else:
        assert listed(CORPUS[name]) == helm3.metadata
        assert helm4.metadata == helm3.metadata


@pytest.mark.parametrize("name", KNOWN_DIFFERENCES)
def test_a_package_helm_loads_is_refused_by_a_documented_rule(name: str, verdicts: Verdicts) -> None:
    assert verdicts[name][0].metadata is not None
    with pytest.raises(BadPackage):
        listed(KNOWN_DIFFERENCES[name])


@pytest.mark.parametrize("rule", DIFFERENT)
def test_each_rule_has_a_section_users_can_read(rule: str) -> None:
    assert f"\n## {rule}\n" in RULES


def test_the_corpus_is_large_and_has_both_verdicts(verdicts: Verdicts) -> None:
    accepted = [name for name in CORPUS if verdicts[name][0].metadata is not None]

    assert len(CORPUS) > 600
    assert 200 < len(accepted) < len(CORPUS) - 200
