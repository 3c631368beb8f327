"""What needs no host: schemas, arguments, errors. `python3 -m unittest` in the package's folder runs it."""

import enum
import json
import unittest
from dataclasses import dataclass
from typing import Annotated, Literal

from openclaw_sdk import Component, InvalidArguments, NotFound, files, http, scope

component = Component(name="mine", version="0.1.0", summary="Mine.", scopes=[scope.workspace()])


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Order:
    size: Size
    cups: int = 1


@component.tool
def echo(
    text: Annotated[str, "Any text."],
    of: Literal["tea", "milk"] = "tea",
    count: int | None = None,
    ratio: float = 0.5,
    orders: list[Order] | None = None,
    prices: dict[str, float] | None = None,
) -> dict:
    """Gives its arguments back."""
    cups = [(order.size.name, order.cups) for order in orders or []]
    return {"text": text, "of": of, "count": count, "ratio": ratio, "cups": cups, "prices": prices}


class Schemas(unittest.TestCase):
    def test_a_schema_follows_the_type_hints(self) -> None:
        order = {
            "type": "object",
            "additionalProperties": False,
            "properties": {"size": {"type": "string", "enum": ["small", "large"]}, "cups": {"type": "integer"}},
            "required": ["size"],
        }
        self.assertEqual(
            component.tools["echo"].input_schema,
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "text": {"type": "string", "description": "Any text."},
                    "of": {"type": "string", "enum": ["tea", "milk"]},
                    "count": {"type": ["integer", "null"]},
                    "ratio": {"type": "number"},
                    "orders": {"type": ["array", "null"], "items": order},
                    "prices": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
                },
                "required": ["text"],
            },
        )

    def test_what_has_no_schema_is_refused_when_the_tool_is_made(self) -> None:
        with self.assertRaisesRegex(TypeError, "`more` of `untyped` has no type hint"):

            @component.tool
            def untyped(more) -> str:
                """Never made."""

        with self.assertRaisesRegex(TypeError, "no docstring"):

            @component.tool
            def undescribed() -> str: ...

        with self.assertRaisesRegex(TypeError, "no JSON Schema"):

            @component.tool
            def odd(more: set[str]) -> str:
                """Never made."""


class Calls(unittest.TestCase):
    def test_arguments_become_values_of_their_types(self) -> None:
        args = {"text": "t", "ratio": 1, "count": 2.0, "orders": [{"size": "small"}, {"size": "large", "cups": 3}]}
        answer = json.loads(component.call("echo", json.dumps(args)))
        cups = [["SMALL", 1], ["LARGE", 3]]
        self.assertEqual(
            answer, {"text": "t", "of": "tea", "count": 2, "ratio": 1.0, "cups": cups, "prices": None}
        )

    def test_arguments_that_do_not_fit_are_named(self) -> None:
        for args, why in [
            ("{", "are not JSON"),
            ("", "`text` is missing"),
            ("[]", "must be an object"),
            ('{"text": 1}', "`text` must be of string"),
            ('{"text": "", "count": true}', "`count`"),
            ('{"text": "", "count": 1.5}', "`count`"),
            ('{"text": "", "more": 1}', "no argument `more`"),
            ('{"text": "", "of": "beer"}', "`of` must be of .*tea"),
            ('{"text": "", "orders": [{"size": "huge"}]}', r"`orders\[0\].size`"),
        ]:
            with self.subTest(args), self.assertRaisesRegex(InvalidArguments, why):
                component.call("echo", args)

    def test_a_tool_that_is_not_there_is_not_found(self) -> None:
        with self.assertRaises(NotFound):
            component.call("other", "{}")

    def test_without_a_host_its_interfaces_say_so(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "exists only inside openclaw-host"):
            http.get("http://example.com/")
        with self.assertRaises(Exception):
            files.read("notes.md")


if __name__ == "__main__":
    unittest.main()
