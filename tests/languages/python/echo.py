"""Gives a text back: what a call of a Python guest costs."""

import json

from wit_world import exports
from wit_world.exports.guest import Call
from wit_world.imports.manifest import Manifest, Tool

INPUT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}


class Guest(exports.Guest):
    def describe(self) -> Manifest:
        tool = Tool("echo_python", "Gives a text back.", json.dumps(INPUT), False)
        return Manifest("echo-python", "0.1.0", "Gives a text back.", [tool], [])

    def invoke(self, call: Call) -> str:
        return json.loads(call.arguments)["text"]
