//! Whether a conversation acts or only suggests: what its owner has said of it, and of those above it.

use claw_core::id::SessionKey;
use claw_core::mode::Mode;
use claw_store::PreferencesOf;

use crate::host::Host;

impl Host {
    /// The mode of a conversation that has these above it, as it is now. A sub-agent never does what one above it may not.
    pub fn mode(&self, session: &SessionKey, above: &[SessionKey]) -> Mode {
        let store = self.store_of(session);
        let suggests = |session: &SessionKey| match store.preferences(&PreferencesOf::Session(session.clone())) {
            // A word that nobody knows is one of a later release, and what cannot be read may be a no.
            Ok(own) => own.mode.is_some_and(|mode| Mode::named(&mode) != Some(Mode::Act)),
            Err(_) => true,
        };
        match std::iter::once(session).chain(above).any(suggests) {
            true => Mode::Suggest,
            false => Mode::Act,
        }
    }
}
