"""The way to the host's interfaces.

Their bindings exist only inside a component. Elsewhere, where a component is looked at and its pure parts are tested, only
the wish for them is noted: what was wanted becomes the imports of the component that is built.
"""

import importlib
import re
from types import ModuleType
from typing import Any

from .errors import Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, ToolError, Unavailable

#: The interfaces that were asked for, as the WIT names them.
wanted: list[str] = []


class Absent:
    """Stands for an interface where there is no host."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise RuntimeError(f"`{self._name}` exists only inside openclaw-host: `{attribute}` cannot be used here")


def interface(name: str) -> Any:
    """The bindings of an interface, e.g. ``openclaw:session/run@0.1.0``."""
    if name not in wanted:
        wanted.append(name)
    return bindings(name) or Absent(name)


def bindings(name: str) -> ModuleType | None:
    """The bindings of an interface, if this is a component that has them."""
    try:
        return importlib.import_module("wit_world.imports." + re.sub(r"\W", "_", name))
    except ModuleNotFoundError:
        return None


try:
    from componentize_py_types import Err
except ModuleNotFoundError:

    class Err(Exception):  # type: ignore[no-redef]
        """Never raised outside a component."""


def case(value: Any) -> str:
    """The name of a variant's case: the bindings call their classes ``Error_Denied``."""
    return type(value).__name__.rpartition("_")[2]


def tool_error(error: Any) -> ToolError:
    """The tool's error for one of ``openclaw:types``: the same kind, and for refusals the same code."""
    match case(error):
        case "Denied":
            return Denied(error.value.code, error.value.reason)
        case "Limit":
            return Limit(error.value)
        case "Invalid":
            return InvalidArguments(error.value)
        case "Unavailable":
            return Unavailable(error.value)
        case "Cancelled":
            return Cancelled()
        case "NotFound":
            return NotFound(error.value)
        case _:
            return Failed(error.value)


class errors_of_tools:
    """Around calls of the host's interfaces: raises their errors as those of tools."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, raised: BaseException | None, _trace: Any) -> None:
        if isinstance(raised, Err):
            raise tool_error(raised.value) from None
