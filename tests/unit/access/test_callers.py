"""Who a caller is, in a log line and on an object."""

import pytest
from charthouse.access.callers import ANONYMOUS, LONGEST_LABEL, Identity, Source
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("identity", "facts", "label"),
    [
        (ANONYMOUS, {"caller": "anonymous"}, "anonymous"),
        (Identity(Source.OWNER, "root"), {"user": "root"}, "user:root"),
        (Identity(Source.USER, "alice"), {"user": "alice"}, "user:alice"),
        (Identity(Source.USER, "Zoë B"), {"user": "Zoë B"}, "user:Zo%C3%AB%20B"),
        (Identity(Source.KEY, "2026-11", {"sub": "ci"}), {"key": "2026-11", "subject": "ci"}, "key:2026-11 sub:ci"),
        (Identity(Source.KEY, "2026-11", {"sub": 7}), {"key": "2026-11"}, "key:2026-11"),
        (Identity(Source.TOKEN, "AuthPublicKey", {}), {"key": "AuthPublicKey"}, "key:AuthPublicKey"),
        (
            Identity(Source.ISSUER, "https://gitlab.com", {"sub": "project_path:a/b:ref:main"}),
            {"issuer": "https://gitlab.com", "subject": "project_path:a/b:ref:main"},
            "issuer:https://gitlab.com sub:project_path:a/b:ref:main",
        ),
    ],
)
def test_a_caller_is_told_by_user_key_or_issuer_and_subject(
    identity: Identity, facts: dict[str, str], label: str
) -> None:
    assert identity.facts() == facts
    assert identity.label == label


@given(name=st.text(), subject=st.text())
def test_a_label_is_one_short_line_of_visible_ascii(name: str, subject: str) -> None:
    label = Identity(Source.ISSUER, name, {"sub": subject}).label

    assert label.isascii()
    assert label.isprintable()
    assert len(label) <= LONGEST_LABEL


def test_claims_and_proofs_stay_out_of_representations() -> None:
    assert "secret" not in repr(Identity(Source.USER, "alice", {"sub": "secret"}, "secret"))
