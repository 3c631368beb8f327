"""The scopes that a component asks for. What it gets is the owner's decision."""

from dataclasses import dataclass
from typing import Literal

Access = Literal["read", "read-write"]


@dataclass(frozen=True)
class Scope:
    """One of the kinds of ``openclaw:manifest``, with its content. Use the functions of this module."""

    kind: str
    value: object


def workspace(access: Access = "read") -> Scope:
    """The agent's workspace, seen by :mod:`files` and :mod:`workspace`, and as the directory ``/workspace``."""
    return folder("workspace", access)


def folder(name: str, access: Access = "read") -> Scope:
    """Any folder by its name: ``workspace``, ``scratch``, or one that the owner has named; seen as ``/NAME``."""
    return Scope("Fs", (name, access))


def http(pattern: str, methods: list[str], paths: list[str] | None = None) -> Scope:
    """Servers and methods, for :mod:`http`.

    ``pattern`` is ``scheme://host[:port]``, where the host may start with ``*.`` (exactly one label), or ``*`` alone for any
    host: the owner is then asked for each request. Methods are in upper case; ``paths`` are prefixes, e.g. ``/v1/``.
    """
    return Scope("Http", (pattern, methods, paths or []))


def exec(*argv: str) -> Scope:
    """Programs: one pattern per argument, ``*`` for exactly one of any value, a final ``**`` for any number."""
    return Scope("Exec", list(argv))


def net(pattern: str) -> Scope:
    """WebSocket and TCP servers, ``SCHEME://HOST[:PORT]`` with ``ws``, ``wss``, ``tcp`` or ``tls``."""
    return Scope("Net", pattern)


def secret(name: str, reveal: bool = False) -> Scope:
    """A secret of the owner's vault, to be sent in headers and never seen; with ``reveal``, to be seen."""
    return Scope("Secret", (name, reveal))


def store(name: str) -> Scope:
    """A key-value store of the component's own, for :mod:`keyvalue`."""
    return Scope("Kv", name)


def model(alias: str = "default") -> Scope:
    """A model, by alias, for :mod:`llm`; ``default`` is the model of the run."""
    return Scope("Llm", alias)


def messages() -> Scope:
    """Messages into the run's own conversation, for :mod:`message`."""
    return Scope("Message", "session")


def sessions(access: Access = "read") -> Scope:
    """Other conversations, for :mod:`sessions`: ``read-write`` to talk to them and start sub-agents as well."""
    return Scope("Sessions", access)
