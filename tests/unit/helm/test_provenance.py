"""A provenance file tells which chart version it is about, or is refused."""

import pytest
from charthouse.errors import BadProvenance
from charthouse.helm.chart import ChartRef
from charthouse.helm.provenance import Provenance
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_package, a_provenance

BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----\n"


def test_a_provenance_file_is_stored_beside_its_package() -> None:
    provenance = Provenance.read(a_provenance(a_package("nginx", "1.2.3"), "nginx", "1.2.3"))

    assert provenance.ref == ChartRef("nginx", "1.2.3")
    assert provenance.filename == "nginx-1.2.3.tgz.prov"


def test_indented_names_are_not_the_charts() -> None:
    data = (
        BEGIN
        + b"""
dependencies:
- name: x
  version: 9.9.9
maintainers:
- email: e
  name: m
name: c
version: 1.0.0
"""
    )

    assert Provenance.read(data).ref == ChartRef("c", "1.0.0")


def test_quoted_values_lose_their_quotes_and_windows_line_ends_do_no_harm() -> None:
    data = BEGIN + b"\nname: 'true'\r\nversion: \"1.10\"\r\n"

    assert Provenance.read(data).ref == ChartRef("true", "1.10")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\nname: c\nversion: 1.0.0\n",
        BEGIN + b"\nname: c\n",
        BEGIN + b"\nversion: 1.0.0\n",
        BEGIN + b"\nname: c\nversion: nonsense\n",
        BEGIN + b"\nname: ../../evil\nversion: 1.0.0\n",
        BEGIN + b'\nname: "../../evil"\nversion: 1.0.0\n',
        BEGIN + b'\nname: "c\nversion: 1.0.0\n',
        BEGIN + b"\nname: \xff\nversion: 1.0.0\n",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadProvenance) as refused:
        Provenance.read(data)

    assert refused.value.message == "invalid provenance file"


@given(st.binary(), st.binary())
def test_any_bytes_are_a_provenance_file_or_refused(name: bytes, version: bytes) -> None:
    try:
        provenance = Provenance.read(BEGIN + b"\nname: " + name + b"\nversion: " + version + b"\n")
    except BadProvenance:
        return
    assert "/" not in provenance.filename
