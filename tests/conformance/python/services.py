"""The component ``services`` (tests/conformance/README.md), written with the SDK for Python."""

from typing import Annotated, Literal

from openclaw_sdk import Component, config, exec, keyvalue, llm, message, scope, session, sessions, workspace

component = Component(
    name="services",
    version="0.1.0",
    summary="Uses the services of the host.",
    scopes=[
        scope.workspace("read-write"),
        scope.exec("echo", "*"),
        scope.model(),
        scope.messages(),
        scope.store("cache"),
        scope.sessions("read-write"),
    ],
)


@component.tool
def services() -> dict:
    """Uses each service once."""
    program = exec.run("echo", "tea")
    message.send("the tea is ready")
    answer = llm.complete("say hello", max_tokens=50)
    store = keyvalue.Store("cache")
    store.set("k", b"v")
    counted = [store.increment("n", 2), store.increment("n")]
    keys = store.keys()
    store.delete("k")
    workspace.commit({"a/b.txt": b"milk\ntea\n", "c.txt": b"x"})
    workspace.commit({}, remove=["c.txt"])
    part = workspace.read_range("a/b.txt", 5, 3)
    hits = workspace.grep("t.a", glob="**/*.txt").hits
    own = session.info().session_key
    spawned = sessions.spawn("say hi", label="tea", tools=["services"], seconds=30)
    sent = sessions.send(spawned.key, "say more")
    children = sessions.children()
    last = sessions.history(own, 1)
    before = sessions.history(own, 100, last.before)
    return {
        "program": [program.end.value, program.stdout.decode()],
        "answer": [answer.text, answer.cut],
        "store": [counted, keys, store.keys()],
        "part": [part.bytes.decode(), part.size],
        "listed": [(entry.path, entry.size) for entry in workspace.list_directory("a").entries],
        "found": [entry.path for entry in workspace.glob("**/*.txt").entries],
        "hits": [(hit.path, hit.line, hit.text) for hit in hits],
        "settings": config.get_all(),
        "sessions": [
            len(children),
            children[0].title,
            children[0].key == spawned.key,
            sent.key == spawned.key,
            sent.task == spawned.task,
            own in [each.key for each in sessions.all(100)],
        ],
        "said": [(entry.role, entry.text) for entry in before.entries[:2]],
        "pages": [len(last.entries), last.before is not None, before.before is not None],
        "run": [session.info().origin, session.budget().effects > 0, session.is_cancelled()],
    }


@component.tool
def attempt(
    call: Annotated[Literal["run", "ask", "send", "read-range", "commit", "grep", "history"], "Which."],
    given: Annotated[str, "What to give it."],
) -> str:
    """Makes one call."""
    match call:
        case "run":
            exec.run("echo", given)
        case "ask":
            llm.complete("say hello", model=given)
        case "send":
            message.send(given)
        case "read-range":
            workspace.read_range(given, max_bytes=1)
        case "commit":
            workspace.commit({given: b"x"})
        case "grep":
            workspace.grep(given)
        case "history":
            sessions.history(given)
    return "done"
