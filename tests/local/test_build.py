"""The built layer carries its bytecode."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.build import compile_layer
from local.progress import Trouble


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """Return a layer of one module, compiled."""
    layer = tmp_path / "Layer"
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "thing.py").write_text("NAME = 'compiled'\n")
    compile_layer(layer)
    return layer


def test_bytecode_counts_whatever_became_of_the_times_and_bytes_of_its_source(layer: Path) -> None:
    (layer / "python" / "thing.py").write_text("NAME = 'read again'\n")

    loaded = imported(layer)

    assert loaded == "compiled"


def test_equal_sources_give_equal_bytecode_wherever_they_are(layer: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "python").mkdir(parents=True)
    shutil.copy(layer / "python" / "thing.py", elsewhere / "python")

    compile_layer(elsewhere)

    assert bytecode(elsewhere) == bytecode(layer)


def test_a_source_that_cannot_be_compiled_is_named(layer: Path) -> None:
    (layer / "python" / "broken.py").write_text("def\n")

    with pytest.raises(Trouble, match=r"broken\.py"):
        compile_layer(layer)


def imported(layer: Path) -> str:
    """Return the name that the module has in an interpreter that looks for it there."""
    program = f"import sys; sys.path.insert(0, {str(layer / 'python')!r}); import thing; print(thing.NAME)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def bytecode(layer: Path) -> bytes:
    """Return the module's bytecode."""
    (compiled,) = (layer / "python" / "__pycache__").glob("thing.*.pyc")
    return compiled.read_bytes()
