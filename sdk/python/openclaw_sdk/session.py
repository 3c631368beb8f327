"""The run that the current call serves. Needs no scope."""

from typing import Any

from . import _host

_run = _host.interface("openclaw:session/run@0.1.0")


def info() -> Any:
    """Facts: ``run_id``, ``session_key``, ``agent_id``, and ``origin``, which says who started it."""
    return _run.get_info()


def budget() -> Any:
    """What is left to the call: ``cpu_ms``, ``memory_bytes``, and ``effects``, what the host will still do for it."""
    return _run.get_budget()


def is_cancelled() -> bool:
    """Whether the owner has stopped the run. A long computation asks from time to time."""
    return _run.is_cancelled()


def progress(note: str, percent: int | None = None) -> None:
    """Tells people how far the call is, in at most 512 bytes and at most 64 times a call; more is dropped."""
    _run.progress(percent, note)
