"""template.yaml as plain data, and as much of CloudFormation's language as its conditions are written in."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Ref x` is read as `{"Ref": "x"}`, `!Sub x` as `{"Fn::Sub": "x"}`."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Node:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def read_template() -> Node:
    """Return the template as it is written, before SAM's transform."""
    # The loader is a SafeLoader, which the rule cannot see.
    found: Node = yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506
    return found


TEMPLATE = read_template()
PARAMETERS: Node = TEMPLATE["Parameters"]
RESOURCES: Node = TEMPLATE["Resources"]
GLOBALS: Node = TEMPLATE["Globals"]["Function"]


def resources(kind: str) -> dict[str, Node]:
    """Return logical id → resource of one type."""
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = resources("AWS::Serverless::Function")


def folder(logical_id: str) -> str:
    """Return the folder of a function: `ReadFiles` → `read_files`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", logical_id).lower()


def constant(function: str, name: str) -> int:
    """Return a number from the module of the function in this folder, without importing the SDK."""
    source = (ROOT / "functions" / function / "app.py").read_text()
    return int(re.search(rf"^{name} = (\d+)$", source, re.MULTILINE)[1])  # type: ignore[index]  # fails if it is gone


def values(overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return every parameter's value as CloudFormation passes it: its default, or what is given."""
    return {name: str(parameter["Default"]) for name, parameter in PARAMETERS.items()} | dict(overrides or {})


def holds(expression: Any, given: Mapping[str, str]) -> bool:
    """Evaluate a condition function over parameter values."""
    ((function, arguments),) = expression.items()
    match function:
        case "Fn::Equals":
            left, right = (given[one["Ref"]] if isinstance(one, dict) else one for one in arguments)
            return bool(left == right)
        case "Fn::Not":
            return not holds(arguments[0], given)
        case "Fn::And":
            return all(holds(one, given) for one in arguments)
        case "Fn::Or":
            return any(holds(one, given) for one in arguments)
        case "Condition":
            return holds(TEMPLATE["Conditions"][arguments], given)
    raise ValueError(f"{function} is not used in this template's conditions")


def refusals(given: Mapping[str, str]) -> list[str]:
    """Return what the Rules section says against these values."""
    return [
        assertion["AssertDescription"]
        for rule in TEMPLATE["Rules"].values()
        if "RuleCondition" not in rule or holds(rule["RuleCondition"], given)
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"], given)
    ]


def exists(logical_id: str, given: Mapping[str, str]) -> bool:
    """Tell whether a resource is made with these values."""
    condition = RESOURCES[logical_id].get("Condition")
    return condition is None or holds({"Condition": condition}, given)


def walk(node: Any) -> Iterator[Any]:
    """Yield the node and everything below it."""
    yield node
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in below:
        yield from walk(child)


def named(node: Any) -> set[str]:
    """Return every logical id and parameter that the node refers to."""
    found: set[str] = set()
    for one in walk(node):
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("Ref"), str):
            found.add(one["Ref"])
        if "Fn::GetAtt" in one:
            found.add(one["Fn::GetAtt"][0])
        if "Fn::Sub" in one:
            text = one["Fn::Sub"] if isinstance(one["Fn::Sub"], str) else one["Fn::Sub"][0]
            found |= {name.partition(".")[0] for name in re.findall(r"\$\{([^}]+)\}", text)}
    return found


def routed(method: str, path: str) -> str:
    """Return the logical id of the function a request reaches: full path before greedy path before `$default`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
    """
    return max((_precision(key, method, path), function) for key, function in ROUTES.items())[1]


def _precision(key: str, method: str, path: str) -> tuple[int, int]:
    if key == "$default":
        return (0, 0)
    verb, _, pattern = key.partition(" ")
    if verb not in {method, "ANY"}:
        return (-1, 0)
    greedy = pattern.endswith("/{proxy+}")
    stem = pattern.removesuffix("{proxy+}")
    if greedy and path.startswith(stem) and len(path) > len(stem):
        return (1, len(stem))
    return (2, 0) if pattern == path else (-1, 0)


def _routes() -> dict[str, str]:
    found: dict[str, str] = {}
    for route in resources("AWS::ApiGatewayV2::Route").values():
        key = route["Properties"]["RouteKey"]
        integration = re.sub(r"integrations/\$\{(\w+)\}", r"\1", route["Properties"]["Target"]["Fn::Sub"])
        uri = RESOURCES[integration]["Properties"]["IntegrationUri"]["Fn::GetAtt"]
        found[key["Fn::Sub"] if isinstance(key, dict) else key] = uri[0]
    return found


ROUTES = _routes()
"""Route key → logical id of the function; those below the base path with `${ContextPath}` in them."""
