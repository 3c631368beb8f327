"""Programs of the host's machine. Needs an ``exec`` scope; each program waits for the owner where policy asks."""

from typing import Any

from . import _host

_exec = _host.interface("openclaw:exec/exec@0.1.0")


def run(
    *argv: str,
    cwd: str | None = None,
    stdin: bytes | None = None,
    timeout_seconds: float = 60,
    max_output_bytes: int = 64 * 1024,
) -> Any:
    """Runs a program to its end, without a shell, and gives ``end``, ``stdout``, ``stderr``, what was dropped of both, and
    ``duration_ms``. ``cwd`` is relative to the workspace.

    Raises Denied, InvalidArguments, NotFound, Limit or Cancelled. A program that fails is no error: see ``end``.
    """
    command = _exec.Command(list(argv), cwd, [], stdin, int(timeout_seconds * 1000), max_output_bytes)
    with _host.errors_of_tools():
        return _exec.run(command)
