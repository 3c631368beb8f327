//! Whether the assistant acts in a conversation, or only says what it would do.

/// What its owner wants there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It acts, as far as the policies let it.
    #[default]
    Act,
    /// It looks and suggests: whatever would change something, or tell somebody, is refused.
    Suggest,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 2] = [Mode::Act, Mode::Suggest];

    /// The word that the owner uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Act => "act",
            Mode::Suggest => "suggest",
        }
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// The code of what is refused because its conversation only suggests.
pub const SUGGEST: &str = "E_MODE_SUGGEST";

/// Why `what` is refused there, in words for the model.
pub fn refusal(what: &str) -> String {
    format!(
        "{what} is not done: the owner has set this conversation to `suggest`, in which you look and propose, and change \
         nothing. Do not try another way. Describe exactly what you would do, so that the owner can decide; only the \
         owner can say `/mode act`"
    )
}
