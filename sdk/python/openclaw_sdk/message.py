"""Messages to people. Needs a ``message`` scope."""

from . import _host

_message = _host.interface("openclaw:message/message@0.1.0")


def send(text: str) -> None:
    """Sends a text, at most 16 KiB, into the run's conversation, under the component's name. At most 8 a call.

    Raises Denied, InvalidArguments or Limit.
    """
    with _host.errors_of_tools():
        _message.send("session", text)
