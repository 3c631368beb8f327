"""What WASI's files lack: parts of files, several changes at once, searches. Needs an ``fs`` scope.

Paths are relative to the workspace. Each function raises NotFound, Denied, Limit or InvalidArguments.
"""

from typing import Any

from . import _host

_files = _host.interface("openclaw:workspace/files@0.1.0")


def read_range(path: str, offset: int = 0, max_bytes: int = 4 << 20) -> Any:
    """At most ``max_bytes`` (4 MiB at most) from ``offset``: ``bytes``, and the whole file's ``size``."""
    with _host.errors_of_tools():
        return _files.read_range(path, offset, max_bytes)


def commit(put: dict[str, bytes], remove: list[str] | None = None) -> None:
    """Replaces and removes all of these files or none; missing directories are made. At most 256 changes, 16 MiB together."""
    changes = [_files.Change_Put(change) for change in put.items()]
    with _host.errors_of_tools():
        _files.commit(changes + [_files.Change_Remove(path) for path in remove or []])


def list_directory(path: str = "", limit: int = 1000) -> Any:
    """One directory: ``entries`` with ``path``, ``kind`` and ``size``, and ``more``."""
    with _host.errors_of_tools():
        return _files.list_directory(path, limit)


def glob(pattern: str, limit: int = 1000) -> Any:
    """Files and directories by pattern: as :func:`list_directory`."""
    with _host.errors_of_tools():
        return _files.glob(pattern, limit)


def grep(pattern: str, glob: str | None = None, limit: int = 1000) -> Any:
    """Lines by regular expression: ``hits`` with ``path``, ``line`` and ``text``, and ``more``."""
    with _host.errors_of_tools():
        return _files.grep(pattern, glob, limit)
