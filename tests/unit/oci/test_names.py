"""Names, tags and digests of the distribution spec."""

import hashlib

import pytest
from charthouse.oci.errors import DigestInvalid
from charthouse.oci.names import Digest, is_name, is_tag, tag_of, version_of
from hypothesis import given
from hypothesis import strategies as st

CONTENT = b"content"


@pytest.mark.parametrize("name", ["a", "org1/mychart", "a.b_c__d-e---f", "0/1/2", "a" * 255])
def test_a_name_of_the_spec_is_one(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "/", "A", "a//b", "a/", "/a", "a..b", "a___b", "-a", "a-", "_a", "a b", "ä", "a" * 256, "a/B", "a\n"]
)
def test_what_the_spec_does_not_allow_is_no_name(name: str) -> None:
    assert not is_name(name)


def test_a_name_is_judged_in_linear_time() -> None:
    assert not is_name("a-" * 127)
    assert not is_name("a_" * 5_000_000)


@pytest.mark.parametrize("tag", ["1.0.0", "_", "v1.2.3-rc.1_build.7", "artifacthub.io", "x" * 128])
def test_a_tag_of_the_spec_is_one(tag: str) -> None:
    assert is_tag(tag)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a+b", "a b", "x" * 129, "a/b", "a\n"])
def test_what_the_spec_does_not_allow_is_no_tag(tag: str) -> None:
    assert not is_tag(tag)


@given(
    st.from_regex(r"[0-9]{1,3}\.[0-9]\.[0-9](-[a-z0-9.-]{1,9}[a-z0-9])?(\+[a-z0-9.-]{1,9}[a-z0-9])?", fullmatch=True)
)
def test_a_version_and_its_tag_lead_to_each_other(version: str) -> None:
    tag = tag_of(version)

    assert tag is not None
    assert version_of(tag) == version


def test_a_version_too_long_for_a_tag_has_none() -> None:
    assert tag_of("1.0.0-" + "a" * 123) is None
    assert tag_of("1.0.0-" + "a" * 122) is not None


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_is_read_made_and_checked(algorithm: str) -> None:
    text = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"

    digest = Digest.parse(text)

    assert digest == Digest.of(CONTENT, algorithm)
    assert str(digest) == text
    digest.check(CONTENT)
    with pytest.raises(DigestInvalid, match="the content has the digest"):
        digest.check(CONTENT + b" ")


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "sha256:",
        "sha256:baddigeststring",
        "sha256:" + "0" * 63,
        "sha256:" + "A" * 64,
        "sha512:" + "0" * 64,
        "md5:" + "0" * 32,
        "0" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha256:../../" + "0" * 58,
    ],
)
def test_anything_else_is_no_digest(text: object) -> None:
    with pytest.raises(DigestInvalid, match="no sha256 or sha512 digest"):
        Digest.parse(text)
