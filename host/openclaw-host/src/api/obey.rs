//! What slash commands do. They are answered like runs, and have rows of their own: they are no part of the conversation.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::{HOST_MARK, HostEvent, RunEnd};
use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::message::{Entry, Message, Usage};
use claw_gateway::{Caller, RpcError, Scope, Scopes};
use claw_store::{CommandRow, JournalStep, Page, PageEnd, Repeatable, SessionQuery};

use super::command::{COMMANDS, Slash};
use super::{Api, NOT_AN_APPROVER, answered, by, stored};
use crate::agents::Agent;
use crate::audit;
use crate::causes;
use crate::channels;
use crate::checkpoints;
use crate::crash_point;
use crate::host::now;
use crate::legible;

/// Conversations that `/sessions` lists.
const LISTED: usize = 20;
/// Characters of a call's arguments that `/stop` shows.
const SHOWN_ARGUMENTS: usize = 200;
/// How long `/stop` waits for runs to end before it says what they did. What it stops ends sooner.
pub(super) const ENDING: Duration = Duration::from_secs(1);

impl Api {
    /// Does what a command says that has been taken in, and answers it like a run.
    pub(super) async fn obey(&self, caller: &Caller, command: CommandRow, slash: Slash) -> Result<(), RpcError> {
        let CommandRow { run, session, .. } = &command;
        let (run, session) = (run.clone(), session.clone());
        crash_point::pass("command begun");
        self.host.tell(HostEvent::RunStarted { run: run.clone(), session: session.clone(), at: now() });
        let text = self.obeyed(caller, &session, slash).await;
        crash_point::pass("command done");
        let kept = self.host.store_of(&session).end_command(command, text.clone(), Vec::new(), now()).await;
        crash_point::pass("command ended");
        self.host.tell(HostEvent::RunEnded { run, session, end: Arc::new(ended(text)), at: now() });
        kept.map_err(stored)
    }

    /// A command that has come before, or is being done.
    pub(super) fn command(&self, run: &RunId) -> Result<Option<CommandRow>, RpcError> {
        let host = &self.host;
        let kept = host.store.command(run).map_err(stored)?;
        match kept {
            None if !host.store.has_no_incognito() => host.incognito.command(run).map_err(stored),
            kept => Ok(kept),
        }
    }

    /// Settles the commands that the last stop or crash cut off: what changes nothing is done again where somebody waits
    /// for its answer, and of all else its sender hears that nobody knows what became of it.
    pub async fn settle_commands(&self) {
        let store = &self.host.store;
        let open = match store.open_commands() {
            Ok(open) => open,
            Err(err) => return tracing::error!(error = causes::chain(&err), "cut-off commands cannot be read"),
        };
        for command in open {
            let (run, session, text) = (command.run.clone(), command.session.clone(), command.text.clone());
            let known = if command.changes { None } else { self.slash(&session, &text).await };
            let settled = match (known, &command.chat) {
                // Over the gateway, whoever still wants the answer asks again.
                (Some(_), None) => store.forget_commands(Timestamp(0), vec![run.clone()]).await.map(drop),
                (Some(slash), Some(chat)) => {
                    let caller =
                        Caller { source: command.source.clone(), scopes: Scopes::of(&Scope::ALL), device: None };
                    let answer = self.obeyed(&caller, &session, slash).await;
                    let messages = channels::to_chat(&self.host, &command.source.channel, chat, &answer);
                    store.end_command(command, answer, messages, now()).await
                }
                (None, chat) => {
                    let answer = format!(
                        "{HOST_MARK} the host was stopped while it did `{text}`, and nobody knows whether it was done; it \
                         is not done again. Look at how things are before you say it once more."
                    );
                    let channel = &command.source.channel;
                    let messages = chat.iter().flat_map(|chat| channels::to_chat(&self.host, channel, chat, &answer));
                    let messages = messages.collect();
                    store.end_command(command, answer, messages, now()).await
                }
            };
            if let Err(err) = settled {
                tracing::error!(%run, error = causes::chain(&err), "a cut-off command cannot be settled");
            }
        }
        self.host.channels.wake();
    }

    /// Does what a slash command says, whose sender may have that done; gives the answer.
    pub async fn obeyed(&self, caller: &Caller, session: &SessionKey, slash: Slash) -> String {
        self.result(caller, session, slash).await.unwrap_or_else(|err| err.message)
    }

    /// Puts on record that somebody gave a command who may not.
    pub(super) async fn note_refused(&self, caller: &Caller, slash: &Slash) {
        let scope = slash.scope();
        let code = if scope == Scope::Approvals { NOT_AN_APPROVER } else { "FORBIDDEN" };
        let why = format!("it lacks the scope `{}`; what it wrote went to the model as text", scope.as_str());
        audit::refused(&self.host, by(caller), slash.name(), code, why).await;
    }

    async fn result(&self, caller: &Caller, session: &SessionKey, slash: Slash) -> Result<String, RpcError> {
        Ok(match slash {
            Slash::Approve { ids, answer } => {
                let resolved = self.host.gate.resolve_all(&self.host, &ids, answer, &by(caller)).await;
                resolved.map_err(stored)?.iter().map(answered).collect::<Vec<_>>().join("\n")
            }
            Slash::More => {
                self.host.gate.budget.refill(session);
                "this conversation may ask again".to_owned()
            }
            Slash::Malformed(help) => help.to_owned(),
            Slash::NoSkill(help) => help,
            Slash::Stop => self.stopped(session).await?,
            Slash::Reset => {
                self.reset(session.clone(), &by(caller)).await?;
                let before = match session.is_incognito() {
                    true => "nothing is left of the one before",
                    false => "`openclaw-host sessions branches` lists what was said before",
                };
                format!("a new conversation begins; {before}")
            }
            Slash::Undo => self.undone(caller, session).await?,
            Slash::Status => self.status_of(session)?,
            Slash::Model(wish) => self.model(session, wish).await?,
            Slash::Think(wish) => self.think(session, wish).await?,
            Slash::Queue(wish) => self.queue(session, wish).await?,
            Slash::Mode(wish) => self.mode(session, wish).await?,
            Slash::Models => self.models_for(session)?,
            Slash::Usage => self.usage(session)?,
            Slash::Context => self.context(caller, session).await?,
            Slash::Export(form) => self.export(session, form).await?,
            Slash::Tools => self.tools(session),
            Slash::Agents => {
                let models = self.host.model();
                let line = |agent: &Agent| {
                    let (id, model, place) = (&agent.id, agent.model(&models).name, agent.workspace.display());
                    let here = if *id == session.agent() { " (here)" } else { "" };
                    format!("- {id}{here}: asks {model}, works in {place}, policies `{}`", agent.preset)
                };
                self.host.agents.all().map(line).collect::<Vec<_>>().join("\n")
            }
            Slash::Sessions => self.recent_sessions()?,
            Slash::Whoami => {
                let scopes = Scope::ALL.into_iter().filter(|scope| caller.scopes.allows(*scope)).map(Scope::as_str);
                format!("{}, the owner; may: {}", by(caller), scopes.collect::<Vec<_>>().join(", "))
            }
            Slash::Help => self.help(session).await,
        })
    }

    async fn stopped(&self, session: &SessionKey) -> Result<String, RpcError> {
        let runs = self.stop(session.clone(), None).await?;
        if runs.is_empty() {
            return Ok("nothing is running in this conversation".to_owned());
        }
        let mut text = format!("stopped {} run(s)", runs.len());
        for run in runs {
            self.wait(run.clone(), ENDING).await?;
            let store = self.host.store_of(session);
            let (journal, entries) = (store.journal(&run).map_err(stored)?, store.run_entries(&run).map_err(stored)?);
            for done in done_by(&journal, &entries) {
                let _ = write!(text, "\n- {done}");
            }
        }
        Ok(text)
    }

    async fn undone(&self, caller: &Caller, session: &SessionKey) -> Result<String, RpcError> {
        let (undone, sub_agents) = self.undo(caller, session).await?;
        let mut text = checkpoints::answer(&undone, &sub_agents);
        if undone.turn.branch.is_none() {
            return Ok(text);
        }
        // What was answered together with it has lost its answer.
        let page = Page { end: PageEnd::Newest, limit: 1 };
        let last = self.host.store_of(session).history(session, None, page).map_err(stored)?.entries.pop();
        if last.is_some_and(|last| matches!(last.message, Message::User { .. } | Message::Tool { .. })) {
            text.push_str("\nwhat you said before it has no answer now: `/undo` takes that back, too");
        }
        Ok(text)
    }

    fn status_of(&self, session: &SessionKey) -> Result<String, RpcError> {
        let host = &self.host;
        let row = host.store_of(session).session(session).map_err(stored)?;
        let unfinished = self.unfinished().map_err(stored)?;
        let mine = unfinished.iter().filter(|run| run.session == *session).count();
        let (own, ways) = self.ways(session)?;
        let here = |is_own: bool| if is_own { " (chosen here)" } else { "" };
        let mut text = format!(
            "openclaw-host {}\nmodel: {}{}\nconversation: {session}",
            env!("CARGO_PKG_VERSION"),
            ways.model.shown(),
            here(own.model.is_some() && ways.gone.is_none()),
        );
        if let Some(row) = row {
            let _ = write!(text, ", {} messages", row.entries);
            let flowed = [("outside content", row.labels.tainted), ("private data", row.labels.private)];
            for (what, cause) in flowed {
                let _ = write!(text, "\n{what}: {}", cause.as_deref().unwrap_or("none"));
            }
        }
        if let Some(gone) = &ways.gone {
            let _ = write!(text, "\nchosen here and not in use any more: {gone}");
        }
        let _ = write!(text, "\nthinking: {}{}", ways.thinking.as_str(), here(own.thinking.is_some()));
        let (all, queue) = (unfinished.len(), super::preferences::waiting(&ways.waiting));
        let _ = write!(text, "\nruns: {mine} here, {all} in all\nqueue: {queue}{}", here(own.queue.is_some()));
        let _ = write!(text, "\nmode: {}{}", self.mode_of(session)?.as_str(), here(own.mode.is_some()));
        Ok(text)
    }

    pub(super) fn models_for(&self, session: &SessionKey) -> Result<String, RpcError> {
        let model = self.host.model();
        let chosen = self.ways(session)?.1.model.shown();
        let mut lines = vec![format!("this conversation asks {chosen}")];
        let line = |(name, facts): (String, claw_model::ModelFacts)| {
            format!("- {name}: {} tokens of context", facts.context_tokens)
        };
        lines.extend(model.models().into_iter().map(line));
        let listed = model.models();
        let others = model.choices().into_iter().filter(|(name, _)| listed.iter().all(|(listed, _)| listed != name));
        let others: Vec<_> = others
            .map(|(name, facts)| match facts {
                Some(facts) => line((name, facts)),
                None => format!("- {name}/…: any of its models"),
            })
            .collect();
        if !others.is_empty() {
            lines.push("/model chooses any of these, or another model of the same providers:".to_owned());
            lines.extend(others);
        }
        Ok(lines.join("\n"))
    }

    fn tools(&self, session: &SessionKey) -> String {
        let (catalog, agent) = (self.host.catalog(), self.host.agents.of(session));
        let line = |installed: &Arc<crate::catalog::Installed>| {
            let component = &installed.component;
            let tools = component.manifest.tools.iter().filter(|tool| agent.has(&tool.name));
            let tools: Vec<_> = tools.map(|tool| tool.name.as_str()).collect();
            if tools.is_empty() {
                return None;
            }
            let grants: Vec<_> = installed.subject().grants.iter().map(ToString::to_string).collect();
            let grants = if grants.is_empty() { "nothing".to_owned() } else { grants.join("; ") };
            Some(format!("- {}: {} (granted: {grants})", component.name, tools.join(", ")))
        };
        catalog.components().filter_map(line).collect::<Vec<_>>().join("\n")
    }

    fn recent_sessions(&self) -> Result<String, RpcError> {
        let query = SessionQuery { limit: LISTED, ..SessionQuery::default() };
        let rows = self.host.store.sessions(&query).map_err(stored)?.rows;
        let line = |row: claw_store::SessionRow| {
            let title = row.title.map(|title| format!(" ({title})")).unwrap_or_default();
            format!("- {}{title}: {}", row.key, row.last_message)
        };
        let lines: Vec<_> = rows.into_iter().map(line).collect();
        Ok(if lines.is_empty() { "there is none yet".to_owned() } else { lines.join("\n") })
    }

    async fn help(&self, session: &SessionKey) -> String {
        let mut lines: Vec<_> =
            COMMANDS.iter().map(|command| format!("{}: {}", command.usage(), command.help)).collect();
        let shelf = self.host.agents.of(session).skills.shelf(&self.host).await;
        let skills: Vec<_> = shelf.skills.iter().filter_map(|skill| skill.command.as_deref()).collect();
        if !skills.is_empty() {
            lines.push(format!("skills: /{}", skills.join(", /")));
        }
        lines.join("\n")
    }
}

/// The answer of a command as the end of a run.
pub(super) fn ended(text: String) -> RunEnd {
    RunEnd::Done { text, usage: Usage::default() }
}

/// What a run has done outside of itself, and what it had begun; `entries` say with which arguments.
fn done_by(journal: &[JournalStep], entries: &[Entry]) -> Vec<String> {
    let calls = || {
        entries.iter().flat_map(|entry| match &entry.message {
            Message::Assistant { calls, .. } => calls.as_slice(),
            _ => &[],
        })
    };
    let mut lines = Vec::new();
    for step in journal {
        let JournalStep::CallStarted { call, tool, repeatable, .. } = step else { continue };
        let begun = journal.iter().filter(|it| matches!(it, JournalStep::EffectStarted { call: of, .. } if of == call));
        let effects: Vec<&str> = journal
            .iter()
            .filter_map(|it| match it {
                JournalStep::EffectEnded { call: of, summary, .. } if of == call => Some(summary.as_str()),
                _ => None,
            })
            .collect();
        if *repeatable == Repeatable::Yes && effects.is_empty() && begun.count() == 0 {
            continue;
        }
        let has_ended = journal.iter().any(|it| matches!(it, JournalStep::CallEnded { call: of } if of == call));
        let state = if has_ended { "done" } else { "begun and ended by the stop" };
        let arguments = calls().find(|it| it.id == *call).map_or("", |it| it.arguments.as_str());
        let mut line = format!("{state}: {tool} {}", legible::line(&legible::beginning(arguments, SHOWN_ARGUMENTS)));
        if !effects.is_empty() {
            let _ = write!(line, " ({})", effects.join("; "));
        }
        lines.push(line);
    }
    lines
}
