//! Slash commands that the host itself obeys. They never reach the model.

use claw_core::approval::{Always, Answer};
use claw_core::lane::QueueWish;
use claw_core::mode::Mode;
use claw_gateway::Scope;
use claw_model::Thinking;

use crate::export::Form;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// `/approve ID... once|deny|pause`, `/approve ID always`.
    Approve { ids: Vec<String>, answer: Answer },
    /// `/approve more`: the conversation may ask as often again.
    More,
    /// `/stop`: ends the conversation's runs.
    Stop,
    /// `/new`, `/reset`: begins the conversation afresh.
    Reset,
    /// `/undo`: takes the last message back, and what followed it.
    Undo,
    /// `/status`: model, conversation, runs and queue.
    Status,
    /// `/model`: which one answers.
    Model(Wish<String>),
    /// `/think`: how much it thinks.
    Think(Wish<Thinking>),
    /// `/queue`: what becomes of messages that arrive while a run works.
    Queue(Wish<QueueWish>),
    /// `/mode`: whether the assistant acts, or only suggests.
    Mode(Wish<Mode>),
    /// `/models`: those that are in use.
    Models,
    /// `/usage`: what was used, and what is left.
    Usage,
    /// `/context`: what the model's window holds.
    Context,
    /// `/export`: a file of the conversation.
    Export(Form),
    /// `/tools`: components, their tools and grants.
    Tools,
    /// `/agents`: who there is to talk to.
    Agents,
    /// `/sessions`: the newest conversations.
    Sessions,
    /// `/whoami`: what this client may do.
    Whoami,
    /// `/help`: the commands.
    Help,
    /// A command whose rest makes no sense; the text says how it is written.
    Malformed(&'static str),
    /// `/skill` without a skill that can be started; the text names those that can.
    NoSkill(String),
}

/// What is wished for a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish<T> {
    /// To know how it is.
    Tell,
    /// What the host does elsewhere.
    Default,
    /// This.
    Set(T),
}

impl<T> Wish<T> {
    /// Reads the words behind a command; `None` if they are no wish.
    fn read(words: &[&str], value: impl Fn(&str) -> Option<T>) -> Option<Wish<T>> {
        match words {
            [] => Some(Wish::Tell),
            ["default"] => Some(Wish::Default),
            [word] => value(word).map(Wish::Set),
            _ => None,
        }
    }

    /// What is to be set, if anything; `Some(None)` for what is done elsewhere.
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Wish::Tell => None,
            Wish::Default => Some(None),
            Wish::Set(value) => Some(Some(value)),
        }
    }
}

impl Slash {
    /// Reads a message; `None` if it is not one of the host's commands. A space in front makes it a text. Telephones write
    /// the first letter large, so its size says nothing.
    pub fn parse(text: &str) -> Option<Slash> {
        if !text.starts_with('/') {
            return None;
        }
        let mut words = text.split_whitespace();
        let name = words.next()?.strip_prefix('/')?;
        let command = COMMANDS.iter().find(|command| command.names().any(|known| known.eq_ignore_ascii_case(name)))?;
        (command.read)(&words.collect::<Vec<_>>())
    }

    /// Whether it may change anything: such a one is not done twice.
    pub fn changes(&self) -> bool {
        // What cannot be done changes nothing, whoever may say it.
        self.scope() != Scope::Read && !matches!(self, Slash::Malformed(_) | Slash::NoSkill(_))
    }

    /// What a client has to be allowed to do for it.
    pub fn scope(&self) -> Scope {
        match self {
            Slash::Approve { .. } | Slash::More => Scope::Approvals,
            Slash::Model(Wish::Tell)
            | Slash::Think(Wish::Tell)
            | Slash::Queue(Wish::Tell)
            | Slash::Mode(Wish::Tell) => Scope::Read,
            Slash::Mode(Wish::Set(Mode::Suggest)) => Scope::Write,
            Slash::Reset | Slash::Undo | Slash::Model(_) | Slash::Export(_) | Slash::Mode(_) => Scope::Admin,
            Slash::Think(_) | Slash::Queue(_) | Slash::Stop | Slash::Malformed(_) | Slash::NoSkill(_) => Scope::Write,
            Slash::Status
            | Slash::Usage
            | Slash::Context
            | Slash::Models
            | Slash::Tools
            | Slash::Agents
            | Slash::Sessions
            | Slash::Whoami
            | Slash::Help => Scope::Read,
        }
    }

    /// What stands in the record when it is refused.
    pub fn name(&self) -> &'static str {
        match self {
            Slash::Approve { .. } | Slash::More => "/approve",
            Slash::Reset => "/reset",
            Slash::Undo => "/undo",
            Slash::Model(_) => "/model",
            Slash::Think(_) => "/think",
            Slash::Queue(_) => "/queue",
            Slash::Mode(_) => "/mode",
            Slash::Export(_) => "/export",
            _ => "/command",
        }
    }
}

/// A command as it is typed. `commands.list`, `/help`, the reader above and the docs share these.
#[derive(Debug)]
pub struct Command {
    /// Behind the slash.
    pub name: &'static str,
    /// What else may stand there.
    pub aliases: &'static [&'static str],
    /// What stands behind it; empty for nothing.
    pub takes: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Reads the words behind it; `None` leaves the message to the model.
    read: fn(&[&str]) -> Option<Slash>,
}

impl Command {
    /// All that may stand behind the slash.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// How it is written.
    pub fn usage(&self) -> String {
        let takes = if self.takes.is_empty() { String::new() } else { format!(" {}", self.takes) };
        format!("/{}{takes}", self.name)
    }
}

/// A command that takes nothing: with words behind it, it is a message like others.
macro_rules! plain {
    ($name:literal, $aliases:expr, $help:literal, $slash:expr) => {
        Command {
            name: $name,
            aliases: $aliases,
            takes: "",
            help: $help,
            read: |words| words.is_empty().then_some($slash),
        }
    };
}

/// The host's own commands.
pub const COMMANDS: &[Command] = &[
    plain!("help", &["commands"], "list the commands", Slash::Help),
    plain!("status", &[], "tell model, conversation, runs and queue", Slash::Status),
    plain!("stop", &[], "end what runs and waits here, and tell what it has done already", Slash::Stop),
    plain!("new", &["reset"], "begin the conversation afresh; what was said stays as a branch", Slash::Reset),
    plain!(
        "undo",
        &[],
        "take your last message back, with all that followed it and the files that it changed",
        Slash::Undo
    ),
    Command {
        name: "compact",
        aliases: &[],
        takes: "[WISH]",
        help: "replace what was said by a summary, for the model",
        // It takes its turn among the messages, as a run.
        read: |_| None,
    },
    Command {
        name: "model",
        aliases: &[],
        takes: "[NAME|default]",
        help: "tell which model answers here, or choose another one",
        read: |words| Wish::read(words, |name| Some(name.to_owned())).map(Slash::Model),
    },
    Command {
        name: "think",
        aliases: &[],
        takes: "[off|low|medium|high|default]",
        help: "tell how much the model thinks here, or say how much it should",
        read: |words| read_level(words, Thinking::named, Slash::Think, THINK_HELP),
    },
    Command {
        name: "queue",
        aliases: &[],
        takes: "[steer|followup|collect|interrupt|default] [debounce:2s] [cap:N] [drop:old|new|summarize]",
        help: "tell what becomes of messages that arrive while a run works here, or choose it",
        read: |words| match words {
            [] | [_] => read_level(words, QueueWish::parse, Slash::Queue, QUEUE_HELP),
            words if words.iter().all(|word| QueueWish::is_part(word)) => {
                let wish = QueueWish::parse(&words.join(" "));
                Some(wish.map_or(Slash::Malformed(QUEUE_HELP), |wish| Slash::Queue(Wish::Set(wish))))
            }
            _ => None,
        },
    },
    Command {
        name: "mode",
        aliases: &[],
        takes: "[act|suggest|default]",
        help: "tell whether the assistant acts here or only suggests, or choose it",
        read: |words| read_level(words, Mode::named, Slash::Mode, MODE_HELP),
    },
    plain!("models", &[], "list the models that are in use", Slash::Models),
    plain!("usage", &[], "tell what this conversation and this day have used, and what is left", Slash::Usage),
    plain!("context", &[], "tell what the model's window holds, and when a summary is made", Slash::Context),
    Command {
        name: "export",
        aliases: &["export-session"],
        takes: "[md|jsonl|html]",
        help: "write the conversation into a file of the workspace",
        read: read_export,
    },
    plain!("tools", &[], "list the components, their tools and what they are granted", Slash::Tools),
    Command {
        name: "approve",
        aliases: &[],
        takes: "ID once|always|deny|pause, or more",
        help: "answer a call that waits, or let the conversation ask more often",
        read: |words| {
            Some(match words {
                ["more"] => Slash::More,
                words => read_approve(words).unwrap_or(Slash::Malformed(HELP)),
            })
        },
    },
    plain!("sessions", &[], "list the newest conversations", Slash::Sessions),
    plain!("agents", &[], "list the agents, with their models, workspaces and presets", Slash::Agents),
    plain!("whoami", &["id"], "tell who you are to the host, and what you may do", Slash::Whoami),
];

/// A wish for one of a few values; more words than one are a message, and another word is a mistake.
fn read_level<T>(
    words: &[&str],
    named: fn(&str) -> Option<T>,
    slash: fn(Wish<T>) -> Slash,
    help: &'static str,
) -> Option<Slash> {
    (words.len() <= 1).then(|| Wish::read(words, named).map_or(Slash::Malformed(help), slash))
}

fn read_export(words: &[&str]) -> Option<Slash> {
    match words {
        [] => Some(Slash::Export(Form::Md)),
        [word] => {
            let form = Form::ALL.into_iter().find(|form| form.as_str() == *word);
            Some(form.map_or(Slash::Malformed(EXPORT_HELP), Slash::Export))
        }
        _ => None,
    }
}

const EXPORT_HELP: &str = "write `/export md`, `/export jsonl` or `/export html`";
const THINK_HELP: &str = "write `/think`, or `/think` and one of `off`, `low`, `medium`, `high` and `default`";
const MODE_HELP: &str = "write `/mode`, `/mode act` or `/mode suggest`";
const QUEUE_HELP: &str = "write `/queue`, `/queue default`, or `/queue` and one of `steer`, `followup`, `collect` and `interrupt`, behind which \
     can stand `debounce:2s`, `cap:20` and `drop:old`, `drop:new` or `drop:summarize`";
const HELP: &str = "write `/approve ID once`, `/approve ID always`, `/approve ID deny` or `/approve ID pause`; the card \
                    shows the id. Several ids can have one answer, but not `always`, behind which can stand the number \
                    of a choice, `uses N` and `for 7d`";

/// Ids, and behind them the answer.
fn read_approve(words: &[&str]) -> Option<Slash> {
    let is_id = |word: &&&str| word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let count = words.iter().take_while(is_id).count().max(1);
    let (ids, answer) = words.split_at_checked(count)?;
    let answer = read_answer(answer)?;
    let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
    (ids.len() == 1 || !matches!(answer, Answer::Always(_))).then_some(Slash::Approve { ids, answer })
}

fn read_answer(words: &[&str]) -> Option<Answer> {
    match words {
        ["once" | "allow-once"] => Some(Answer::Once),
        ["always" | "allow-always", terms @ ..] => read_always(terms).map(Answer::Always),
        ["deny"] => Some(Answer::Deny),
        ["pause"] => Some(Answer::Pause),
        _ => None,
    }
}

fn read_always(mut words: &[&str]) -> Option<Always> {
    let mut always = Always::default();
    if let [number, rest @ ..] = words
        && let Ok(number) = number.parse::<u8>()
    {
        always.choice = number.checked_sub(1)?;
        words = rest;
    }
    loop {
        match words {
            [] => return Some(always),
            ["uses", count, rest @ ..] => {
                always.uses = Some(count.parse().ok().filter(|count| *count > 0)?);
                words = rest;
            }
            ["for", span, rest @ ..] => {
                always.for_ms = Some(claw_core::span::millis(span)?);
                words = rest;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_read_whole_or_not_at_all() {
        let approve = |answer| Some(Slash::Approve { ids: vec!["ab12".to_owned()], answer });
        assert_eq!(Slash::parse("/approve  ab12 once\n"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 allow-once"), approve(Answer::Once));
        assert_eq!(Slash::parse("/approve ab12 deny"), approve(Answer::Deny));
        assert_eq!(Slash::parse("/approve ab12 pause"), approve(Answer::Pause));
        assert_eq!(Slash::parse("/approve ab12 always"), approve(Answer::Always(Always::default())));
        let long = Always { choice: 1, uses: Some(5), for_ms: Some(7 * 24 * 60 * 60 * 1000) };
        assert_eq!(Slash::parse("/approve ab12 always 2 uses 5 for 7d"), approve(Answer::Always(long)));
        let both = vec!["ab12".to_owned(), "cd34".to_owned()];
        assert_eq!(Slash::parse("/approve ab12 cd34 deny"), Some(Slash::Approve { ids: both, answer: Answer::Deny }));
        assert_eq!(Slash::parse("/approve more"), Some(Slash::More));
        for bad in ["/approve ab12 always 0", "/approve ab12 always uses 0", "/approve ab12 always for ever"] {
            assert!(matches!(Slash::parse(bad), Some(Slash::Malformed(_))), "{bad}");
        }
        for bad in [
            "/approve",
            "/approve once",
            "/approve ab12",
            "/approve ab12 cd34 always",
            "/approve ab12 yes",
            "/approve ab12 once and more",
        ] {
            assert!(matches!(Slash::parse(bad), Some(Slash::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn each_name_means_one_command() {
        let mut names: Vec<_> = COMMANDS.iter().flat_map(Command::names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for name in ["/reset", "/new", "/New", "/RESET"] {
            assert_eq!(Slash::parse(name), Some(Slash::Reset));
        }
        assert_eq!(Slash::parse("/model a/b"), Some(Slash::Model(Wish::Set("a/b".to_owned()))));
        assert_eq!(Slash::parse("/think default"), Some(Slash::Think(Wish::Default)));
        assert_eq!(Slash::parse("/queue collect"), Some(Slash::Queue(Wish::Set(QueueWish::parse("collect").unwrap()))));
        let whole = QueueWish::parse("collect cap:5 drop:old").unwrap();
        assert_eq!(Slash::parse("/queue collect cap:5 drop:old"), Some(Slash::Queue(Wish::Set(whole))));
        assert_eq!(Slash::parse("/queue collect what"), None);
        assert_eq!(Slash::parse("/think of the trip"), None);
        for mistyped in ["/think hard", "/queue loudly", "/queue collect cap:0"] {
            assert!(matches!(Slash::parse(mistyped), Some(Slash::Malformed(_))), "{mistyped}");
        }
        assert_eq!(Slash::parse("/compact the trip"), None, "a run does it");
    }

    #[test]
    fn the_page_on_chatting_has_each_command() {
        let page = include_str!("../../../../docs/chat.md");
        for command in COMMANDS {
            let row = format!("| `{}` | {} |", command.usage().replace('|', "\\|"), command.help);
            assert!(page.contains(&row), "docs/chat.md lacks: {row}");
        }
    }

    #[test]
    fn other_text_is_for_the_model() {
        for text in [
            "approve ab12 once",
            "please /approve ab12 once",
            " /approve ab12 once",
            " /stop",
            "/stop that",
            "/other",
            "",
        ] {
            assert_eq!(Slash::parse(text), None, "{text}");
        }
        assert_eq!(Slash::parse("/stop"), Some(Slash::Stop));
    }
}
