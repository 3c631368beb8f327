"""The component's two exports. Loaded only inside a component."""

import json
import sys
import traceback
from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import openclaw_tool_guest_0_1_0 as guest
from wit_world.imports import openclaw_manifest_manifest_0_1_0 as manifest
from wit_world.imports import openclaw_types_types_0_1_0 as types

from . import errors
from .component import Component
from .scope import Scope

_ACCESS = {"read": manifest.Access.READ, "read-write": manifest.Access.READ_WRITE}


def guest_of(component: Component) -> type:
    """The class that the component exports."""

    class Guest(exports.OpenclawToolGuest010):
        def describe(self) -> manifest.Manifest:
            tools = [
                manifest.Tool(tool.name, tool.description, json.dumps(tool.input_schema), tool.untrusted_output)
                for tool in component.tools.values()
            ]
            scopes = [_scope(scope) for scope in component.scopes]
            return manifest.Manifest(component.name, component.version, component.summary, tools, scopes)

        def invoke(self, call: guest.Call) -> str:
            try:
                return component.call(call.tool, call.arguments)
            except errors.ToolError as error:
                raise Err(_error(error)) from None
            except Exception:
                # The host only learns that the component has crashed; what it printed stands in the host's log.
                traceback.print_exc()
                sys.stderr.flush()
                raise

    return Guest


def _error(error: errors.ToolError) -> Any:
    match error:
        case errors.InvalidArguments():
            return guest.ToolError_InvalidArguments(error.message)
        case errors.Denied():
            return guest.ToolError_Denied(types.Denial(error.code, error.reason))
        case errors.NotFound():
            return guest.ToolError_NotFound(error.message)
        case errors.Limit():
            return guest.ToolError_Limit(error.message)
        case errors.Cancelled():
            return guest.ToolError_Cancelled()
        case errors.Unavailable():
            return guest.ToolError_Unavailable(error.message)
        case _:
            return guest.ToolError_Failed(guest.Failure(error.message, getattr(error, "sent", False)))


def _scope(scope: Scope) -> Any:
    value: Any = scope.value
    match scope.kind:
        case "Fs":
            value = manifest.FsScope(value[0], _ACCESS[value[1]])
        case "Http":
            value = manifest.HttpScope(*value)
        case "Secret":
            value = manifest.SecretScope(*value)
        case "Sessions":
            value = _ACCESS[value]
    return getattr(manifest, f"Scope_{scope.kind}")(value)
