"""The skill `translate`: files in another language, by the model of the run. `formats`, `marks` and `work` are pure."""

import hashlib
import time
from typing import Annotated

from openclaw_sdk import Component, InvalidArguments, Limit, Unavailable, keyvalue, llm, scope, session, workspace

import formats
import work

component = Component(
    name="translate",
    version="0.1.0",
    summary="Translates text files of the workspace.",
    scopes=[scope.workspace("read-write"), scope.model(), scope.store("translate")],
)

MAX_BYTES = 256 << 10
#: As many as the host answers in a call.
QUESTIONS = 8
#: No question is asked later than this: a call has 60 seconds if its owner says nothing else.
SECONDS = 30
ANSWER_TOKENS = 4096


@component.tool
def translate_file(
    path: Annotated[str, "File of the workspace: `.md`, `.po`, `.srt`, `.vtt` or `.json`."],
    to: Annotated[str, "Language to translate into, e.g. `German`."],
    output: Annotated[str, "File to write; it is replaced. Default: the language before the ending of `path`."] | None = None,
) -> str:
    """Translates a text file: Markdown, subtitles, catalogues of gettext, tables of texts in JSON. Code, placeholders, keys and
    time marks stay as they are. A long file takes several calls with the same arguments: the answer says so."""
    to = to.strip()
    if not 2 <= len(to) <= 40 or not to.replace("-", "").replace(" ", "").isalnum():
        raise InvalidArguments("`to` is the name of a language, e.g. `German` or `pt-BR`")
    text = _read(path)
    pieces = _cut(path, text)
    segments = [piece for piece in pieces if isinstance(piece, formats.Segment)]
    store = keyvalue.Store("translate")
    key = hashlib.sha256(f"{path}\n{to}\n{text}".encode()).hexdigest()
    progress = work.Progress.read(store.get(key))
    if not _ask(segments, progress, to, lambda: store.set(key, progress.write())):
        return f"{progress.done()} of {len(segments)} texts are done; call again with the same arguments to go on"
    target = output or work.output_path(path, to)
    workspace.commit({target: formats.join(pieces, progress.translations).encode()})
    store.delete(key)
    said = f"`{target}` is written: {len(progress.translations)} of {len(segments)} texts are translated"
    return f"{said}; left as they were:\n{progress.report(segments)}" if progress.left else said


def _read(path: str) -> str:
    part = workspace.read_range(path, 0, MAX_BYTES)
    if part.size > MAX_BYTES:
        raise Limit(f"`{path}` has {part.size} bytes; at most {MAX_BYTES} are translated")
    try:
        return part.bytes.decode()
    except UnicodeDecodeError:
        raise InvalidArguments(f"`{path}` is not text in UTF-8") from None


def _cut(path: str, text: str) -> list[formats.Piece]:
    try:
        pieces = formats.cut(path, text)
    except ValueError as err:
        raise InvalidArguments(f"`{path}` cannot be read: {err}") from None
    if pieces is None:
        raise InvalidArguments(f"`{path}` has no ending that is known: .md, .po, .srt, .vtt or .json")
    return pieces


def _ask(segments: list[formats.Segment], progress: work.Progress, to: str, keep) -> bool:
    """Asks the model until all is done, or as long as this call may; what is done is kept each time."""
    started = time.monotonic()
    for _ in range(QUESTIONS):
        chunk = progress.next_chunk(segments)
        if not chunk:
            return True
        if time.monotonic() - started > SECONDS:
            return False
        session.progress("translating", 100 * progress.done() // len(segments))
        system = work.SYSTEM.format(to=to)
        answer = llm.complete(work.question(segments, chunk), system=system, max_tokens=ANSWER_TOKENS)
        if not progress.take(segments, chunk, answer.text):
            line = segments[chunk[0]].line
            raise Unavailable(f"the model's answer about line {line} and on cannot be read; call again to try again")
        keep()
    return not progress.next_chunk(segments)
