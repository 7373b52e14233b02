"""The policy in force: read once a minute, kept while it cannot be read."""

import pytest
from charthouse.access.policies import CHECK_SECONDS, RETRY_SECONDS, CurrentPolicy, Document
from charthouse.errors import InvalidPolicy, Unavailable

from tests.policies import a_document, a_grant, a_user


class Stored:
    """A stored document that counts how often it is asked for, with a clock set by the test."""

    def __init__(self, body: bytes | None = b"{}") -> None:
        self.now = 1_800_000_000.0
        self.body = body
        self.failure: Exception | None = None
        self.asked: list[str] = []
        self.problems: list[str] = []

    def read(self, etag: str) -> Document | None:
        self.asked.append(etag)
        if self.failure is not None:
            raise self.failure
        if self.body is None:
            raise InvalidPolicy("there is no document")
        found = f'"{hash(self.body)}"'
        return None if etag == found else Document(found, self.body)

    def policy(self) -> CurrentPolicy:
        return CurrentPolicy(self.read, lambda: self.now, self.problems.append)


ALICE, BOB = a_document(users={"alice": a_user()}), a_document(users={"bob": a_user()})


def test_nothing_is_read_before_it_is_needed_and_then_once_a_minute() -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    assert stored.asked == []

    for _ in range(5):
        current.get()
        stored.now += 10
    assert stored.asked == [""]

    stored.now += CHECK_SECONDS - 50
    current.get()
    assert len(stored.asked) == 2
    assert stored.asked[1] != ""


def test_a_changed_document_counts_within_a_minute_with_a_new_generation() -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    before, policy = current.get()
    assert list(policy.users) == ["alice"]
    stored.body = BOB

    stored.now += CHECK_SECONDS
    after, policy = current.get()

    assert list(policy.users) == ["bob"]
    assert after != before


def test_an_unchanged_document_keeps_its_generation_and_is_not_parsed_again() -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    before = current.get()

    stored.now += CHECK_SECONDS
    after = current.get()

    assert after[0] == before[0]
    assert after[1] is before[1]


@pytest.mark.parametrize(
    "failure", [Unavailable("the storage does not answer"), InvalidPolicy("access denied")], ids=["busy", "denied"]
)
def test_a_document_that_cannot_be_read_leaves_the_last_good_one_in_force_with_an_alarm(failure: Exception) -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    before = current.get()
    stored.failure = failure

    for _ in range(100):
        stored.now += CHECK_SECONDS
        assert current.get() == before

    assert stored.problems == [str(failure)] * 100


@pytest.mark.parametrize("body", [b"{", b'{"user": {}}', None], ids=["no JSON", "a typo", "removed"])
def test_an_invalid_document_leaves_the_last_good_one_in_force_with_an_alarm_until_it_is_put_right(
    body: bytes | None,
) -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    before = current.get()
    stored.body = body

    for times in (1, 2, 3):
        stored.now += CHECK_SECONDS
        assert current.get() == before
        assert len(stored.problems) == times
    stored.body = BOB
    stored.now += CHECK_SECONDS

    assert list(current.get()[1].users) == ["bob"]
    assert len(stored.problems) == 3


def test_the_good_document_put_back_after_an_invalid_one_ends_the_alarm() -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    current.get()
    for body in (b"{", ALICE, ALICE):
        stored.body = body
        stored.now += CHECK_SECONDS
        current.get()

    assert len(stored.problems) == 1


@pytest.mark.parametrize("body", [b"{", None])
def test_a_process_that_never_had_a_document_has_no_policy(body: bytes | None) -> None:
    stored = Stored(body)
    current = stored.policy()

    for _ in range(3):
        with pytest.raises(Unavailable, match="access policy"):
            current.get()
    assert len(stored.asked) == 1
    # Soon: a new deployment gets its first document after it was asked for it.
    stored.body = ALICE
    stored.now += RETRY_SECONDS

    assert list(current.get()[1].users) == ["alice"]


def test_a_storage_that_is_busy_is_asked_again_soon_but_not_by_every_request() -> None:
    stored = Stored(ALICE)
    stored.failure = Unavailable("busy")
    current = stored.policy()
    for _ in range(3):
        with pytest.raises(Unavailable):
            current.get()
    assert len(stored.asked) == 1
    stored.failure = None
    stored.now += RETRY_SECONDS

    assert list(current.get()[1].users) == ["alice"]


def test_a_clock_that_is_set_back_does_not_keep_an_old_document() -> None:
    stored = Stored(ALICE)
    current = stored.policy()
    current.get()
    stored.body = BOB
    stored.now -= 3600

    assert list(current.get()[1].users) == ["bob"]


def test_any_other_error_propagates() -> None:
    stored = Stored(a_document(anonymous=[a_grant("**")]))
    stored.failure = KeyError("AWS_ACCESS_KEY_ID")

    with pytest.raises(KeyError):
        stored.policy().get()
