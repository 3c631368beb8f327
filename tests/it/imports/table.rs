//! The rows: what each function gives to a component without grants.

use super::Expect::{Denied, Harmless, NoHandle, Nothing};
use super::Row;

const POLICY: &[&str] = &["E_POLICY_DENY"];
const EXEC: &[&str] = &["E_POLICY_DENY", "E_EXEC_DENIED"];
const NET: &[&str] = &["E_POLICY_DENY", "E_NET_HOST"];
const SECRET: &[&str] = &["E_POLICY_DENY", "E_SECRET_SCOPE"];

const FILES: &str = "openclaw:workspace/files";
const RUN: &str = "openclaw:session/run";
const PROGRAMS: &str = "openclaw:exec/exec";
const CONNECTIONS: &str = "openclaw:net/net";
const SECRETS: &str = "openclaw:secrets/secrets";
const STORE: &str = "wasi:keyvalue/store";

const OPEN_PROCESS: &str = "[static]process.spawn";
const OPEN_WEBSOCKET: &str = "[static]websocket.connect";
const OPEN_CONNECTION: &str = "[static]connection.connect";

const OWN_CALL: &str = "tells only about the call itself";

/// Each function that the world of tools imports.
pub const OURS: &[Row] = &[
    (RUN, "get-info", Harmless { why: OWN_CALL }),
    (RUN, "get-budget", Harmless { why: OWN_CALL }),
    (RUN, "is-cancelled", Harmless { why: OWN_CALL }),
    (RUN, "progress", Harmless { why: "is capped and goes to the owner's log" }),
    (
        FILES,
        "read-range",
        Denied {
            step: r#"{"host": {"op": "read_range", "path": "secret.txt", "offset": 0, "max_bytes": 64}}"#,
            codes: POLICY,
        },
    ),
    (FILES, "commit", Denied { step: r#"{"host": {"op": "commit", "put": {"planted.txt": "x"}}}"#, codes: POLICY }),
    (FILES, "list-directory", Denied { step: r#"{"host": {"op": "list", "path": "", "limit": 10}}"#, codes: POLICY }),
    (FILES, "glob", Denied { step: r#"{"host": {"op": "glob", "pattern": "**", "limit": 10}}"#, codes: POLICY }),
    (FILES, "grep", Denied { step: r#"{"host": {"op": "grep", "pattern": "canary", "limit": 10}}"#, codes: POLICY }),
    (PROGRAMS, "run", Denied { step: r#"{"host": {"op": "exec", "argv": ["/bin/true"]}}"#, codes: EXEC }),
    (
        PROGRAMS,
        OPEN_PROCESS,
        Denied { step: r#"{"process": {"op": "start", "argv": ["/bin/true"], "ttl_ms": 1000}}"#, codes: EXEC },
    ),
    (PROGRAMS, "[static]process.attach", Nothing { step: r#"{"process": {"op": "attach", "id": "p1"}}"# }),
    (PROGRAMS, "[static]process.all", Nothing { step: r#"{"process": {"op": "all"}}"# }),
    (PROGRAMS, "[method]process.id", NoHandle { from: OPEN_PROCESS }),
    (PROGRAMS, "[method]process.poll", NoHandle { from: OPEN_PROCESS }),
    (PROGRAMS, "[method]process.write", NoHandle { from: OPEN_PROCESS }),
    (PROGRAMS, "[method]process.kill", NoHandle { from: OPEN_PROCESS }),
    (
        CONNECTIONS,
        OPEN_WEBSOCKET,
        Denied { step: r#"{"connect": {"op": "web_socket", "url": "wss://example.com/"}}"#, codes: NET },
    ),
    (CONNECTIONS, "[method]websocket.protocol", NoHandle { from: OPEN_WEBSOCKET }),
    (CONNECTIONS, "[method]websocket.send", NoHandle { from: OPEN_WEBSOCKET }),
    (CONNECTIONS, "[method]websocket.receive", NoHandle { from: OPEN_WEBSOCKET }),
    (CONNECTIONS, "[method]websocket.close", NoHandle { from: OPEN_WEBSOCKET }),
    (
        CONNECTIONS,
        OPEN_CONNECTION,
        Denied { step: r#"{"connect": {"op": "tcp", "host": "example.com", "port": 443, "tls": true}}"#, codes: NET },
    ),
    (CONNECTIONS, "[method]connection.write", NoHandle { from: OPEN_CONNECTION }),
    (CONNECTIONS, "[method]connection.read", NoHandle { from: OPEN_CONNECTION }),
    (CONNECTIONS, "[method]connection.shutdown", NoHandle { from: OPEN_CONNECTION }),
    (SECRETS, "get", Denied { step: r#"{"families": {"op": "secret", "name": "canary"}}"#, codes: SECRET }),
    (SECRETS, "reveal", NoHandle { from: "get" }),
    (SECRETS, "[method]secret.placeholder", NoHandle { from: "get" }),
    (
        "openclaw:llm/llm",
        "complete",
        Denied {
            step: r#"{"families": {"op": "complete", "model": "default", "text": "hello", "max_tokens": 10}}"#,
            codes: POLICY,
        },
    ),
    (
        "openclaw:message/message",
        "send",
        Denied { step: r#"{"families": {"op": "message", "to": "session", "text": "hello"}}"#, codes: POLICY },
    ),
    (SESSIONS, "children", Denied { step: r#"{"sessions": {"op": "children"}}"#, codes: POLICY }),
    (SESSIONS, "all", Denied { step: r#"{"sessions": {"op": "all"}}"#, codes: POLICY }),
    (SESSIONS, "history", Denied { step: r#"{"sessions": {"op": "history", "key": "main"}}"#, codes: POLICY }),
    (
        SESSIONS,
        "send",
        Denied { step: r#"{"sessions": {"op": "send", "key": "other", "text": "hello"}}"#, codes: POLICY },
    ),
    (SESSIONS, "spawn", Denied { step: r#"{"sessions": {"op": "spawn", "task": "say hello"}}"#, codes: POLICY }),
    (STORE, "open", Denied { step: r#"{"families": {"op": "store", "name": "cache"}}"#, codes: &["access-denied"] }),
    (STORE, "[method]bucket.get", NoHandle { from: "open" }),
    (STORE, "[method]bucket.set", NoHandle { from: "open" }),
    (STORE, "[method]bucket.delete", NoHandle { from: "open" }),
    (STORE, "[method]bucket.exists", NoHandle { from: "open" }),
    (STORE, "[method]bucket.list-keys", NoHandle { from: "open" }),
    ("wasi:keyvalue/atomics", "increment", NoHandle { from: "wasi:keyvalue/store open" }),
    ("wasi:config/store", "get", Nothing { step: r#"{"families": {"op": "config", "key": "token"}}"# }),
    ("wasi:config/store", "get-all", Nothing { step: r#"{"families": {"op": "all_config"}}"# }),
    ("wasi:logging/logging", "log", Harmless { why: "is capped and goes to the owner's log" }),
];

const SESSIONS: &str = "openclaw:sessions/sessions";
const FRESH: &str = "of a socket that is bound to nothing and connected to nobody";
const STREAM: &str = "needs a stream, and each of those has a row of its own";
const OWN_CLOCK: &str = "tells only the time";
const OWN_NUMBERS: &str = "gives numbers from the call's own seed";
const PRINTS: &str = "is cut and goes to the owner's log";

/// Each interface of WASI that toolchains import on their own.
pub const WASI: &[Row] = &[
    // SE-04: nothing of the host's process is in the guest's.
    ("wasi:cli/environment", "get-environment", Nothing { step: r#"{"world": {"op": "env"}}"# }),
    ("wasi:cli/environment", "get-arguments", Nothing { step: r#"{"world": {"op": "args"}}"# }),
    ("wasi:cli/environment", "initial-cwd", Nothing { step: r#"{"world": {"op": "cwd"}}"# }),
    ("wasi:cli/exit", "*", Harmless { why: "ends the call" }),
    ("wasi:cli/stdin", "*", Harmless { why: "is at its end" }),
    ("wasi:cli/stdout", "*", Harmless { why: PRINTS }),
    ("wasi:cli/stderr", "*", Harmless { why: PRINTS }),
    ("wasi:cli/terminal-stdin", "*", Harmless { why: "is none" }),
    ("wasi:cli/terminal-stdout", "*", Harmless { why: "is none" }),
    ("wasi:cli/terminal-stderr", "*", Harmless { why: "is none" }),
    ("wasi:clocks/monotonic-clock", "*", Harmless { why: OWN_CLOCK }),
    ("wasi:clocks/wall-clock", "*", Harmless { why: OWN_CLOCK }),
    ("wasi:random/random", "*", Harmless { why: OWN_NUMBERS }),
    ("wasi:random/insecure", "*", Harmless { why: OWN_NUMBERS }),
    ("wasi:random/insecure-seed", "*", Harmless { why: OWN_NUMBERS }),
    ("wasi:io/poll", "*", Harmless { why: STREAM }),
    ("wasi:io/streams", "*", Harmless { why: STREAM }),
    ("wasi:filesystem/preopens", "get-directories", Nothing { step: r#"{"raw": {"op": "preopens"}}"# }),
    ("wasi:filesystem/types", "*", Harmless { why: "needs a directory, and there is none" }),
    ("wasi:sockets/instance-network", "*", Harmless { why: "is a handle without an address" }),
    ("wasi:sockets/tcp-create-socket", "*", Harmless { why: FRESH }),
    ("wasi:sockets/udp-create-socket", "*", Harmless { why: FRESH }),
    (
        "wasi:sockets/tcp",
        "[method]tcp-socket.start-bind",
        Denied { step: r#"{"wasi": {"op": "tcp_bind", "port": 0}}"#, codes: &["access-denied"] },
    ),
    (
        "wasi:sockets/tcp",
        "[method]tcp-socket.start-connect",
        Denied { step: r#"{"wasi": {"op": "tcp_connect", "port": 9}}"#, codes: &["access-denied"] },
    ),
    (
        "wasi:sockets/tcp",
        "[method]tcp-socket.start-listen",
        Denied { step: r#"{"wasi": {"op": "tcp_listen"}}"#, codes: &["access-denied", "invalid-state"] },
    ),
    ("wasi:sockets/tcp", "*", Harmless { why: FRESH }),
    (
        "wasi:sockets/udp",
        "[method]udp-socket.start-bind",
        Denied { step: r#"{"wasi": {"op": "udp_bind", "port": 0}}"#, codes: &["access-denied"] },
    ),
    (
        "wasi:sockets/udp",
        "[method]udp-socket.stream",
        Denied { step: r#"{"wasi": {"op": "udp_stream", "port": 9}}"#, codes: &["access-denied", "invalid-state"] },
    ),
    ("wasi:sockets/udp", "*", Harmless { why: FRESH }),
    (
        "wasi:sockets/ip-name-lookup",
        "resolve-addresses",
        Denied {
            step: r#"{"wasi": {"op": "resolve", "name": "localhost"}}"#,
            codes: &["access-denied", "permanent-resolver-failure"],
        },
    ),
    ("wasi:sockets/ip-name-lookup", "*", NoHandle { from: "resolve-addresses" }),
    (
        "wasi:http/outgoing-handler",
        "handle",
        Denied {
            step: r#"{"wasi": {"op": "http_handle", "authority": "example.com"}}"#,
            codes: &["HttpRequestDenied"],
        },
    ),
    ("wasi:http/types", "*", Harmless { why: "builds a request that only the handler can send" }),
];
