"""What the owner wrote down for this component, under ``components.NAME.config``. Needs no scope."""

from . import _host
from ._host import Err
from .errors import Failed

_store = _host.interface("wasi:config/store@0.2.0-rc.1")


def get(key: str) -> str | None:
    """One setting; None if there is none of this name. Raises Failed if it cannot be read."""
    try:
        return _store.get(key)
    except Err as err:
        raise Failed(err.value.value) from None


def get_all() -> dict[str, str]:
    """All settings. Raises Failed if they cannot be read."""
    try:
        return dict(_store.get_all())
    except Err as err:
        raise Failed(err.value.value) from None
