"""A component: its tools, and what it says about itself."""

import inspect
import json
from dataclasses import dataclass
from typing import Any, Callable, overload

from . import schema
from .errors import InvalidArguments, NotFound
from .scope import Scope

Function = Callable[..., Any]


@dataclass(frozen=True)
class Tool:
    """One tool as the model sees it."""

    name: str
    description: str
    #: JSON Schema of the arguments.
    input_schema: dict[str, Any]
    untrusted_output: bool
    function: Function


class Component:
    """What ``openclaw-sdk build`` looks for in a module, under the name ``component``.

    ``name`` is 1 to 64 of ``a-z 0-9 - _``, ``version`` a semantic version, ``summary`` one sentence for people, ``scopes`` values
    made by :mod:`openclaw_sdk.scope`.
    """

    def __init__(self, *, name: str, version: str, summary: str, scopes: list[Scope] | None = None) -> None:
        self.name = name
        self.version = version
        self.summary = summary
        self.scopes = scopes or []
        self.tools: dict[str, Tool] = {}

    @overload
    def tool(self, function: Function) -> Function: ...
    @overload
    def tool(
        self, *, name: str | None = None, untrusted_output: bool = False
    ) -> Callable[[Function], Function]: ...
    def tool(
        self, function: Function | None = None, *, name: str | None = None, untrusted_output: bool = False
    ) -> Any:
        """Makes a tool of a function, which stays as it is.

        Its name (or ``name``) is the tool's, unique over all components that the owner installs; its docstring tells the
        model in at most 4,096 bytes what it does and when to use it; its parameters are the arguments. It returns text, or a
        value that is then written as JSON, at most 1 MiB. Each call runs in a fresh instance: nothing that it leaves in memory
        survives it. ``untrusted_output`` says that results carry text from outside the owner, e.g. a web page.

        Raises TypeError if a parameter has no type that JSON Schema knows, or the function no docstring.
        """

        def add(function: Function) -> Function:
            description = inspect.getdoc(function)
            if not description:
                raise TypeError(f"`{function.__name__}` has no docstring: the model must know what it does")
            called = name or function.__name__
            arguments = schema.of_function(function)
            self.tools[called] = Tool(called, description, arguments, untrusted_output, function)
            return function

        return add if function is None else add(function)

    def call(self, name: str, arguments: str) -> str:
        """Runs a tool on arguments in JSON, as the host does. Tests call it where there is no host.

        Raises a ToolError, or whatever the tool raises.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise NotFound(f"this component has no tool `{name}`")
        try:
            # Some models send nothing at all to a tool whose arguments are all optional.
            given = json.loads(arguments) if arguments.strip() else {}
        except ValueError as err:
            raise InvalidArguments(f"the arguments of `{name}` are not JSON: {err}") from None
        result = tool.function(**schema.arguments(tool.function, given))
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
