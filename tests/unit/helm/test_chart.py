"""A chart reference is one Helm accepts, and one our keys, URLs and index can carry."""

import pytest
from charthouse.errors import BadPackage
from charthouse.helm.chart import MAX_FILENAME, ChartRef
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("name", "version"), [("my chart", "v1.2"), ("a+b%c", "1"), ("Ä\\x", "01.2.3"), ("...", "1")])
def test_what_helm_accepts_is_accepted_as_written(name: str, version: str) -> None:
    assert ChartRef.parse(name, version) == ChartRef(name, version)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("", "1.0.0", "validation: chart.metadata.name is required"),
        (None, "1.0.0", "validation: chart.metadata.name is required"),
        (".", "1.0.0", 'validation: chart.metadata.name "." is not allowed'),
        ("a/b", "1.0.0", 'validation: chart.metadata.name "a/b" is invalid'),
        ("a/", "1.0.0", 'validation: chart.metadata.name "a/" is invalid'),
        ("a\nb", "1.0.0", 'validation: chart.metadata.name "a\\nb" is invalid'),
        ("a\x00", "1.0.0", 'validation: chart.metadata.name "a\\x00" is invalid'),
        ("\udcff", "1.0.0", 'validation: chart.metadata.name "\\xff" is invalid'),
        ("a\u2028b", "1.0.0", 'validation: chart.metadata.name "a\\u2028b" is invalid'),
        ("a", "", "validation: chart.metadata.version is required"),
        ("a", 1.1, "validation: chart.metadata.version is required"),
        ("a", "latest", 'validation: chart.metadata.version "latest" is invalid'),
        ("a", "1.0.0\n", 'validation: chart.metadata.version "1.0.0\\n" is invalid'),
    ],
)
def test_what_cannot_be_carried_is_refused(name: object, version: object, message: str) -> None:
    with pytest.raises(BadPackage) as refused:
        ChartRef.parse(name, version)

    assert refused.value.message == message


def test_a_file_name_has_a_longest_length_in_bytes() -> None:
    longest = MAX_FILENAME - len("-1.tgz")

    assert len(ChartRef.parse("x" * longest, "1").filename) == MAX_FILENAME
    with pytest.raises(BadPackage, match="longer than 900 bytes"):
        ChartRef.parse("ä" + "x" * (longest - 1), "1")


@given(st.text(), st.text())
def test_any_texts_are_a_reference_or_refused_with_a_message_that_can_be_sent(name: str, version: str) -> None:
    try:
        ref = ChartRef.parse(name, version)
    except BadPackage as refusal:
        refusal.message.encode()
        return
    ref.filename.encode()
