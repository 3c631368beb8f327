"""Cuts files into what is translated and what stays. Pure.

A file becomes pieces: text that stays as it is, and segments. Put together again, the pieces are the file, byte for byte, with
the translations in the place of the segments' texts.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Callable, Iterator


@dataclass
class Segment:
    """A text of a file."""

    #: Line of the file in which it begins, from 1.
    line: int
    text: str
    #: What stands in the file without a translation.
    original: str
    #: From a translation to what stands in the file with it.
    encode: Callable[[str], str] = field(default=lambda text: text)


Piece = str | Segment


def cut(name: str, text: str) -> list[Piece] | None:
    """The pieces of a file, by the end of its name; None if its format is not known. Raises ValueError if it is not of that
    format."""
    cutters = {"md": _markdown, "markdown": _markdown, "po": _po, "srt": _subtitles, "vtt": _subtitles, "json": _json}
    cutter = cutters.get(name.rpartition(".")[2].lower())
    return None if cutter is None else list(cutter(text))


def join(pieces: list[Piece], translations: dict[int, str]) -> str:
    """The file with these translations, by the segments' numbers from 0; the others stay."""
    parts, number = [], 0
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        parts.append(piece.encode(translations[number]) if number in translations else piece.original)
        number += 1
    return "".join(parts)


def _has_words(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _plain(line: int, text: str) -> Iterator[Piece]:
    """A text that is translated if it says something; the space around it stays."""
    inner = text.strip()
    if not _has_words(inner):
        yield text
        return
    before, after = text.split(inner, 1)
    end = "\r\n" if "\r\n" in inner else "\n"
    yield before
    yield Segment(line + before.count("\n"), inner, inner, lambda new: new.replace("\n", end))
    yield after


# === Markdown ===

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
#: What a line begins with: quotes, items and headings, and in the end the marks of a task.
_PREFIX = re.compile(r"\s*(?:>\s?|[-*+]\s+|\d{1,9}[.)]\s+)*(?:#{1,6}\s+)?(?:\[[ xX]\]\s+)?")
_KEPT = re.compile(r"\s*(?:\|?[\s|:-]*-[\s|:-]*\|?|=+|\[[^\]]+\]:\s.*|<!--.*-->|</?[a-zA-Z][^>]*>)\s*$")


def _markdown(text: str) -> Iterator[Piece]:
    lines = text.splitlines(keepends=True)
    at = 0
    # What stands above the text, between two lines of dashes.
    if lines and lines[0].strip() == "---":
        end = next((end for end, line in enumerate(lines[1:], 1) if line.strip() == "---"), -1)
        at = end + 1
        yield "".join(lines[:at])
    may_be_code, in_list = True, False
    while at < len(lines):
        line = lines[at]
        fence = _FENCE.match(line)
        is_code = may_be_code and not in_list and line.startswith(("    ", "\t"))
        if fence:
            end = _end_of_fence(lines, at, fence[1])
            yield "".join(lines[at:end])
            may_be_code, in_list = True, in_list and line[0].isspace()
            at = end
        elif not line.strip() or is_code or _KEPT.match(line):
            may_be_code = not line.strip() or is_code
            yield line
            at += 1
        else:
            prefix = _PREFIX.match(line)[0]
            in_list = bool(re.search(r"[-*+]\s|\d[.)]\s", prefix)) or (in_list and line[0].isspace())
            may_be_code = False
            end = _end_of_paragraph(lines, at)
            yield prefix
            yield from _plain(at + 1, "".join(lines[at:end])[len(prefix) :])
            at = end


def _end_of_fence(lines: list[str], at: int, fence: str) -> int:
    for end in range(at + 1, len(lines)):
        closing = lines[end].strip()
        if closing.startswith(fence) and not closing.strip(fence[0]):
            return end + 1
    return len(lines)


def _end_of_paragraph(lines: list[str], at: int) -> int:
    """Lines that go on belong together; headings and rows of tables stand alone."""
    if re.match(r"\s*(?:>\s?)*(?:#|\|)", lines[at]):
        return at + 1
    end = at + 1
    while end < len(lines) and lines[end].strip():
        if _FENCE.match(lines[end]) or _KEPT.match(lines[end]) or _PREFIX.match(lines[end])[0].strip() or lines[end].lstrip().startswith("|"):
            break
        end += 1
    return end


# === Subtitles: SubRip and WebVTT ===


def _subtitles(text: str) -> Iterator[Piece]:
    if "-->" not in text:
        raise ValueError("it has no time marks (`-->`)")
    line = 1
    # Blocks, each with the empty lines after it.
    for block in re.findall(r"(?:[^\n]*\S[^\n]*\n?)+(?:[^\S\n]*\n)*|\s+", text):
        head = re.match(r"(?:[^\n]*\n)?[^\n]*-->[^\n]*\n", block)
        if head:
            yield head[0]
            yield from _plain(line + head[0].count("\n"), block[head.end() :])
        else:
            yield block
        line += block.count("\n")


# === Tables of texts in JSON ===

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _json(text: str) -> Iterator[Piece]:
    json.loads(text)
    at, line = 0, 1
    for found in _JSON_TEXT.finditer(text):
        line += text.count("\n", at, found.start())
        yield text[at : found.start()]
        value = json.loads(found[0], strict=False)
        is_key = text[found.end() :].lstrip().startswith(":")
        if is_key or not _has_words(value):
            yield found[0]
        else:
            inner = value.strip()
            before, after = value.split(inner, 1)
            yield Segment(line, inner, found[0], lambda new, a=before, z=after: json.dumps(a + new + z, ensure_ascii=False))
        at = found.end()
    yield text[at:]


# === Catalogues of gettext ===

_PO_TEXT = re.compile(r'^(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
_PO_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _po(text: str) -> Iterator[Piece]:
    """Fills what has no translation yet; what has one stays."""
    if not _PO_TEXT.search(text):
        raise ValueError("it has no `msgid`")
    at, source, plural = 0, "", ""
    for found in _PO_TEXT.finditer(text):
        keyword, value = found[1], _unquoted(found[2])
        if keyword == "msgid":
            source, plural = value, ""
        elif keyword == "msgid_plural":
            plural = value
        elif keyword.startswith("msgstr") and not value and _has_words(source):
            yield text[at : found.start(2)]
            wanted = plural if plural and keyword != "msgstr[0]" else source
            inner = wanted.strip()
            before, after = wanted.split(inner, 1)
            end = found[2][len(found[2].rstrip()) :]
            line = text.count("\n", 0, found.start()) + 1
            yield Segment(line, inner, found[2], lambda new, a=before, z=after, end=end: _quoted(a + new + z) + end)
            at = found.end()
    yield text[at:]


def _unquoted(quoted: str) -> str:
    inner = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', quoted))
    return re.sub(r"\\(.)", lambda escape: _PO_ESCAPES.get(escape[1], escape[1]), inner)


def _quoted(text: str) -> str:
    names = {letter: f"\\{name}" for name, letter in _PO_ESCAPES.items()} | {'"': '\\"', "\\": "\\\\"}
    escaped = "".join(names.get(letter, letter) for letter in text)
    return f'"{escaped}"'
