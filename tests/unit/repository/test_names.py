"""names: which names repositories may have, and which paths are packages of one."""

import pytest
from charthouse.repository.names import is_repository, split_path
from charthouse.settings import Paths

DYNAMIC = Paths(depth_dynamic=True)


@pytest.mark.parametrize(
    ("key", "paths", "place"),
    [
        ("mychart-0.1.0.tgz", Paths(), ("", "mychart-0.1.0.tgz")),
        ("mychart-0.1.0.tgz", Paths(depth=1), None),
        ("org1/mychart-0.1.0.tgz", Paths(), None),
        ("org1/mychart-0.1.0.tgz", Paths(depth=1), ("org1", "mychart-0.1.0.tgz")),
        ("org1/mychart-0.1.0.tgz", Paths(depth=2), None),
        ("org1/repo1/mychart-0.1.0.tgz", Paths(depth=2), ("org1/repo1", "mychart-0.1.0.tgz")),
        ("mychart-0.1.0.tgz", DYNAMIC, ("", "mychart-0.1.0.tgz")),
        ("a/b/c/d/mychart-0.1.0.tgz", DYNAMIC, ("a/b/c/d", "mychart-0.1.0.tgz")),
        # Provenance is part of what the row of its package says.
        ("org1/mychart-0.1.0.tgz.prov", DYNAMIC, ("org1", "mychart-0.1.0.tgz")),
    ],
)
def test_a_path_belongs_to_a_repository_of_the_configured_depth(
    key: str, paths: Paths, place: tuple[str, str] | None
) -> None:
    assert split_path(key, paths) == place


@pytest.mark.parametrize(
    "key",
    [
        "mychart-0.1.0.prov",
        ".tgz.prov",
        "index-cache.yaml",
        ".tgz",
        "org1/",
        "",
        ".charthouse/x.tgz",
        "api/x.tgz",
        "//x.tgz",
        "a//x.tgz",
        "/x.tgz",
        "../x.tgz",
        "a/../x.tgz",
        "a/-/x.tgz",
        "a b/x.tgz",
    ],
)
def test_a_path_that_is_no_package_of_a_repository_is_ignored(key: str) -> None:
    assert split_path(key, DYNAMIC) is None


@pytest.mark.parametrize("first", ["api", "v2", "health", "info", "metrics", ".charthouse"])
def test_route_names_are_reserved_as_first_segment(first: str) -> None:
    assert not is_repository(first, DYNAMIC)
    assert not is_repository(f"{first}/repo", DYNAMIC)
    assert is_repository(f"org/{first}", DYNAMIC)


def test_repository_names_are_limited_to_512_characters() -> None:
    assert is_repository("a" * 512, DYNAMIC)
    assert not is_repository("a" * 513, DYNAMIC)
