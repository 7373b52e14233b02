"""Which keys a message names."""

import json

import pytest
from charthouse.aws.events import keys, read_messages
from charthouse.settings import Storage
from hypothesis import given
from hypothesis import strategies as st


def test_a_notifications_keys_are_form_decoded_once() -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""
    body = notification("team/red+flower-1.0.0%2Bx.tgz", "team/100%2525.tgz", "team/%C3%A9.tgz")

    assert keys(body) == ["team/red flower-1.0.0+x.tgz", "team/100%25.tgz", "team/é.tgz"]


def test_a_key_named_twice_is_one_key() -> None:
    assert keys(notification("a.tgz", "b.tgz", "a.tgz")) == ["a.tgz", "b.tgz"]


@pytest.mark.parametrize("kind", ["Object Created", "Object Deleted"])
def test_an_eventbridge_key_is_not_encoded(kind: str) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
    body = json.dumps(
        {
            "version": "0",
            "detail-type": kind,
            "source": "aws.s3",
            "detail": {"bucket": {"name": "charts"}, "object": {"key": "team/a b+c%2B.tgz"}},
        }
    )

    assert keys(body) == ["team/a b+c%2B.tgz"]


def test_the_test_event_names_no_key() -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "charts"})

    assert keys(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "17",
        "{}",
        '{"Records":17}',
        '{"Records":[null]}',
        '{"Records":[{"s3":{"object":{}}}]}',
        '{"Records":[{"s3":{"object":{"key":null}}}]}',
        '{"source":"aws.s3","detail":{}}',
        '{"source":"aws.s3","detail":{"object":{"key":17}}}',
    ],
)
def test_a_message_of_another_shape_is_an_error(body: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        keys(body)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2),
            st.dictionaries(st.sampled_from(["Records", "s3", "object", "key", "source", "Event"]), inner, max_size=3),
        ),
    )
)
def test_any_message_names_keys_or_is_an_error(message: object) -> None:
    try:
        found = keys(json.dumps(message))
    except ValueError:
        return
    assert all(isinstance(key, str) for key in found)


def test_a_batch_has_paths_below_the_storage_prefix_and_messages_that_cannot_be_read() -> None:
    bodies = {"1": notification("helm/team/a.tgz", "other/b.tgz"), "2": "no JSON", "3": notification("helmet/c.tgz")}

    paths, unreadable = read_messages(bodies, Storage(prefix="helm"))

    assert paths == {"1": ["team/a.tgz"], "3": []}
    assert unreadable == ["2"]


def notification(*encoded: str) -> str:
    return json.dumps(
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}} for key in encoded]}
    )
