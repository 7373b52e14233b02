"""Mutants: the code with one of its rules broken, for as long as a test runs.

A port that lies (`lie`): it ignores a condition, drops a write, gives an old answer. Or a function of the domain that
does something else (`substitute`). Neither quotes the code, so lines can be moved and rewritten.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from tests.storm import faults
from tests.storm.faults import ProcessPorts

type Mutation = Callable[[], AbstractContextManager[None]]
type Lies = dict[str, Any]
"""Ports by their names in `ProcessPorts`, to be used instead of the real ones."""


class _Override:
    def __init__(self, port: object, methods: dict[str, Callable[..., Any]]) -> None:
        self._port = port
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def override(port: object, **methods: Callable[..., Any]) -> Any:
    """Return the port with these methods instead of its own."""
    return _Override(port, methods)


def lie(wrap: Callable[[ProcessPorts], Lies]) -> Mutation:
    """Return the mutation by which every process has the ports that `wrap` returns by name, instead of its own."""

    @contextmanager
    def mutation() -> Iterator[None]:
        def apply(ports: ProcessPorts) -> ProcessPorts:
            return replace(ports, **wrap(ports))

        faults.wrappers.append(apply)
        try:
            yield
        finally:
            faults.wrappers.remove(apply)

    return mutation


def substitute[Function: Callable[..., Any]](
    function: Function, change: Callable[[Function], Callable[..., Any]], *, within: str = ""
) -> Mutation:
    """Return the mutation by which a function does what `change` makes of it, in every module that imported it.

    `within` names the only module where it does so. A method is changed in its class.
    """

    @contextmanager
    def mutation() -> Iterator[None]:
        changed = change(function)
        places = [
            (module, name)
            for path, module in list(sys.modules.items())
            if path.startswith(("charthouse.repository", "charthouse.registry", "tests.storm"))
            and path.endswith(within)
            for name, value in list(vars(module).items())
            if value is function
        ]
        assert places, f"{function} is used nowhere"
        for module, name in places:
            setattr(module, name, changed)
        try:
            yield
        finally:
            for module, name in places:
                setattr(module, name, function)

    return mutation


def substitute_method(cls: type, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Mutation:
    """Return the mutation by which a method does what `change` makes of it."""

    @contextmanager
    def mutation() -> Iterator[None]:
        method = cls.__dict__[name]
        setattr(cls, name, change(method))
        try:
            yield
        finally:
            setattr(cls, name, method)

    return mutation
