"""The conformance component (tests/conformance/README.md), written with the SDK for Python."""

from typing import Annotated, Literal

from openclaw_sdk import (
    Cancelled,
    Component,
    Denied,
    Failed,
    InvalidArguments,
    Limit,
    NotFound,
    Unavailable,
    config,
    files,
    http,
    keyvalue,
    log,
    scope,
    secrets,
    session,
)

WHY = "because of the test"
MAX_BODY_BYTES = 64 * 1024

component = Component(
    name="conformance",
    version="0.1.0",
    summary="Does what every SDK must be able to do.",
    scopes=[
        scope.workspace("read-write"),
        scope.http("*", ["GET"]),
        scope.secret("canary"),
        scope.store("cache"),
    ],
)


@component.tool
def echo(
    text: Annotated[str, "Any text."],
    count: Annotated[int, "Any whole number."],
    tags: Annotated[list[str], "Any texts."],
    note: Annotated[str | None, "Another text."] = None,
) -> dict:
    """Gives its arguments back."""
    return {"text": text, "count": count, "note": note, "tags": tags}


@component.tool
def fail(
    kind: Annotated[
        Literal[
            "invalid-arguments",
            "denied",
            "not-found",
            "limit",
            "cancelled",
            "unavailable",
            "failed",
            "failed-after-sending",
        ],
        "The error to end with.",
    ],
) -> str:
    """Ends with an error."""
    raise {
        "invalid-arguments": InvalidArguments(WHY),
        "denied": Denied("E_TEST", WHY),
        "not-found": NotFound(WHY),
        "limit": Limit(WHY),
        "cancelled": Cancelled(),
        "unavailable": Unavailable(WHY),
        "failed": Failed(WHY),
        "failed-after-sending": Failed(WHY, sent=True),
    }[kind]


@component.tool
def write_file(
    path: Annotated[str, "Path relative to the workspace."], text: Annotated[str, "The new text."]
) -> str:
    """Writes a file of the workspace."""
    files.write(path, text)
    return "written"


@component.tool
def read_file(path: Annotated[str, "Path relative to the workspace."]) -> str:
    """Reads a file of the workspace."""
    return files.read_text(path)


@component.tool
def fetch(
    url: Annotated[str, "An absolute URL."],
    secret: Annotated[str | None, "A secret to send in the header `x-key`."] = None,
) -> dict:
    """Fetches a page."""
    headers = {"x-key": secrets.placeholder(secret)} if secret is not None else {}
    answer = http.get(url, headers, MAX_BODY_BYTES)
    return {"status": answer.status, "body": answer.text()}


@component.tool
def setting(key: Annotated[str, "Its name."]) -> str:
    """Reads a setting."""
    found = config.get(key)
    return "not set" if found is None else found


@component.tool
def report(message: Annotated[str, "What to report."]) -> str:
    """Writes a line into the log and reports progress."""
    log.info(message, "conformance")
    session.progress(message, 50)
    return "reported"


@component.tool
def remember(
    key: Annotated[str, "A key of the store."], value: Annotated[str | None, "Its new value."] = None
) -> dict:
    """Gives what was remembered and remembers something else."""
    store = keyvalue.Store("cache")
    before = store.get(key)
    if value is not None:
        store.set(key, value)
    return {"before": before.decode() if before is not None else None}


@component.tool
def crash() -> str:
    """Crashes."""
    raise RuntimeError(WHY)


@component.tool
def flood(bytes: Annotated[int, "How many bytes."]) -> str:
    """Gives a long text."""
    return "x" * bytes
