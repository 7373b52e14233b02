"""One name, five places: folder, logical id, sample event, test file, first docstring line."""

import ast
import json
import re

import pytest

from tests.template.parsed import FUNCTIONS, GLOBALS, RESOURCES, ROOT, ROUTES, folder, resources, routed

EACH = pytest.mark.parametrize("function", FUNCTIONS)


def test_there_is_a_function_for_every_folder_and_a_folder_for_every_function() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    assert folders == {folder(function) for function in FUNCTIONS}


@EACH
def test_a_function_is_built_from_the_folder_of_its_name(function: str) -> None:
    assert FUNCTIONS[function]["Properties"]["CodeUri"] == f"functions/{folder(function)}"


def test_every_function_is_called_by_the_same_name() -> None:
    assert GLOBALS["Handler"] == "app.handler"
    assert not any("Handler" in function["Properties"] for function in FUNCTIONS.values())


def test_the_samples_are_those_of_the_functions() -> None:
    assert {path.stem for path in (ROOT / "events").iterdir()} == {folder(function) for function in FUNCTIONS}


@EACH
def test_a_function_has_a_test_file_of_its_name(function: str) -> None:
    assert (ROOT / "tests" / "functions" / f"test_{folder(function)}.py").is_file()


@EACH
def test_the_first_line_of_a_function_says_what_reaches_it(function: str) -> None:
    source = (ROOT / "functions" / folder(function) / "app.py").read_text()
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]

    routes = re.findall(r"\b(GET|HEAD|POST|PUT|DELETE) (/[^\s,:;]*)", first)

    if function in ROUTES.values():
        assert routes, first
        assert {routed(method, path) for method, path in routes} == {function}
    else:
        assert _trigger(function) in first.lower()


@EACH
def test_a_sample_is_what_the_template_sends(function: str) -> None:
    sample = json.loads((ROOT / "events" / f"{folder(function)}.json").read_text())

    if function in ROUTES.values():
        http = sample["requestContext"]["http"]
        assert sample["version"] == "2.0"
        assert http["path"] == sample["rawPath"]
        assert ROUTES[sample["routeKey"]] == routed(http["method"], sample["rawPath"]) == function
    elif _trigger(function) == "message":
        assert all(record["eventSource"] == "aws:sqs" for record in sample["Records"])
    else:
        assert sample in _inputs(function)


def _trigger(function: str) -> str:
    mappings = resources("AWS::Lambda::EventSourceMapping").values()
    if any(mapping["Properties"]["FunctionName"] == {"Ref": function} for mapping in mappings):
        return "message"
    assert _inputs(function)
    return "schedule"


def _inputs(function: str) -> list[object]:
    events = RESOURCES[function]["Properties"].get("Events", {}).values()
    return [json.loads(event["Properties"]["Input"]) for event in events if event["Type"] == "Schedule"]
