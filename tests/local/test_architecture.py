"""The layer is built for the processor the functions run on: a wheel of another fails at its first import."""

import pytest

from local.build import build

MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
"""`e_machine` of an ELF header (EM_AARCH64, EM_X86_64), by Lambda's name for the processor."""


@pytest.mark.parametrize("architecture", MACHINES)
def test_every_native_module_of_the_layer_is_of_its_architecture(architecture: str) -> None:
    layer = build(architecture=architecture).parent / "Layer"

    machines = {path.name: int.from_bytes(path.read_bytes()[18:20], "little") for path in layer.rglob("*.so*")}

    assert machines, "cryptography and PyYAML have some"
    assert {name: machine for name, machine in machines.items() if machine != MACHINES[architecture]} == {}
