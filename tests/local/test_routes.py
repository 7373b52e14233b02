"""Routes are chosen as AWS chooses them."""

import pytest

from local.routes import Route, Routes

ROUTES = Routes.of(
    Route(key, key)
    for key in [
        "$default",
        "ANY /{proxy+}",
        "GET /pets/{proxy+}",
        "GET /pets/dog/{id}",
        "GET /pets/dog/1",
        "POST /api/{proxy+}",
        "GET /api/{proxy+}",
        "ANY /health",
        "GET /health",
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("POST", "/api/org/charts", "POST /api/{proxy+}"),
        ("GET", "/api/org/charts", "GET /api/{proxy+}"),
        ("DELETE", "/api/org/charts", "ANY /{proxy+}"),
        ("GET", "/health", "GET /health"),
        ("HEAD", "/health", "ANY /health"),
        ("GET", "/", "$default"),
        ("GET", "/api", "ANY /{proxy+}"),
    ],
)
def test_the_most_specific_route_of_the_method_is_taken(method: str, path: str, key: str) -> None:
    match = ROUTES.match(method, path)

    assert match is not None
    assert match.route.key == key


def test_a_greedy_variable_holds_the_rest_of_the_path() -> None:
    match = ROUTES.match("GET", "/api/org/team/charts/")

    assert match is not None
    assert match.parameters == {"proxy": "org/team/charts/"}


def test_nothing_fits_where_there_is_no_default_route() -> None:
    routes = Routes.of([Route("GET /api/{proxy+}", "list")])

    assert routes.match("POST", "/api/charts") is None
    assert routes.match("GET", "/api") is None
