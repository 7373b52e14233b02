"""YAML is read within bounds: what would explode or never end is refused at once."""

import contextlib
import time

import pytest
from charthouse.errors import BadPackage
from charthouse.helm.budget import MAX_NODES, Budget
from charthouse.helm.go_scalars import YamlError
from charthouse.helm.go_yaml import MAX_DEPTH, read
from hypothesis import given
from hypothesis import strategies as st

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 10)) for letter in range(98, 110)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "yaml: document contains excessive aliasing"),
        (b"[" * 100_000, f"yaml: exceeded max depth of {MAX_DEPTH}"),
        (b"- " * 100_000, f"yaml: exceeded max depth of {MAX_DEPTH}"),
        (b"- a\n" * (MAX_NODES + 1), f"the YAML files of the chart have more than {MAX_NODES} nodes"),
        (b"&a [*a]", "yaml: anchor 'a' value contains itself"),
        (b"[1]: 2", "yaml: invalid map key"),
        (b"~: 2", "unsupported map key of type: null"),
        (b"<<: 1", "yaml: map merge requires map or sequence of maps as the value"),
        (b"!!int x", "yaml: cannot decode !!str `x` as a !!int"),
        (b"!!binary '?'", "yaml: !!binary value contains invalid base64 data"),
        (b"\xff\xfea\0\0", "yaml: truncated data"),
        (b"".join(b"%%TAG !a%d! x\n" % n for n in range(101)), "yaml: more than 100 %TAG directives"),
    ],
)
def test_hostile_yaml_is_refused_at_once(data: bytes, message: str) -> None:
    started = time.process_time()

    with pytest.raises((YamlError, BadPackage)) as refused:
        read(data, Budget())

    assert str(refused.value) == message
    assert time.process_time() - started < 10


@given(st.binary() | st.text("ab:[]{},&*!|>-'\"\n #%~<?01.").map(str.encode))
def test_any_bytes_are_yaml_or_a_yaml_error(data: bytes) -> None:
    budget = Budget(nodes=1000)

    with contextlib.suppress(YamlError, BadPackage):
        read(data, budget)

    assert budget.nodes <= 1000


def test_documents_share_one_budget() -> None:
    budget = Budget(nodes=5)

    read(b"[a, b]", budget)

    with pytest.raises(BadPackage, match="nodes"):
        read(b"[a, b]", budget)


def test_an_alias_counts_with_all_it_stands_for() -> None:
    budget = Budget(nodes=100)

    read(b"{a: &x [1, 2, 3], b: *x, c: *x}", budget)

    assert budget.nodes == 100 - 1 - 3 - 3 * 4


def test_of_several_merged_mappings_the_first_counts() -> None:
    assert read(b"<<: [{a: 1, b: 1}, {a: 2, c: 2}]", Budget()) == {"a": 1, "b": 1, "c": 2}
