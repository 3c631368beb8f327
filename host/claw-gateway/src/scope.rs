//! What an authenticated client may do.

/// One right of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// See sessions, events and state.
    Read,
    /// Start and stop runs. Implies [`Scope::Read`] and [`Scope::Talk`].
    Write,
    /// Everything.
    Admin,
    /// See and answer approvals.
    Approvals,
    /// See and answer questions.
    Questions,
    /// Pair devices.
    Pairing,
    /// Use voice.
    Talk,
    /// See the secrets of voice providers.
    TalkSecrets,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Scope; 8] = [
        Scope::Read,
        Scope::Write,
        Scope::Admin,
        Scope::Approvals,
        Scope::Questions,
        Scope::Pairing,
        Scope::Talk,
        Scope::TalkSecrets,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "operator.read",
            Scope::Write => "operator.write",
            Scope::Admin => "operator.admin",
            Scope::Approvals => "operator.approvals",
            Scope::Questions => "operator.questions",
            Scope::Pairing => "operator.pairing",
            Scope::Talk => "operator.talk",
            Scope::TalkSecrets => "operator.talk.secrets",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of scopes. Empty by default: what was not granted is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// No right at all.
    pub const NONE: Scopes = Scopes(0);

    /// Exactly these.
    pub fn of(scopes: &[Scope]) -> Self {
        Scopes(scopes.iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// What a client asked for; names that this host does not know grant nothing.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        Scopes::of(&names.into_iter().filter_map(known).collect::<Vec<_>>())
    }

    /// Whether the set allows what needs `scope`.
    pub fn allows(self, scope: Scope) -> bool {
        let has = |scope: Scope| self.0 & scope.bit() != 0;
        let implied = match scope {
            Scope::Read | Scope::Talk => has(Scope::Write),
            Scope::Write | Scope::Admin | Scope::Approvals | Scope::Questions | Scope::Pairing | Scope::TalkSecrets => {
                false
            }
        };
        has(scope) || implied || has(Scope::Admin)
    }

    /// The names on the wire, in a fixed order.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.0 & scope.bit() != 0).map(Scope::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
