"""What a translation must keep: placeholders, code, addresses, tags. Pure."""

import re
from collections import Counter

_MARKS = re.compile(
    r"""
      `+[^`]+`+                                             # code
    | \]\([^)\s]*[^)]*\)                                    # where a link leads
    | \[\^[^\]]+\]                                          # a footnote
    | https?://[^\s)>\]"'`]+
    | </?[a-zA-Z][^>\n]*>                                   # tags
    | \{\{[^{}\n]*\}\} | \$?\{[^{}\n]*\}                    # {{name}}, ${name}, {name}, {0}
    | (?<![\d%])%(?:\(\w+\)|\d+\$)?[-+#0]*\d*(?:\.\d+)?(?:hh?|ll?|z)?[sdiufgexXc@]   # %s, %(name)s, %1$d
    | &\#?\w+;
    """,
    re.VERBOSE,
)


def marks(text: str) -> Counter[str]:
    """The marks of a text, and how often each is in it."""
    found = Counter(_MARKS.findall(text))
    if text.lstrip().startswith("|"):
        # The cells of a table's row.
        found["|"] = len(re.findall(r"(?<!\\)\|", text))
    return found


def lost(source: str, translation: str) -> list[str]:
    """What a translation does not have as often as its source: each mark once, in order."""
    before, after = marks(source), marks(translation)
    return sorted(mark for mark in before.keys() | after.keys() if before[mark] != after[mark])


def fits(translation: str) -> str:
    """The translation without empty lines: they would end the paragraph or the subtitle that it stands in."""
    return "\n".join(line.rstrip() for line in translation.strip().splitlines() if line.strip())
