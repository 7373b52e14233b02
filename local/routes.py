"""Which route of an HTTP API a request takes.

Rules: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

DEFAULT = "$default"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a deployed API and the function behind it."""

    key: str
    """`GET /api/{proxy+}`, `ANY /`, or `$default`."""
    function: str
    """ARN of the function."""

    @property
    def method(self) -> str:
        """The method, or `ANY`; empty for the default route."""
        return self.key.partition(" ")[0] if " " in self.key else ""

    @property
    def segments(self) -> list[str]:
        """The path's segments."""
        return _segments(self.key.partition(" ")[2])

    @property
    def greedy(self) -> bool:
        """Return whether it ends in a variable that matches the whole rest of the path."""
        return self.segments[-1].endswith("+}")


@dataclass(frozen=True, slots=True)
class Match:
    """The route taken, and what its path variables stand for."""

    route: Route
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of an API."""

    routes: tuple[Route, ...]

    @classmethod
    def of(cls, routes: Iterable[Route]) -> Self:
        """Order them so that the first that fits is the one AWS takes: full before greedy before default."""
        return cls(tuple(sorted(routes, key=_rank)))

    def match(self, method: str, path: str) -> Match | None:
        """Return the route for a method and a decoded path, or None: `{"message":"Not Found"}`."""
        for route in self.routes:
            if route.key == DEFAULT:
                return Match(route)
            if route.method in {method, "ANY"}:
                parameters = _fit(route, _segments(path))
                if parameters is not None:
                    return Match(route, parameters)
        return None


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _rank(route: Route) -> tuple[bool, bool, list[int], bool]:
    if route.key == DEFAULT:
        return True, True, [], True
    # A longer literal beginning is more specific, so the list of kinds ends in a 3 that sorts behind every segment.
    kinds = [2 if name.endswith("+}") else 1 if name.startswith("{") else 0 for name in route.segments]
    return False, route.greedy, [*kinds, 3], route.method == "ANY"


def _fit(route: Route, path: list[str]) -> dict[str, str] | None:
    pattern = route.segments
    if len(path) != len(pattern) and not (route.greedy and len(path) > len(pattern)):
        return None
    parameters: dict[str, str] = {}
    for position, name in enumerate(pattern):
        if name.endswith("+}"):
            parameters[name[1:-2]] = "/".join(path[position:])
        elif name.startswith("{"):
            parameters[name[1:-1]] = path[position]
        elif name != path[position]:
            return None
    # A variable stands for something: `/{proxy+}` does not serve `/`.
    return parameters if all(parameters.values()) else None
