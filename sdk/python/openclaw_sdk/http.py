"""HTTP requests through the host. Needs an ``http`` scope; the owner decides on servers and methods.

Redirects are answers like any other: the host follows none, so that each hop is a request of its own and decided as such.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from . import _host
from ._host import Err, case
from .errors import Denied, Failed, InvalidArguments, Limit, ToolError, Unavailable

_types = _host.interface("wasi:http/types@0.2.0")
_handler = _host.interface("wasi:http/outgoing-handler@0.2.0")
# Named by the two above; its errors are looked at here.
_streams = _host.bindings("wasi:io/streams@0.2.0")

#: Bytes asked for at once: one frame between the component and the host.
_CHUNK_BYTES = 64 * 1024
#: Bytes that `blocking-write-and-flush` takes at most, by its contract.
_WRITE_BYTES = 4096
#: Largest body that is read unless another size is asked for.
DEFAULT_BODY_BYTES = 1024 * 1024

_SAFE = ("GET", "HEAD", "OPTIONS")
_NAMED = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


@dataclass(frozen=True)
class Response:
    """The answer to a request. Any status is an answer, not an error."""

    #: 100 to 599.
    status: int
    #: Names as the server sent them, and raw values.
    headers: list[tuple[str, bytes]]
    #: At most as long as asked for.
    body: bytes
    #: Whether there was more of it, which was not read.
    cut: bool

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        values = (value for found, value in self.headers if found.lower() == name.lower())
        return next((value.decode(errors="replace") for value in values), None)

    def text(self) -> str:
        """The body as UTF-8; what is none becomes U+FFFD."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises Failed if it is none."""
        try:
            return json.loads(self.body)
        except ValueError as err:
            raise Failed(f"the server's answer is not JSON: {err}") from None


def get(url: str, headers: dict[str, str] | None = None, max_body_bytes: int = DEFAULT_BODY_BYTES) -> Response:
    """``GET``; as :func:`request`."""
    return request("GET", url, headers, max_body_bytes=max_body_bytes)


def request(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    max_body_bytes: int = DEFAULT_BODY_BYTES,
) -> Response:
    """Sends a request and reads at most ``max_body_bytes`` of the answer's body. Waits for the owner where policy asks.

    ``url`` is absolute; its fragment is not sent. The host refuses some headers, e.g. ``Host``. A secret goes into a header as
    its placeholder.

    Raises InvalidArguments if the URL or a header has no valid form, Denied if the host refuses, Unavailable if the server
    cannot be reached, Limit if it sends too much, and Failed otherwise, which says whether the request may have reached the
    server.
    """
    scheme, authority, path = _parts(url)
    try:
        outgoing = _outgoing(method, scheme, authority, path, headers or {})
        sending = outgoing.body()
    except Err:
        raise InvalidArguments(f"the request to `{url}` is malformed") from None
    try:
        answer = _handler.handle(outgoing, None)
        _write(sending, body)
        answer.subscribe().block()
        incoming = answer.get().value
        if isinstance(incoming, Err):
            raise incoming
        return _read(incoming.value, max_body_bytes)
    except Err as err:
        raise _failure(method, authority, err.value) from None


def _parts(url: str) -> tuple[str, str, str]:
    """Only cut apart here: the host parses and judges them."""
    found = re.fullmatch(r"([^:/?#]+)://([^/?\\#]+)([^#]*)(#.*)?", url, re.DOTALL)
    if not found:
        raise InvalidArguments(f"`{url}` is not an absolute URL")
    path = found[3]
    return found[1].lower(), found[2], path if path.startswith("/") else "/" + path


def _outgoing(method: str, scheme: str, authority: str, path: str, headers: dict[str, str]) -> Any:
    fields = _types.Fields.from_list([(name, value.encode()) for name, value in headers.items()])
    outgoing = _types.OutgoingRequest(fields)
    known = {"http": _types.Scheme_Http, "https": _types.Scheme_Https}
    named = getattr(_types, f"Method_{method.capitalize()}") if method in _NAMED else None
    outgoing.set_method(named() if named else _types.Method_Other(method))
    outgoing.set_scheme(known[scheme]() if scheme in known else _types.Scheme_Other(scheme))
    outgoing.set_authority(authority)
    outgoing.set_path_with_query(path)
    return outgoing


def _write(sending: Any, body: bytes) -> None:
    if body:
        with sending.write() as stream:
            try:
                for start in range(0, len(body), _WRITE_BYTES):
                    stream.blocking_write_and_flush(body[start : start + _WRITE_BYTES])
            except Err:
                # The server may answer before it has read everything; that answer counts.
                pass
    _types.OutgoingBody.finish(sending, None)


def _read(incoming: Any, max_bytes: int) -> Response:
    status, headers = incoming.status(), incoming.headers().entries()
    read = bytearray()
    # The stream belongs to the body and ends before it.
    with incoming.consume() as body, body.stream() as stream:
        while len(read) <= max_bytes:
            try:
                read += stream.blocking_read(_CHUNK_BYTES)
            except Err as err:
                if isinstance(err.value, _streams.StreamError_Closed):
                    return Response(status, headers, bytes(read), False)
                code = _types.http_error_code(err.value.value)
                raise Err(code or _types.ErrorCode_HttpResponseIncomplete()) from None
    return Response(status, headers, bytes(read[:max_bytes]), True)


def _failure(method: str, authority: str, code: Any) -> ToolError:
    """``wasi:http`` has no place for the host's codes, so a refusal's code travels in the text of ``internal-error``, as
    ``E_CODE: reason``."""
    kind = case(code)
    match kind:
        case "HttpRequestDenied":
            return Denied("E_POLICY_DENY", f"the request to `{authority}` was refused")
        case "DestinationIpProhibited":
            return Denied("E_NET_ADDR", f"`{authority}` has an address that may not be reached")
        case "InternalError":
            refused = re.fullmatch(r"(E_[A-Z_]+): (.*)", code.value or "", re.DOTALL)
            if refused:
                return Denied(refused[1], refused[2])
            return Failed(f"the request to `{authority}` failed: {code.value}")
        case "HttpRequestUriInvalid" | "HttpRequestMethodInvalid" | "HttpRequestUriTooLong":
            return InvalidArguments(f"the request to `{authority}` is malformed: {kind}")
    if kind == "ConnectionLimitReached" or re.fullmatch(r"Http(Request|Response)\w*Size", kind):
        return Limit(f"the request to `{authority}` reached a limit: {kind}")
    lost = ("ConnectionTerminated", "ConnectionReadTimeout", "HttpProtocolError")
    if method not in _SAFE and (kind in lost or kind.startswith("HttpResponse")):
        return Failed(f"`{authority}` may have got the request, but: {kind}", sent=True)
    return Unavailable(f"`{authority}` cannot be reached: {kind}")
