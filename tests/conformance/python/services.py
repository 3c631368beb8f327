"""Uses once what the SDK for Python offers beyond the conformance component."""

from openclaw_sdk import Component, config, exec, keyvalue, llm, message, scope, session, workspace

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
    return {
        "program": [program.end.value, program.stdout.decode()],
        "answer": [answer.text, answer.cut],
        "store": [counted, keys, store.keys()],
        "part": [part.bytes.decode(), part.size],
        "listed": [(entry.path, entry.size) for entry in workspace.list_directory("a").entries],
        "found": [entry.path for entry in workspace.glob("**/*.txt").entries],
        "hits": [(hit.path, hit.line, hit.text) for hit in hits],
        "settings": config.get_all(),
        "run": [session.info().origin, session.budget().effects > 0, session.is_cancelled()],
    }
