//! The world of tools, generated from `wit/`.

wasmtime::component::bindgen!({
    world: "openclaw:tool/tool",
    path: [
        "../../wit/types",
        "../../wit/manifest",
        "../../wit/session",
        "../../wit/exec",
        "../../wit/workspace",
        "../../wit/net",
        "../../wit/secrets",
        "../../wit/llm",
        "../../wit/message",
        "../../wit/sessions",
        "../../wit/deps/keyvalue",
        "../../wit/deps/config",
        "../../wit/deps/logging",
        "../../wit/tool",
    ],
    with: {
        "openclaw:exec/exec.process": super::family::Process,
        "openclaw:net/net.websocket": super::family::WebSocket,
        "openclaw:net/net.connection": super::family::Connection,
        "openclaw:secrets/secrets.secret": super::family::Secret,
        "wasi:keyvalue/store.bucket": super::family::Bucket,
    },
});
