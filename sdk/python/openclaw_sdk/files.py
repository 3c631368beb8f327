"""Whole files of the agent's workspace. Needs an ``fs`` scope.

This is :func:`open` on ``/workspace`` with the errors of tools. For parts of files, several changes at once and searches there
is :mod:`openclaw_sdk.workspace`.
"""

import builtins
import os

from .errors import Denied, Failed, InvalidArguments, NotFound, ToolError

_WORKSPACE = "/workspace"


def read(path: str) -> bytes:
    """Reads a file. ``path`` is relative to the workspace.

    Raises NotFound if there is none, Denied if the host refuses, else Failed.
    """
    try:
        with builtins.open(f"{_WORKSPACE}/{path}", "rb") as file:
            return file.read()
    except OSError as err:
        raise _failure("read", path, err) from None


def read_text(path: str) -> str:
    """As :func:`read`, for text; InvalidArguments if it is not UTF-8."""
    try:
        return read(path).decode()
    except UnicodeDecodeError:
        raise InvalidArguments(f"`{path}` is not text in UTF-8") from None


def write(path: str, content: bytes | str) -> None:
    """Creates or replaces a file; its directory is there already. ``path`` is relative to the workspace.

    Raises as :func:`read`. The file may be written in part; :func:`openclaw_sdk.workspace.commit` writes all or nothing.
    """
    try:
        with builtins.open(f"{_WORKSPACE}/{path}", "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as err:
        raise _failure("write", path, err) from None


def _failure(what: str, path: str, err: OSError) -> ToolError:
    if not os.path.isdir(_WORKSPACE):
        return Denied("E_POLICY_DENY", "the workspace is not granted to this component")
    if isinstance(err, FileNotFoundError):
        return NotFound(f"there is no file `{path}`")
    # 76: WASI's own "not permitted by this descriptor", which Python has no name for.
    if isinstance(err, PermissionError) or err.errno == 76 or "Read-only" in str(err):
        return Denied("E_POLICY_DENY", f"to {what} `{path}` is not permitted")
    return Failed(f"cannot {what} `{path}`: {err.strerror}")
