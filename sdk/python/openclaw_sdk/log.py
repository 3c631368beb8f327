"""Lines for the host's log: at most 256 a call, escaped; more are dropped. Needs no scope."""

from . import _host

_logging = _host.interface("wasi:logging/logging@0.1.0-draft")


def debug(message: str, context: str = "") -> None:
    """For who looks for a fault. ``context`` says what part of the component speaks."""
    _logging.log(_logging.Level.DEBUG, context, message)


def info(message: str, context: str = "") -> None:
    """What is normal and worth a line."""
    _logging.log(_logging.Level.INFO, context, message)


def warn(message: str, context: str = "") -> None:
    """What is not right but was dealt with."""
    _logging.log(_logging.Level.WARN, context, message)


def error(message: str, context: str = "") -> None:
    """What failed."""
    _logging.log(_logging.Level.ERROR, context, message)
