"""Key-value stores of the component's own. Needs a ``kv`` scope."""

from types import TracebackType
from typing import Any

from . import _host
from ._host import Err, case
from .errors import Denied, Failed, NotFound, ToolError

_store = _host.interface("wasi:keyvalue/store@0.2.0-draft")
_atomics = _host.interface("wasi:keyvalue/atomics@0.2.0-draft")


class _Errors:
    """Raises the store's errors as those of tools."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, raised: BaseException | None, _trace: TracebackType | None) -> None:
        if isinstance(raised, Err):
            raise _failure(raised.value) from None


def _failure(error: Any) -> ToolError:
    match case(error):
        case "NoSuchStore":
            return NotFound("there is no such store")
        case "AccessDenied":
            # `wasi:keyvalue` has no place for the host's codes; a refusal gets the general one.
            return Denied("E_POLICY_DENY", "the store is not granted to this component")
        case _:
            return Failed(error.value)


class Store:
    """An open store. Each method raises Failed if a limit is reached or the store fails."""

    def __init__(self, name: str) -> None:
        """Opens the store. Raises Denied if it is not granted."""
        with _Errors():
            self._bucket = _store.open(name)

    def get(self, key: str) -> bytes | None:
        """The value of a key; None if there is none."""
        with _Errors():
            return self._bucket.get(key)

    def set(self, key: str, value: bytes | str) -> None:
        """Sets a key. When this returns, the value is on disk."""
        with _Errors():
            self._bucket.set(key, value.encode() if isinstance(value, str) else value)

    def delete(self, key: str) -> None:
        """Removes a key; removing an absent one is no error."""
        with _Errors():
            self._bucket.delete(key)

    def keys(self) -> list[str]:
        """All keys."""
        keys, cursor = [], None
        with _Errors():
            while True:
                page = self._bucket.list_keys(cursor)
                keys += page.keys
                cursor = page.cursor
                if cursor is None:
                    return keys

    def increment(self, key: str, delta: int = 1) -> int:
        """Adds to the number under a key, which starts as 0, and gives the sum. No other call can get between."""
        with _Errors():
            return _atomics.increment(self._bucket, key, delta)
