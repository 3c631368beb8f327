"""Why a call gives no result. A tool raises one of these; so do the modules of this package.

Any other exception is a fault of the tool: the host reports that it has crashed, and writes the traceback into its log.
"""


class ToolError(Exception):
    """What all of them are. Raise one of the others."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidArguments(ToolError):
    """The arguments make no sense: say which, why, and what would."""


class Denied(ToolError):
    """The host refused something the tool needs. Being refused is ordinary: report it, do not try again unchanged."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        #: Stable, e.g. ``E_POLICY_DENY``.
        self.code = code
        #: One sentence for people.
        self.reason = reason


class NotFound(ToolError):
    """The thing named by the arguments does not exist."""


class Limit(ToolError):
    """A limit was reached; the message names it."""


class Cancelled(ToolError):
    """The owner or the end of the run stopped the call."""

    def __init__(self) -> None:
        super().__init__("the call was stopped")


class Unavailable(ToolError):
    """Something outside could not be reached; trying later may help."""


class Failed(ToolError):
    """Anything else. ``sent`` says whether something may have taken effect, so that trying again could do it twice."""

    def __init__(self, message: str, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
