"""Which names repositories may have, and which objects are packages of one."""

import pytest
from charthouse.repository.keys import is_repository, split_key
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
    ],
)
def test_a_key_belongs_to_a_repository_of_the_configured_depth(
    key: str, paths: Paths, place: tuple[str, str] | None
) -> None:
    assert split_key(key, paths) == place


@pytest.mark.parametrize(
    "key",
    [
        "mychart-0.1.0.tgz.prov",
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
def test_what_is_no_package_of_a_repository_is_nobodys(key: str) -> None:
    assert split_key(key, DYNAMIC) is None


@pytest.mark.parametrize("first", ["api", "v2", "health", "info", "metrics", ".charthouse"])
def test_first_segments_that_are_routes_are_reserved(first: str) -> None:
    assert not is_repository(first, DYNAMIC)
    assert not is_repository(f"{first}/repo", DYNAMIC)
    assert is_repository(f"org/{first}", DYNAMIC)


def test_a_repository_named_longer_than_keys_and_claims_can_bear_is_none() -> None:
    assert is_repository("a" * 512, DYNAMIC)
    assert not is_repository("a" * 513, DYNAMIC)
