//! `chat --incognito` and `agent --incognito`: a conversation that ends with its command.

use std::path::Path;

use claw_core::id::{AgentId, SessionKey};
use serde_json::json;

use super::{Exit, Failure};
use crate::client::{Client, idempotency_key};

/// A conversation that nobody has spoken in; says what becomes of it.
pub(super) fn fresh(agent: &AgentId) -> Result<SessionKey, Failure> {
    let session = SessionKey::incognito(agent, &idempotency_key()?).map_err(|err| Failure::new(Exit::Usage, err))?;
    eprintln!(
        "incognito: nothing that is said here is kept; it ends with this command, at the latest with the host\n\
         files that tools write stay, and so does what a provider keeps"
    );
    Ok(session)
}

/// Ends it now. A host that cannot be reached ends it by itself once it is idle.
pub(super) async fn end(home: &Path, session: &SessionKey) {
    let Ok(mut client) = Client::connect(home).await else { return };
    // What is still at work is stopped by the first; nothing is left after the second.
    for method in ["sessions.reset", "sessions.delete"] {
        let _ = client.call(method, json!({"key": session.as_str()})).await;
    }
    client.close().await;
}
