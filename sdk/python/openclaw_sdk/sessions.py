"""Other conversations, and sub-agents. Needs a ``sessions`` scope.

A sub-agent reaches only itself and those that it has started. Each function raises Denied, InvalidArguments, NotFound, Limit or
Cancelled.
"""

from typing import Any

from . import _host

_sessions = _host.interface("openclaw:sessions/sessions@0.1.0")


def children(limit: int = 20) -> Any:
    """Those that the run's own conversation has started, the latest first, each with ``key``, ``title``, ``updated_ms`` and
    ``state``. ``limit`` is 100 at most."""
    with _host.errors_of_tools():
        return _sessions.children(limit)


def all(limit: int = 20) -> Any:
    """All of them: as :func:`children`."""
    with _host.errors_of_tools():
        return _sessions.all(limit)


def history(key: str, limit: int = 20, before: int | None = None) -> Any:
    """The last messages of one, or those before a place: ``entries`` with ``role`` and ``text``, and ``before``, where the page
    before ends; None if this is the first."""
    with _host.errors_of_tools():
        return _sessions.history(key, limit, before)


def send(key: str, text: str) -> Any:
    """Says something in one and returns at once, with ``key`` and ``task``: the answer comes into the run's own conversation
    later."""
    with _host.errors_of_tools():
        return _sessions.send(key, text)


def spawn(task: str, *, label: str = "", tools: list[str] | None = None, seconds: int = 0) -> Any:
    """Starts a sub-agent and returns at once, with ``key`` and ``task``: the result comes into the run's own conversation later.

    It knows nothing but its task. ``tools`` are the only ones that it may use, all of the run if not said; ``seconds`` is how long
    it may work.
    """
    with _host.errors_of_tools():
        return _sessions.spawn(_sessions.Agent(task, label, tools or [], seconds))
