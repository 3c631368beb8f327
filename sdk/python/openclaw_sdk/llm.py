"""Questions to a language model. Needs an ``llm`` scope."""

from typing import Any

from . import _host

_llm = _host.interface("openclaw:llm/llm@0.1.0")


def complete(text: str, *, system: str = "", model: str = "default", max_tokens: int = 1024) -> Any:
    """Asks the model and waits for its whole answer: ``text``, ``input_tokens``, ``output_tokens``, and ``cut``, which says
    whether it ended at ``max_tokens``. At most 8 questions a call.

    Raises Denied, Limit, Unavailable or Cancelled.
    """
    question = _llm.Message(_llm.Role.USER, text)
    with _host.errors_of_tools():
        return _llm.complete(_llm.Request(model, system, [question], max_tokens))
