"""What a request costs does not depend on how much the repository holds."""

from collections.abc import Callable

import pytest

from bench.calls import REQUESTS, Counted


@pytest.fixture
def few() -> Counted:
    return Counted(10)


@pytest.fixture
def many() -> Counted:
    return Counted(1_000)


@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS)
def test_a_request_makes_as_many_calls_and_reads_as_many_items_in_a_large_repository_as_in_a_small_one(
    few: Counted, many: Counted, request_of: Callable[[Counted], object]
) -> None:
    assert many.calls(request_of) == few.calls(request_of)


def test_a_redirect_to_a_package_makes_none(many: Counted) -> None:
    assert many.calls(REQUESTS["redirect to a package"]).total() == 0
