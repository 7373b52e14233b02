"""Templates and values are read from a package as ChartMuseum shows them."""

import json
import tracemalloc

import pytest
from charthouse.errors import BadPackage, NotFound, TooLarge
from charthouse.helm.chart_files import templates, values
from charthouse.settings import MAX_ANSWER

from tests.builders import a_package, an_archive

SUBCHART = {"charts/x/Chart.yaml": b"name: x\nversion: 1.0.0\n", "charts/x/templates/y.yaml": b"no"}


def test_the_charts_own_templates_come_in_base64_with_the_values() -> None:
    package = a_package(
        files={"templates/a.yaml": b"kind: Pod\n", "templates/sub/b.tpl": b"\xff", "values.yaml": b"a: {b: 010}\n"}
        | SUBCHART
    )

    assert json.loads(templates(package)) == {
        "templates": [
            {"name": "templates/a.yaml", "data": "a2luZDogUG9kCg=="},
            {"name": "templates/sub/b.tpl", "data": "/w=="},
        ],
        "values": {"a": {"b": 8}},
    }


def test_no_templates_and_no_values_are_null_and_empty_values_an_empty_object() -> None:
    assert json.loads(templates(a_package(files=SUBCHART))) == {"templates": None, "values": None}
    assert json.loads(templates(a_package(files={"values.yaml": b"# nothing\n"})))["values"] == {}


def test_values_come_as_they_are() -> None:
    assert values(a_package(files={"values.yaml": b"a:   1 # kept\n"})) == b"a:   1 # kept\n"
    assert values(a_package(files={"values.yaml": b""})) == b""


def test_of_two_values_files_the_last_counts() -> None:
    package = an_archive({"c/values.yaml": b"a: 1", "d/values.yaml": b"a: 2"})

    assert values(package) == b"a: 2"


def test_missing_values_are_not_found() -> None:
    with pytest.raises(NotFound, match=r"^values\.yaml not found$"):
        values(a_package(files={"charts/x/values.yaml": b"a: 1\n"}))


def test_broken_values_are_a_bad_package() -> None:
    with pytest.raises(BadPackage, match=r"cannot load values\.yaml"):
        templates(a_package(files={"values.yaml": b"["}))


def test_what_is_too_large_to_answer_is_refused_before_it_is_encoded() -> None:
    """95 MiB of templates in a package of 98 KB; encoded as JSON with one emoji they took four bytes a character."""
    package = a_package(files={f"templates/{number}": bytes(5_000_000) for number in range(9)} | {"templates/x": b"x"})

    tracemalloc.start()
    with pytest.raises(TooLarge, match="60000"):
        templates(package)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 70_000_000
    with pytest.raises(TooLarge):
        values(a_package(files={"values.yaml": b"#" * (MAX_ANSWER + 1)}))
