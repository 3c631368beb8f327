"""The component ``{{name}}``: what it is called, what it asks for, and its tools."""

from typing import Annotated

from openclaw_sdk import Component, InvalidArguments, files, scope

component = Component(
    name="{{name}}", version="0.1.0", summary="Greets people.", scopes=[scope.workspace()]
)


@component.tool
def {{tool}}(
    path: Annotated[str, "File with the name of whoever is greeted; a path relative to the workspace."],
) -> str:
    """Greets whoever a file of the workspace names."""
    return greeting(files.read_text(path))


def greeting(text: str) -> str:
    name = text.strip()
    if not name:
        raise InvalidArguments("the file names nobody")
    return f"Hello, {name}!"
