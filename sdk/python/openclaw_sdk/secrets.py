"""Secrets of the owner's vault. Needs a ``secret`` scope."""

from . import _host

_secrets = _host.interface("openclaw:secrets/secrets@0.1.0")


def placeholder(name: str) -> str:
    """A text that stands for the secret in the value of an HTTP header or in the path of a request. The
    host puts the secret in its place when it sends the request, and only to the servers that the owner named for it.

    Raises Denied for an unknown name, another component's secret and a missing grant alike.
    """
    with _host.errors_of_tools(), _secrets.get(name) as secret:
        return secret.placeholder()


def reveal(name: str) -> str:
    """The secret itself. Needs a scope with ``reveal``, which the owner grants apart. Raises Denied otherwise."""
    with _host.errors_of_tools(), _secrets.get(name) as secret:
        return _secrets.reveal(secret)
