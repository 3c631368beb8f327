"""From type hints to JSON Schema, and from JSON to values of those types."""

import dataclasses
import enum
import inspect
import types
import typing
from typing import Any, Callable

from .errors import InvalidArguments

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def of_function(function: Callable[..., Any]) -> dict[str, Any]:
    """The schema of an object with the function's parameters as its members.

    Raises TypeError for a hint that has no schema, and for a parameter without one.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    members = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints:
            raise TypeError(f"the parameter `{name}` of `{function.__name__}` has no type hint")
        members[name] = (hints[name], parameter.default is not inspect.Parameter.empty)
    return _object(members)


def of_type(hint: Any) -> dict[str, Any]:
    """The schema of a type: ``str``, ``int``, ``float``, ``bool``, ``list``, ``dict`` with text as keys, ``Literal``, an
    ``Enum``, a dataclass, any of these ``| None``. ``Annotated[T, "…"]`` adds a description.

    Raises TypeError for anything else.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        described = {"description": text for text in args[1:] if isinstance(text, str)}
        return of_type(args[0]) | described
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin is list:
        return {"type": "array", "items": of_type(args[0])}
    if origin is dict and args[0] is str:
        return {"type": "object", "additionalProperties": of_type(args[1])}
    if origin is typing.Literal:
        return _choice(list(args))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choice([member.value for member in hint])
    if dataclasses.is_dataclass(hint):
        return _object(_fields(hint))
    if inner := _nullable(hint):
        schema = of_type(inner)
        if isinstance(schema.get("type"), str) and "enum" not in schema:
            return schema | {"type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}
    raise TypeError(f"`{hint}` has no JSON Schema here")


def arguments(function: Callable[..., Any], given: Any) -> dict[str, Any]:
    """The function's arguments from a JSON object.

    Raises InvalidArguments, which names the member, if they do not fit.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    members = {name: (hints[name], it.default is not inspect.Parameter.empty) for name, it in parameters.items()}
    return _members(members, given, "")


def value(hint: Any, given: Any, where: str) -> Any:
    """A value of the type from JSON; ``where`` is its place in the arguments."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return value(args[0], given, where)
    if inner := _nullable(hint):
        return None if given is None else value(inner, given, where)
    if hint in _PLAIN:
        return _plain(hint, given, where)
    if origin is list and isinstance(given, list):
        return [value(args[0], item, f"{where}[{index}]") for index, item in enumerate(given)]
    if origin is dict and isinstance(given, dict):
        return {key: value(args[1], item, f"{where}.{key}") for key, item in given.items()}
    if origin is typing.Literal and given in args:
        return given
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        try:
            return hint(given)
        except ValueError:
            pass
    if dataclasses.is_dataclass(hint):
        return hint(**_members(_fields(hint), given, where + "."))
    raise _misfit(where, of_type(hint))


def _plain(hint: type, given: Any, where: str) -> Any:
    # For Python, True is a number; for JSON it is not. And 2.0 is an integer for JSON Schema.
    if isinstance(given, bool) and hint is not bool:
        raise _misfit(where, of_type(hint))
    if hint is float and isinstance(given, int):
        return float(given)
    if hint is int and isinstance(given, float) and given.is_integer():
        return int(given)
    if not isinstance(given, hint):
        raise _misfit(where, of_type(hint))
    return given


def _members(members: dict[str, tuple[Any, bool]], given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidArguments(f"`{where.rstrip('.') or 'the arguments'}` must be an object")
    for name in given:
        if name not in members:
            raise InvalidArguments(f"there is no argument `{where}{name}`")
    values = {}
    for name, (hint, optional) in members.items():
        if name in given:
            values[name] = value(hint, given[name], where + name)
        elif not optional:
            raise InvalidArguments(f"the argument `{where}{name}` is missing")
    return values


def _object(members: dict[str, tuple[Any, bool]]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if members:
        schema["properties"] = {name: of_type(hint) for name, (hint, _) in members.items()}
    if required := [name for name, (_, optional) in members.items() if not optional]:
        schema["required"] = required
    return schema


def _fields(hint: Any) -> dict[str, tuple[Any, bool]]:
    hints = typing.get_type_hints(hint, include_extras=True)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is not missing or field.default_factory is not missing)
        for field in dataclasses.fields(hint)
    }


def _choice(values: list[Any]) -> dict[str, Any]:
    kinds = {_PLAIN.get(type(value)) for value in values}
    if len(kinds) != 1 or None in kinds:
        raise TypeError(f"the choices {values} must be texts, or all of another plain type")
    return {"type": kinds.pop(), "enum": values}


def _nullable(hint: Any) -> Any:
    """``T`` of ``T | None``."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return None
    inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
    return inner[0] if len(inner) == 1 and len(typing.get_args(hint)) == 2 else None


def _misfit(where: str, schema: dict[str, Any]) -> InvalidArguments:
    wanted = schema.get("enum") or schema.get("type")
    return InvalidArguments(f"the argument `{where}` must be of {wanted}")
