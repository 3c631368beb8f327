//! `/export`: the conversation as a file in the workspace.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use claw_core::id::{Seq, SessionKey};
use claw_core::rfc3339;
use claw_gateway::{ChatHistory, RpcError};
use serde_json::{Value, json};

use super::{Api, session_view as view, sessions, stored};
use crate::export::{self, Form};
use crate::host::now;

/// Messages that are read at a time.
const PAGE: usize = 500;

impl Api {
    /// Writes the branch that is spoken on into a new file, and says where.
    pub(super) async fn export(&self, session: &SessionKey, form: Form) -> Result<String, RpcError> {
        let row =
            self.host.store_of(session).session(session).map_err(stored)?.ok_or_else(|| sessions::unknown(session))?;
        let row = view::session(&self.host, &row);
        let messages = self.all_messages(session)?;
        let count = messages.len();
        // A link that lies there already is not followed: the file is made anew, in the workspace itself.
        let path = self.host.agents.of(session).workspace.join(file_name(session, &rfc3339::format(now()), form));
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || write(&file, form, &row, &messages)).await;
        let written = written.map_err(|err| RpcError::unavailable(err.to_string()))?;
        written.map_err(|err| RpcError::unavailable(format!("cannot write `{}`: {err}", path.display())))?;
        Ok(format!("{count} messages are in {}", path.display()))
    }

    fn all_messages(&self, session: &SessionKey) -> Result<Vec<Value>, RpcError> {
        let (mut messages, mut before) = (Vec::new(), None);
        loop {
            let page = ChatHistory { session: session.clone(), branch: None, limit: PAGE, offset: 0, before };
            let mut page = self.history(&page)?;
            before = page["messages"][0]["__openclaw"]["seq"].as_u64().map(Seq);
            let rows = page["messages"].as_array_mut().map(std::mem::take).unwrap_or_default();
            messages.extend(rows.into_iter().rev());
            if page["hasMore"] != json!(true) || before.is_none() {
                messages.reverse();
                return Ok(messages);
            }
        }
    }
}

/// `conversation-main-main-20261122T074512123Z.md`: what a file may be called on any system.
fn file_name(session: &SessionKey, at: &str, form: Form) -> PathBuf {
    let key = session.as_str().trim_start_matches("agent:");
    let plain = |ch: char| if ch.is_ascii_alphanumeric() { ch } else { '-' };
    // A key may be longer than a name.
    let key: String = key.chars().map(plain).take(80).collect();
    let at: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
    PathBuf::from(format!("conversation-{key}-{at}.{}", form.as_str()))
}

fn write(path: &Path, form: Form, session: &Value, messages: &[Value]) -> io::Result<()> {
    let mut file = BufWriter::new(export::create(path)?);
    export::write(&mut file, form, session, messages)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
