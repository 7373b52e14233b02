"""mutants: the code with one of its rules taken out, everywhere at once, for as long as a test needs."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any


@contextmanager
def mutated(module: ModuleType, *changes: tuple[str, str]) -> Iterator[None]:
    """Let every function of the module run with these texts replaced, whoever has imported it.

    Raises `AssertionError` if a text is not there exactly once: the mutant would be none.
    """
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{module.__name__} has {old!r} {source.count(old)} times"
        source = source.replace(old, new)
    space: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(source, f"<mutant of {module.__name__}>", "exec"), space)  # noqa: S102  our own code, changed by a test
    before: dict[FunctionType, CodeType] = {}
    for name, function in space.items():
        known = getattr(module, name, None)
        own = isinstance(function, FunctionType) and function.__module__ == module.__name__
        if own and isinstance(known, FunctionType):
            before[known] = known.__code__
            known.__code__ = function.__code__
    try:
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code
