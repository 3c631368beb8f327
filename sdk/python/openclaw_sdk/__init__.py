"""Writes tools for openclaw-host in Python.

A tool is a function; a component is a list of tools and of the scopes that it wants. The function's type hints become the
JSON Schema that the model sees::

    from typing import Annotated
    from openclaw_sdk import Component, files, scope

    component = Component(
        name="size", version="0.1.0", summary="Tells the size of files.", scopes=[scope.workspace()]
    )

    @component.tool
    def size(path: Annotated[str, "Path relative to the workspace."]) -> str:
        '''Tells how many bytes a file of the workspace has.'''
        return f"{len(files.read(path))} bytes"

``openclaw-sdk build size.py`` makes ``size.wasm`` of it. A module of this package that a component does not import it cannot
be granted: each scope goes with an import of the matching module, e.g. ``files`` or ``http``. Import them at the top of the
file: nothing can be imported later, when the component runs.
"""

from .component import Component
from .errors import Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, ToolError, Unavailable

__all__ = [
    "Cancelled",
    "Component",
    "Denied",
    "Failed",
    "InvalidArguments",
    "Limit",
    "NotFound",
    "ToolError",
    "Unavailable",
]
