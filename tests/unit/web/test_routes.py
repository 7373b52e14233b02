"""The parser of paths."""

from time import process_time

import pytest
from charthouse.access.grants import Action
from charthouse.errors import NotFound
from charthouse.repository.names import RESERVED, is_repository
from charthouse.settings import Paths, Rules, Site
from charthouse.web.routes import Kind, Route, match
from hypothesis import example, given
from hypothesis import strategies as st

PULL, PUSH, DELETE = Action
SITE = Site(enable_metrics=True, artifact_hub_repo_ids={"": "an-id"})
DYNAMIC = Paths(depth_dynamic=True)


def found(method: str, path: str, paths: Paths | None = None, rules: Rules | None = None, site: Site = SITE) -> Route:
    return match(method, path, paths or Paths(), rules or Rules(), site)


def is_found(method: str, path: str, paths: Paths | None = None, rules: Rules | None = None, site: Site = SITE) -> bool:
    try:
        found(method, path, paths, rules, site)
    except NotFound as refusal:
        assert refusal.message == "not found"  # noqa: PT017 (the other outcome is no error)
        return False
    return True


# Method, path below the repository, path below /api and the repository (one of the two), and what is found.
TABLE = [
    ("GET", "/index.yaml", None, Route(Kind.INDEX, action=PULL)),
    ("GET", "/-/nginx/index.yaml", None, Route(Kind.INDEX, name="nginx", action=PULL)),
    ("HEAD", "/-/nginx/index.yaml", None, Route(Kind.INDEX, name="nginx", action=PULL)),
    ("GET", "/-/nginx/charts/nginx-1.0.0.tgz", None, Route(Kind.PACKAGE, file="nginx-1.0.0.tgz", action=PULL)),
    ("GET", "/charts/a-1.0.0.tgz", None, Route(Kind.PACKAGE, file="a-1.0.0.tgz", action=PULL)),
    ("GET", "/charts/a-1.0.0+b.tgz.prov", None, Route(Kind.PROVENANCE, file="a-1.0.0+b.tgz.prov", action=PULL)),
    ("GET", "/artifacthub-repo.yml", None, Route(Kind.ARTIFACT_HUB, action=PULL)),
    ("GET", "/health", None, Route(Kind.HEALTH)),
    ("GET", "/info", None, Route(Kind.INFO)),
    ("GET", None, "/charts", Route(Kind.CHARTS, action=PULL)),
    ("GET", None, "/charts/a", Route(Kind.CHART, name="a", action=PULL)),
    ("GET", None, "/charts/a/1.0.0", Route(Kind.VERSION, name="a", version="1.0.0", action=PULL)),
    ("GET", None, "/charts/a/latest", Route(Kind.VERSION, name="a", version="latest", action=PULL)),
    ("GET", None, "/charts/a/", Route(Kind.VERSION, name="a", version="latest", action=PULL)),
    ("GET", None, "/charts/a/>=1 <2", Route(Kind.VERSION, name="a", version=">=1 <2", action=PULL)),
    ("GET", None, "/charts/a/^1/templates", Route(Kind.TEMPLATES, name="a", version="^1", action=PULL)),
    ("GET", None, "/charts/a/1.0.0/values", Route(Kind.VALUES, name="a", version="1.0.0", action=PULL)),
    ("POST", None, "/charts", Route(Kind.UPLOAD, action=PUSH)),
    ("POST", None, "/prov", Route(Kind.UPLOAD_PROVENANCE, action=PUSH)),
    ("DELETE", None, "/charts/a/1.0.0", Route(Kind.DELETE_VERSION, name="a", version="1.0.0", action=DELETE)),
    ("DELETE", None, "/charts/a", Route(Kind.DELETE_CHART, name="a", action=DELETE)),
]
REPOSITORIES = {0: "", 1: "org1", 2: "org1/repo1", 3: "charts/charts/api"}
NO_ROUTES = [
    ("GET", "/api"),
    ("GET", "/api/"),
    ("GET", "/api/charts/"),
    ("GET", "/api/prov"),
    ("GET", "/api/charts/a/1.0.0/readme"),
    ("GET", "/api/charts/a/1.0.0/values/"),
    ("GET", "/api/charts/a//values"),
    ("GET", "/api/charts//"),
    ("GET", "/api//charts"),
    ("POST", "/api/charts/"),
    ("POST", "/api/charts/a"),
    ("POST", "/api/prov/"),
    ("POST", "/index.yaml"),
    ("PUT", "/api/charts"),
    ("PATCH", "/api/charts"),
    ("OPTIONS", "/api/charts"),
    ("TRACE", "/"),
    ("", "/"),
    ("get", "/"),
    ("DELETE", "/api/charts"),
    ("DELETE", "/api/charts/a/"),
    ("DELETE", "/api/charts/a/1.0.0/"),
    ("DELETE", "/api/charts/a/1.0.0/values"),
    ("GET", "/index.yaml/"),
    ("GET", "/index.yml"),
    ("GET", "/charts"),
    ("GET", "/charts/"),
    ("GET", "/charts/a-1.0.0.tar.gz"),
    ("GET", "/charts/a-1.0.0.prov"),
    ("GET", "/charts/.tgz.prov/"),
    ("GET", "/charts/.tgz"),
    ("GET", "/charts/" + "a" * 902 + ".tgz"),
    ("GET", "/favicon.ico"),
    ("GET", ""),
    ("GET", "index.yaml"),
    ("GET", "//"),
    ("GET", "//index.yaml"),
    ("GET", "/index.yaml\x00"),
    ("GET", "/index.yaml\n"),
    ("GET", "/\ud800"),
    ("GET", "/api/charts/.."),
    ("GET", "/api/charts/a/."),
    ("DELETE", "/api/charts/../1.0.0"),
    ("GET", "/api/charts/a\x00"),
    ("GET", "/api/charts/a/1\n"),
]


@pytest.mark.parametrize("depth", REPOSITORIES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1] or row[2]}")
def test_every_route_is_found_at_every_depth(row: tuple[str, str | None, str | None, Route], depth: int) -> None:
    method, below, below_api, route = row
    repo = REPOSITORIES[depth]
    above = f"/{repo}" if repo else ""
    path = f"{above}{below}" if below else f"/api{above}{below_api}"

    expected = Route(route.kind, repo, route.name, route.version, route.file, route.action)
    assert found(method, path, Paths(depth=depth)) == expected
    assert found(method, path, DYNAMIC) == expected


@pytest.mark.parametrize("context", ["", "/ctx", "/a/b"])
def test_home_health_and_info_are_there_at_any_depth(context: str) -> None:
    for paths in (Paths(context_path=context), Paths(3, context_path=context), Paths(0, True, context)):  # noqa: FBT003
        assert found("GET", f"{context}/", paths) == Route(Kind.HOME, action=PULL)
        assert found("GET", f"{context}/health", paths) == Route(Kind.HEALTH)
        assert found("GET", f"{context}/info", paths) == Route(Kind.INFO)
        assert found("GET", f"{context}/metrics", paths) == Route(Kind.METRICS)
        assert found("GET", f"{context}/api/repositories", paths) == Route(Kind.REPOSITORIES)


@pytest.mark.parametrize(("method", "path"), NO_ROUTES)
def test_everything_else_is_not_found(method: str, path: str) -> None:
    assert not is_found(method, path)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1] or row[2]}")
def test_head_is_wherever_get_is_and_nowhere_else(row: tuple[str, str | None, str | None, Route]) -> None:
    method, below, below_api, route = row
    path = below or f"/api{below_api}"

    # A path that is only posted to may be something to read as well.
    if method == "GET" or is_found("GET", path):
        assert found("HEAD", path) == found("GET", path)
    else:
        assert not is_found("HEAD", path)
    assert route.action in {None, PULL} or method != "GET"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_bare_repository_url_is_its_home_page(slash: str) -> None:
    assert found("GET", f"/org1/repo1{slash}", Paths(2)) == Route(Kind.HOME, "org1/repo1", action=PULL)
    assert found("GET", f"/org1/repo1{slash}", DYNAMIC) == Route(Kind.HOME, "org1/repo1", action=PULL)
    assert not is_found("GET", f"/org1{slash}", Paths(2))
    assert not is_found("GET", f"/org1/repo1/more{slash}", Paths(2))


def test_a_path_of_another_depth_is_not_found() -> None:
    assert not is_found("GET", "/index.yaml", Paths(1))
    assert not is_found("GET", "/a/b/index.yaml", Paths(1))
    assert not is_found("GET", "/api/charts", Paths(1))
    assert not is_found("GET", "/api/a/charts", Paths(0))
    assert not is_found("GET", "/charts/a-1.tgz", Paths(2))


@pytest.mark.parametrize(
    "name", [*sorted(RESERVED), ".", "..", "-", "", " ", "a b", "ä", "a\\b", "a%2e", "x" * 513, "--post-renderer=x"]
)
def test_names_no_repository_can_have(name: str) -> None:
    assert not is_repository(name, Paths(1))
    assert not is_found("GET", f"/{name}/index.yaml", Paths(1))
    assert not is_found("GET", f"/api/{name}/charts", Paths(1))
    assert not is_found("POST", f"/api/{name}/prov", Paths(1))
    assert not is_found("GET", f"/{name}/charts/a-1.tgz", Paths(1))
    if name not in RESERVED:
        assert not is_found("GET", f"/a/{name}/index.yaml", Paths(2))
        assert not is_found("GET", f"/a/{name}/index.yaml", DYNAMIC)


def test_a_repository_has_at_most_sixteen_segments() -> None:
    """`Depth` has no more either; each segment is a listing in every reconciliation."""
    assert is_repository("/".join("a" * 16), DYNAMIC)
    assert not is_repository("/".join("a" * 17), DYNAMIC)
    assert not is_found("POST", "/api/" + "a/" * 256 + "charts", DYNAMIC)


def test_a_reserved_name_is_free_further_down() -> None:
    for name in RESERVED:
        assert is_repository(f"org1/{name}", Paths(2))
    assert found("GET", "/org1/info", Paths(2)) == Route(Kind.HOME, "org1/info", action=PULL)
    assert found("GET", "/org1/info", DYNAMIC) == Route(Kind.INFO, "org1")
    assert found("GET", "/org1/info/", DYNAMIC) == Route(Kind.HOME, "org1/info", action=PULL)


@pytest.mark.parametrize("paths", [Paths(), Paths(1), Paths(2), DYNAMIC])
@pytest.mark.parametrize(
    "path", ["/../index.yaml", "/a/../index.yaml", "/./index.yaml", "/a/..", "/..", "/.", "/api/../charts", "/a/./b/"]
)
def test_dots_are_no_segments(path: str, paths: Paths) -> None:
    assert not is_found("GET", path, paths)


def test_nothing_is_decoded_a_second_time() -> None:
    assert not is_found("GET", "/%2e%2e/index.yaml", DYNAMIC)
    assert found("GET", "/api/charts/a/%2e%2e").version == "%2e%2e"


@pytest.mark.parametrize("file", ["ä-1.tgz", "my chart-1.0.0.tgz", "a%2fb-1.tgz", "a?b-1.tgz", "a\\b-1.tgz"])
def test_a_file_may_have_any_name_a_chart_may_have(file: str) -> None:
    assert found("GET", f"/charts/{file}").file == file


def test_a_plus_that_became_a_space_on_the_way_is_a_plus() -> None:
    assert found("GET", "/charts/a-1.0.0 b.tgz").file == "a-1.0.0+b.tgz"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("1.0.0 b", "1.0.0+b"),
        ("v1.0.0-rc.1 b.1-x", "v1.0.0-rc.1+b.1-x"),
        ("1.0.0+b", "1.0.0+b"),
        (">=1 <2", ">=1 <2"),
        ("1 2", "1 2"),
        ("1.0.0 b c", "1.0.0 b c"),
    ],
)
def test_a_plus_in_a_version_that_became_a_space_is_a_plus(path: str, version: str) -> None:
    assert found("GET", f"/api/charts/a/{path}").version == version
    assert found("GET", f"/api/charts/a/{path}/values").version == version


def test_no_version_to_delete_has_a_space() -> None:
    assert found("DELETE", "/api/charts/a/1.2 b").version == "1.2+b"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("tail", ["/1.0.0", ""])
def test_names_too_long_for_the_storage_are_not_found(method: str, tail: str) -> None:
    """1,024 bytes end a sort key of DynamoDB and a key of S3: ValidationException there, and a 500 here."""
    longest = 896 - len(tail)

    assert is_found(method, f"/api/charts/{'a' * longest}{tail}")
    assert not is_found(method, f"/api/charts/{'a' * (longest + 1)}{tail}")
    assert not is_found(method, f"/api/charts/{'ä' * (longest // 2 + 1)}{tail}")
    assert not is_found(method, f"/api/charts/a/{'1' * 895}")
    assert not is_found("GET", f"/api/charts/{'a' * longest}a{tail or '/'}")


@pytest.mark.parametrize("path", ["/charts/" + "-1" * 4800 + ".tgz", "/api/charts/a/" + "1." * 4800])
def test_the_longest_path_a_gateway_lets_through_costs_no_time(path: str) -> None:
    """A regular expression over 9.6 KB took 0.3 s of processor time, before credentials were checked."""
    started = process_time()

    assert not is_found("GET", path, Paths(context_path="/charts"))
    assert process_time() - started < 0.02


def test_no_html_page_stands_where_a_file_was_asked_for() -> None:
    for path in ("/charts/a-1.tgz", "/a/index.yaml", "/a/artifacthub-repo.yml", "/a/favicon.ico", "/a/robots.txt"):
        assert not is_found("GET", path, Paths(2)), path


def test_a_context_path_is_taken_off_at_a_segments_end_only() -> None:
    paths = Paths(context_path="/ctx")

    assert found("GET", "/ctx/index.yaml", paths).kind is Kind.INDEX
    assert found("GET", "/index.yaml", paths).kind is Kind.INDEX
    assert found("GET", "/ctx", paths).kind is Kind.HOME
    assert found("GET", "/ctx/api/charts", paths).kind is Kind.CHARTS
    assert not is_found("GET", "/ctxfoo/index.yaml", paths)
    assert not is_found("GET", "/ctx/ctx/index.yaml", paths)
    assert not is_found("GET", "/api/ctx/charts", paths)


def test_a_context_path_that_looks_like_a_route_hides_none() -> None:
    paths = Paths(context_path="/charts")

    assert found("GET", "/charts/index.yaml", paths) == Route(Kind.INDEX, action=PULL)
    assert found("GET", "/charts/charts/a-1.tgz", paths) == Route(Kind.PACKAGE, file="a-1.tgz", action=PULL)
    assert found("GET", "/charts/a-1.tgz", paths) == Route(Kind.PACKAGE, file="a-1.tgz", action=PULL)


def test_options_take_routes_away() -> None:
    for path in ("/api/charts", "/api/charts/a", "/api/charts/a/1", "/api/repositories"):
        assert not is_found("GET", path, rules=Rules(disable_api=True))
    for method, path in (("POST", "/api/charts"), ("POST", "/api/prov"), ("DELETE", "/api/charts/a/1")):
        assert not is_found(method, path, rules=Rules(disable_api=True))
    assert is_found("GET", "/index.yaml", rules=Rules(disable_api=True))
    for path in ("/api/charts/a/1", "/api/charts/a"):
        assert not is_found("DELETE", path, rules=Rules(disable_delete=True))
        assert is_found("GET", path, rules=Rules(disable_delete=True))
    assert not is_found("GET", "/metrics", site=Site())
    assert not is_found("GET", "/metrics", Paths(1), site=Site())
    assert not is_found("GET", "/artifacthub-repo.yml", site=Site())


def test_with_dynamic_depth_the_last_charts_divides() -> None:
    assert found("GET", "/api/charts/charts", DYNAMIC) == Route(Kind.CHARTS, "charts", action=PULL)
    assert found("GET", "/api/charts/charts/x", DYNAMIC) == Route(Kind.CHART, "charts", "x", action=PULL)
    assert found("GET", "/api/a/charts/b/charts/x/1", DYNAMIC) == Route(
        Kind.VERSION, "a/charts/b", "x", "1", action=PULL
    )
    # A tail that cannot be one is passed over: here `charts` is the chart.
    assert found("GET", "/api/charts/charts/", DYNAMIC) == Route(Kind.VERSION, "", "charts", "latest", action=PULL)
    # The method never changes which chart a path names, so nothing is deleted that GET does not show there.
    assert found("DELETE", "/api/charts/charts/1.0.0", DYNAMIC) == Route(
        Kind.DELETE_CHART, "charts", "1.0.0", action=DELETE
    )
    assert not is_found("DELETE", "/api/charts/charts", DYNAMIC)


def test_with_a_fixed_depth_a_chart_may_be_called_charts() -> None:
    assert found("GET", "/api/charts/charts") == Route(Kind.CHART, "", "charts", action=PULL)
    assert found("DELETE", "/api/charts/charts/1.0.0") == Route(
        Kind.DELETE_VERSION, "", "charts", "1.0.0", action=DELETE
    )
    assert found("GET", "/api/charts/charts/charts/charts", Paths(1)) == Route(
        Kind.VERSION, "charts", "charts", "charts", action=PULL
    )


SEGMENTS = st.from_regex(r"[A-Za-z0-9._~@+=-]{1,12}", fullmatch=True) | st.sampled_from(
    ["charts", "api", "prov", "info", "health", "templates", "values", "index.yaml", "a.tgz", "repositories"]
)
REPOS = st.lists(SEGMENTS, max_size=4).map("/".join).filter(lambda repo: is_repository(repo, DYNAMIC))
NAMES = SEGMENTS.filter(lambda name: name not in {".", ".."})
VERSIONS = NAMES | st.sampled_from(["1.0.0+b", "^1.2", ">=1 <2", "latest", "templates"])


@st.composite
def routes(draw: st.DrawFn) -> tuple[str, str, Route]:
    """Draw a method, a path and the route it was built from."""
    repo, name, version = draw(REPOS), draw(NAMES), draw(VERSIONS)
    file = draw(st.sampled_from(["a-1.0.0.tgz", "charts-1.0.0+x.tgz"]))
    above = f"/{repo}" if repo else ""
    charts = f"/api{above}/charts"
    return draw(
        st.sampled_from(
            [
                ("GET", f"{above}/", Route(Kind.HOME, repo, action=PULL)),
                ("HEAD", f"{above}/index.yaml", Route(Kind.INDEX, repo, action=PULL)),
                ("GET", f"{above}/charts/{file}", Route(Kind.PACKAGE, repo, file=file, action=PULL)),
                ("GET", f"{above}/charts/{file}.prov", Route(Kind.PROVENANCE, repo, file=f"{file}.prov", action=PULL)),
                ("GET", f"{above}/health", Route(Kind.HEALTH, repo)),
                ("GET", charts, Route(Kind.CHARTS, repo, action=PULL)),
                ("HEAD", f"{charts}/{name}", Route(Kind.CHART, repo, name, action=PULL)),
                ("GET", f"{charts}/{name}/{version}", Route(Kind.VERSION, repo, name, version, action=PULL)),
                ("GET", f"{charts}/{name}/{version}/values", Route(Kind.VALUES, repo, name, version, action=PULL)),
                (
                    "GET",
                    f"{charts}/{name}/{version}/templates",
                    Route(Kind.TEMPLATES, repo, name, version, action=PULL),
                ),
                ("POST", charts, Route(Kind.UPLOAD, repo, action=PUSH)),
                ("POST", f"/api{above}/prov", Route(Kind.UPLOAD_PROVENANCE, repo, action=PUSH)),
                ("DELETE", f"{charts}/{name}", Route(Kind.DELETE_CHART, repo, name, action=DELETE)),
                (
                    "DELETE",
                    f"{charts}/{name}/{version}",
                    Route(Kind.DELETE_VERSION, repo, name, version.replace(" ", "+"), action=DELETE),
                ),
            ]
        )
    )


@given(routes())
@example(("GET", "/charts/charts/charts/a-1.tgz", Route(Kind.PACKAGE, "charts/charts", file="a-1.tgz", action=PULL)))
def test_a_path_built_from_a_route_gives_it_back_at_its_own_depth(built: tuple[str, str, Route]) -> None:
    method, path, route = built
    depth = len(route.repo.split("/")) if route.repo else 0

    assert found(method, path, Paths(depth)) == route


@given(routes())
def test_with_dynamic_depth_too_unless_chart_or_version_is_called_charts(built: tuple[str, str, Route]) -> None:
    method, path, route = built

    if "charts" not in {route.name, route.version}:
        assert found(method, path, DYNAMIC) == route


@given(
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT"]),
    st.text(alphabet="/.ab-") | st.lists(SEGMENTS | st.text(max_size=3)).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from([Paths(), Paths(1), Paths(2), DYNAMIC, Paths(1, context_path="/a"), Paths(0, True, "/charts")]),  # noqa: FBT003
)
def test_any_path_is_a_route_with_a_legal_repository_or_not_found(method: str, path: str, paths: Paths) -> None:
    try:
        route = found(method, path, paths)
    except NotFound:
        return
    site_wide = route.kind in {Kind.HOME, Kind.HEALTH, Kind.INFO, Kind.METRICS, Kind.REPOSITORIES} and not route.repo

    assert site_wide or is_repository(route.repo, paths)
    assert not {".", "..", "-"} & set(route.repo.split("/"))
    assert "/" not in route.file + route.name + route.version
    assert (route.action is None) == (route.kind in {Kind.HEALTH, Kind.INFO, Kind.METRICS, Kind.REPOSITORIES})
    assert (route.action is PUSH) == (method == "POST")
    assert (route.action is DELETE) == (method == "DELETE")


def test_a_chart_of_a_repository_is_a_repository_of_its_own_to_read() -> None:
    assert found("GET", "/a/b/-/nginx/index.yaml", DYNAMIC) == Route(Kind.INDEX, "a/b", "nginx", action=PULL)
    assert found("GET", "/a/-/charts/charts/charts-1.0.0+x.tgz.prov", Paths(1)) == Route(
        Kind.PROVENANCE, "a", file="charts-1.0.0+x.tgz.prov", action=PULL
    )
    assert found("GET", "/ctx/-/nginx/index.yaml", Paths(0, context_path="/ctx")).name == "nginx"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/-/index.yaml"),
        ("GET", "/-//index.yaml"),
        ("GET", "/-/nginx"),
        ("GET", "/-/nginx/"),
        ("GET", "/-/nginx/health"),
        ("GET", "/-/nginx/charts/nginx"),
        ("GET", "/-/-/nginx/index.yaml"),
        ("GET", "/-/a/b/index.yaml"),
        ("GET", "/-/../index.yaml"),
        ("GET", f"/-/{'x' * 901}/index.yaml"),
        ("GET", "/team/-/nginx/index.yaml"),
        ("POST", "/-/nginx/index.yaml"),
        ("GET", "/api/-/nginx/charts"),
    ],
)
def test_nothing_else_is_below_a_chart(method: str, path: str) -> None:
    assert not is_found(method, path)
