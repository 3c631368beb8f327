//! Skills that are folders: found, read once, gated, listed for the model and opened for it.
//!
//! ```text
//! roots ─► find ─► SKILL.md ─► ask (sandboxed) ─► Card ─► gates ─► Shelf ─► listing, command, open
//! ```
//! The host looks at file names, sizes and digests. What a stranger wrote in a SKILL.md is parsed by the component
//! `skill-folder`, which gets the text and nothing else; what it made of a text is kept sealed, by the text's digest.
//! *Invariant: a skill is text and has no rights. What it tells the model to do goes through tools, and their grants.*

mod ask;
mod card;
mod command;
mod find;
mod gates;
mod listing;
mod open;
mod own_grants;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use claw_core::id::{AgentId, Digest};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::card::{Card, Fault};
pub use self::command::{Command, Scripted};
pub use self::find::Source;
pub use self::gates::Gate;
pub use self::open::open;
pub use self::own_grants::parse as parse_own_grant;

use self::ask::Asked;
use self::find::{Found, Looked, Root, Stamp};
use self::gates::Machine;
use crate::host::Host;
use crate::packages::in_background;
use crate::settings::{SkillSettings, env};

/// The component that parses and reads skills.
pub const COMPONENT: &str = "skill-folder";
/// Its tool for the model.
pub const TOOL: &str = "skill";
/// Its tool for the host.
pub const CARD_TOOL: &str = "skill_card";

/// How long a run waits for new skills to be parsed. A thousand take less than a second, unless they mean harm.
const PATIENCE: Duration = Duration::from_secs(10);

/// Folders that are looked through at once: to have another thread do that takes longer.
const FEW_FOLDERS: usize = 32;

/// Where skills are looked for, and what is known of them.
pub struct Skills {
    /// What its agent's cards are kept as.
    note: String,
    roots: Vec<Root>,
    /// Canonical, as far as they are there.
    workspace: PathBuf,
    user_home: Option<PathBuf>,
    settings: SkillSettings,
    /// The only ones that its agent has, in lower case.
    only: Option<BTreeSet<String>>,
    known: Mutex<Known>,
}

/// What was read so far.
#[derive(Default)]
struct Known {
    /// By the path of the SKILL.md: how the file looked, and the digest of what was in it.
    files: HashMap<PathBuf, (Stamp, Digest)>,
    /// What came of each text; shared with the sealed note.
    cards: Notes,
    is_loaded: bool,
    /// Folders that were looked at the last time.
    folders: Option<usize>,
}

type Notes = BTreeMap<Digest, Result<Arc<Card>, Fault>>;

/// All skills, as they are now.
#[derive(Default)]
pub struct Shelf {
    /// Sorted by name.
    pub skills: Vec<Skill>,
    /// What is no skill, and why.
    pub left_out: Vec<LeftOut>,
}

/// One skill.
pub struct Skill {
    /// Unique, whatever case it is written in.
    pub name: String,
    /// What its author says of it.
    pub card: Arc<Card>,
    /// Where it was found.
    pub source: Source,
    /// Its folder; canonical.
    pub folder: PathBuf,
    /// Of its SKILL.md.
    pub digest: Digest,
    /// What it needs, and whether that is there.
    pub gates: Vec<Gate>,
    /// What its owner types after a slash, if that starts it.
    pub command: Option<String>,
    /// Others of this name, which come later in the order of places.
    pub hides: Vec<PathBuf>,
}

/// A folder that looks like a skill and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub path: PathBuf,
    /// Why; with the line, if it is for what is written.
    pub why: String,
}

// === impl Skills ===

impl Skills {
    /// Looks for nothing yet. `only` are the names of those that the agent has, where it does not have all.
    pub fn new(
        agent: &AgentId,
        settings: &SkillSettings,
        workspace: &Path,
        home: &Path,
        only: Option<BTreeSet<String>>,
    ) -> Self {
        Skills {
            note: ask::note(agent),
            roots: find::roots(settings, workspace, home),
            workspace: real(workspace),
            user_home: settings.user_home.as_deref().map(real),
            settings: settings.clone(),
            only,
            known: Mutex::default(),
        }
    }

    /// The skills as they are now. A file that looks as it did is not read again, and a text that was seen before is not
    /// parsed again, not even by another start of the host.
    pub async fn shelf(&self, host: &Host) -> Arc<Shelf> {
        let mut known = self.known.lock().await;
        let looked = if known.folders.is_some_and(|folders| folders <= FEW_FOLDERS) {
            find::look(&self.roots, &known.files)
        } else {
            let (roots, files) = (self.roots.clone(), std::mem::take(&mut known.files));
            in_background(move || find::look(&roots, &files)).await
        };
        let Looked { found, mut left_out, folders } = looked;
        known.folders = Some(folders);
        let unread = match found.as_slice() {
            [] => BTreeMap::new(),
            found => read_cards(host, &self.note, &mut known, found).await,
        };
        // The others are read anew the next time.
        let settled = found.iter().filter(|found| known.cards.contains_key(&found.digest));
        known.files = settled.map(|found| (found.file(), (found.stamp, found.digest))).collect();
        let mut skills: Vec<Skill> = Vec::new();
        for found in found {
            let refusal = match found.source {
                Source::ClawHub => host.hub.refusal(&found.folder, &host.revocations),
                _ => None,
            };
            if let Some(why) = refusal {
                left_out.push(LeftOut { path: found.folder, why });
                continue;
            }
            let card = match known.cards.get(&found.digest) {
                Some(Ok(card)) => Arc::clone(card),
                Some(Err(fault)) => {
                    left_out.push(LeftOut { path: found.folder, why: fault.to_string() });
                    continue;
                }
                None => {
                    let why = unread.get(&found.digest).cloned().unwrap_or_default();
                    left_out.push(LeftOut { path: found.folder, why });
                    continue;
                }
            };
            match self.skill(found, card) {
                Ok(skill) => shelve(&mut skills, skill),
                Err(why) => left_out.push(why),
            }
        }
        skills.sort_by(|a, b| a.name.cmp(&b.name));
        command::name(&mut skills);
        Arc::new(Shelf { skills, left_out })
    }

    fn skill(&self, found: Found, card: Arc<Card>) -> Result<Skill, LeftOut> {
        let folder_name = found.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = card.name.clone().unwrap_or(folder_name);
        if !card::is_name(&name) {
            let why = format!("`{}` is no name of a skill: {}", crate::legible::line(&name), card::NAME_RULE);
            return Err(LeftOut { path: found.folder, why });
        }
        let machine = Machine {
            os: gates::OS,
            has_program: claw_effects::has_program,
            is_set: env::is_set,
            config: &self.settings.config,
        };
        // A skill chooses its key itself: it cannot choose to be on where its name is turned off.
        let keys = [Some(name.as_str()), card.skill_key.as_deref()];
        let enabled = keys.into_iter().flatten().filter_map(|key| self.settings.enabled.get(key).copied()).min();
        let mut gates = gates::check(&card, enabled, &machine);
        gates.extend(self.only.as_ref().map(|only| gates::of_agent(only.contains(&name.to_lowercase()))));
        let Found { source, folder, digest, .. } = found;
        Ok(Skill { name, card, source, folder, digest, gates, command: None, hides: Vec::new() })
    }

    /// The list of skills for a prompt; `None` if there is nothing to list.
    pub fn listing(&self, shelf: &Shelf) -> Option<String> {
        let offered = shelf.skills.iter().filter(|skill| skill.is_offered());
        let place = |skill: &Skill| self.place(&skill.folder);
        listing::list(offered.map(|skill| (skill, place(skill))), self.settings.prompt_bytes)
    }

    /// A folder as people and models call it: from the workspace, or from the user's home directory, if it lies there.
    pub fn place(&self, folder: &Path) -> String {
        let from = |base: &Path, sign: &str| Some(format!("{sign}{}", folder.strip_prefix(base).ok()?.display()));
        let in_home = || from(self.user_home.as_deref()?, "~/");
        let place = from(&self.workspace, "").or_else(in_home).unwrap_or_else(|| folder.display().to_string());
        crate::legible::line(&place).into_owned()
    }
}

/// Sees to it that there is a card for each text; gives why there is none for some.
async fn read_cards(host: &Host, note: &str, known: &mut Known, found: &[Found]) -> BTreeMap<Digest, String> {
    let component = ask::component(host);
    if !known.is_loaded {
        known.is_loaded = true;
        let kept: Option<Notes> = component.as_ref().and_then(|it| host.sandbox.note(&it.component.digest, note));
        known.cards = kept.unwrap_or_default();
    }
    let before = known.cards.len();
    // What is not there any more need not be kept.
    let there: HashSet<Digest> = found.iter().map(|found| found.digest).collect();
    known.cards.retain(|digest, _| there.contains(digest));
    let mut changed = known.cards.len() != before;
    let mut unread = BTreeMap::new();
    let mut refused: Option<String> = None;
    let until = Instant::now() + PATIENCE;
    for found in found {
        if known.cards.contains_key(&found.digest) || unread.contains_key(&found.digest) {
            continue;
        }
        // One refusal stands for all: it is not for what this text says.
        let asked = match &refused {
            Some(why) => Asked::Refused(why.clone()),
            None if Instant::now() > until => {
                Asked::Refused("it has not been read yet; it will be for the next run".to_owned())
            }
            None => ask::card(host, found.text.as_deref().unwrap_or_default()).await,
        };
        match asked {
            Asked::Card(card) => {
                known.cards.insert(found.digest, card);
                changed = true;
            }
            Asked::Refused(why) => {
                refused = Some(why.clone());
                unread.insert(found.digest, why);
            }
        }
    }
    if let Some(component) = component.filter(|_| changed)
        && let Err(err) = host.sandbox.keep_note(&component.component.digest, note, &known.cards)
    {
        tracing::warn!(error = %err, "what is known of the skills cannot be kept; the next start reads them again");
    }
    unread
}

/// What a SKILL.md says of itself, as the sandboxed parser reads it.
///
/// # Errors
/// What is wrong with it, or why it was not read.
pub async fn read_card(host: &Host, text: &str) -> Result<Arc<Card>, String> {
    let card = match ask::card(host, text).await {
        Asked::Card(card) => card.map_err(|fault| fault.to_string())?,
        Asked::Refused(why) => return Err(why),
    };
    match &card.name {
        Some(name) if !card::is_name(name) => {
            Err(format!("`{}` is no name of a skill: {}", crate::legible::line(name), card::NAME_RULE))
        }
        _ => Ok(card),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The first of a name counts: the roots come in their order.
fn shelve(skills: &mut Vec<Skill>, skill: Skill) {
    match skills.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&skill.name)) {
        Some(known) => known.hides.push(skill.folder),
        None => skills.push(skill),
    }
}

// === impl Shelf ===

impl Shelf {
    /// The skill of a name, whatever case it is written in.
    pub fn find(&self, name: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.name.eq_ignore_ascii_case(name))
    }

    /// The skill in whose folder a file lies, if all that it needs is there.
    pub fn holding(&self, file: &Path) -> Option<&Skill> {
        let file = file.is_absolute().then(|| file.canonicalize().ok())??;
        self.skills.iter().find(|skill| skill.is_eligible() && file.starts_with(&skill.folder))
    }

    /// Whether the model can open any.
    pub fn offers_any(&self) -> bool {
        self.skills.iter().any(Skill::is_eligible)
    }
}

impl Skill {
    /// Whether all that it needs is there.
    pub fn is_eligible(&self) -> bool {
        self.gates.iter().all(|gate| gate.holds)
    }

    /// Whether the model is told of it.
    pub fn is_offered(&self) -> bool {
        self.is_eligible() && !self.card.disable_model_invocation
    }
}
