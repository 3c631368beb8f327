//! Our questions in Cedar's terms. The only room that names Cedar.
//!
//! Everything that does not depend on the question is built when the policies are loaded: names of types and actions,
//! and for each action the set of the policies that can apply to it.

mod conversations;
mod files;
mod index;
mod statements;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression as Value, Schema, ValidationMode, Validator,
};
use claw_core::effect::{ConnectPlan, ExecPlan, HttpPlan, SecretPurpose, SecretUse, SessionsPlan, Target};
use claw_core::rfc3339;

use self::conversations::sessions_context;
use self::files::parse_file;
use self::index::Index;
use crate::action::Action;
use crate::grant::{Access, Folder};
use crate::policy::{Loaded, PolicyError};
use crate::preset::SCHEMA;
use crate::program::ProgramKind;
use crate::subject::{Facts, Subject};

/// All policies, ready to answer.
#[derive(Debug)]
pub(crate) struct Engine {
    authorizer: Authorizer,
    loaded: Vec<Loaded>,
    component: EntityTypeName,
    call_tool: Door,
    read_folder: Door,
    write_folder: Door,
    run_program: Door,
    send_request: Door,
    open_connection: Door,
    use_secret: Door,
    reveal_secret: Door,
    use_store: Door,
    ask_model: Door,
    send_message: Door,
    read_sessions: Door,
    send_to_session: Door,
    spawn_session: Door,
}

/// One action: its name, what it is done to, and the policies that can apply to it.
#[derive(Debug)]
struct Door {
    action: EntityUid,
    resource: EntityTypeName,
    /// The policies that say the same whatever is tried in the place of the question's own facts.
    steady: Index,
    /// Those that may look at one of [`TRIED`].
    swayed: Index,
    reads: Reads,
}

/// The facts of the context with others of which a question is asked again, to find out what would change the answer.
const TRIED: [&str; 3] = ["granted", "person_present", "approved"];

/// What the policies of a door look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Only names and the context.
    Names,
    /// Also what is known of the component or the resource. Telling costs half of a decision.
    Attributes,
}

/// One question without its last fact: whether it was approved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) facts: &'a Facts,
    pub(crate) object: Object<'a>,
    pub(crate) granted: Granted,
    pub(crate) presence: Presence,
}

/// A question in Cedar's terms. Putting it into them costs more than answering it, so it is done once for all that is
/// asked about one action.
pub(crate) struct Prepared<'a> {
    engine: &'a Engine,
    door: &'a Door,
    principal: EntityUid,
    resource: EntityUid,
    entities: Entities,
    context: Vec<(String, Value)>,
    /// What the steady policies say.
    steady: OnceCell<Said>,
}

/// What some of the policies say.
#[derive(Clone, Debug, Default)]
struct Said {
    permits: Vec<String>,
    forbids: Vec<String>,
    broken: Option<(String, String)>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Object<'a> {
    Action(&'a Action),
    /// `Read` asks about `fs.read`, `ReadWrite` about `fs.write`.
    Folder(&'a Folder, Access),
}

/// Whether the owner's grants name the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    No,
    Yes,
}

/// Whether somebody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Away,
    Present,
}

/// Whether a person said yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approved {
    No,
    Yes,
}

/// What the policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Allowed by these policies.
    Yes(Vec<String>),
    /// Forbidden by these policies; if there are none, nothing permits it.
    No(Vec<String>),
    /// A policy could not be evaluated. Cedar would skip it; a skipped `forbid` would be an open door.
    Broken { policy: String, cause: String },
}

// === impl Engine ===

impl Engine {
    /// Parses and checks all files.
    pub(crate) fn load<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Engine, PolicyError> {
        let schema: Schema = SCHEMA.parse().expect("engine: the shipped schema is tested");
        let validator = Validator::new(schema);
        let (mut policies, mut loaded) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for (file, text) in files {
            for named in parse_file(file, text, &validator)? {
                if !names.insert(named.loaded.id.clone()) {
                    return Err(PolicyError::DuplicateId { file: file.to_owned(), policy: named.loaded.id });
                }
                loaded.push(named.loaded);
                policies.push(named.policy);
            }
        }
        let door = |action: &str, resource: &str| Door::new(action, resource, &policies, &validator);
        Ok(Engine {
            authorizer: Authorizer::new(),
            loaded,
            component: type_name("Component"),
            call_tool: door("tool.call", "Tool"),
            read_folder: door("fs.read", "Folder"),
            write_folder: door("fs.write", "Folder"),
            run_program: door("exec.run", "Program"),
            send_request: door("http.request", "Server"),
            open_connection: door("net.connect", "Server"),
            use_secret: door("secret.use", "Secret"),
            reveal_secret: door("secret.reveal", "Secret"),
            use_store: door("kv.use", "Store"),
            ask_model: door("llm.complete", "Model"),
            send_message: door("message.send", "Recipient"),
            read_sessions: door("sessions.read", "Conversation"),
            send_to_session: door("sessions.send", "Conversation"),
            spawn_session: door("sessions.spawn", "Model"),
        })
    }

    /// What was loaded, in order of files and lines.
    pub(crate) fn loaded(&self) -> &[Loaded] {
        &self.loaded
    }

    /// Asks the policies.
    pub(crate) fn answer(&self, question: &Question<'_>, approved: Approved) -> Answer {
        self.prepare(question).answer(question.granted, question.presence, approved)
    }

    fn door(&self, object: Object<'_>) -> &Door {
        match object {
            Object::Action(Action::CallTool(_)) => &self.call_tool,
            Object::Action(Action::RunProgram(_)) => &self.run_program,
            Object::Action(Action::SendRequest(_)) => &self.send_request,
            Object::Action(Action::OpenConnection(_)) => &self.open_connection,
            Object::Action(Action::UseSecret(SecretUse { purpose: SecretPurpose::Reveal, .. })) => &self.reveal_secret,
            Object::Action(Action::UseSecret(_)) => &self.use_secret,
            Object::Action(Action::UseStore(_)) => &self.use_store,
            Object::Action(Action::AskModel(_)) => &self.ask_model,
            Object::Action(Action::SendMessage(_)) => &self.send_message,
            Object::Action(Action::UseSessions(SessionsPlan::Read(_))) => &self.read_sessions,
            Object::Action(Action::UseSessions(SessionsPlan::Send { .. })) => &self.send_to_session,
            Object::Action(Action::UseSessions(SessionsPlan::Spawn(_))) => &self.spawn_session,
            Object::Folder(_, Access::Read) => &self.read_folder,
            Object::Folder(_, Access::ReadWrite) => &self.write_folder,
        }
    }

    /// Puts a question into Cedar's terms.
    pub(crate) fn prepare(&self, question: &Question<'_>) -> Prepared<'_> {
        let door = self.door(question.object);
        let principal = uid(&self.component, question.subject.component.as_str());
        let mut context = common_context(question.facts);
        let resource = match question.object {
            Object::Action(Action::CallTool(call)) => {
                context.push(("arguments".to_owned(), text(&call.arguments)));
                uid(&door.resource, call.tool.as_str())
            }
            Object::Action(Action::RunProgram(plan)) => {
                context.extend(program_context(plan));
                uid(&door.resource, &plan.program.to_string_lossy())
            }
            Object::Action(Action::SendRequest(plan)) => {
                context.extend(request_context(plan));
                uid(&door.resource, &server_id(&plan.target))
            }
            Object::Action(Action::OpenConnection(plan)) => {
                context.extend(connection_context(plan));
                uid(&door.resource, &server_id(&plan.target))
            }
            Object::Action(Action::UseSecret(wish)) => {
                match &wish.purpose {
                    SecretPurpose::Hold => context.push(("to".to_owned(), text(""))),
                    SecretPurpose::Send(server) => context.push(("to".to_owned(), text(server))),
                    SecretPurpose::Reveal => {}
                }
                uid(&door.resource, &wish.name)
            }
            Object::Action(Action::UseStore(store)) => uid(&door.resource, store),
            Object::Action(Action::AskModel(question)) => {
                context.push(("input_bytes".to_owned(), size(question.bytes())));
                context.push(("max_tokens".to_owned(), Value::new_long(i64::from(question.max_tokens))));
                uid(&door.resource, &question.model)
            }
            Object::Action(Action::SendMessage(message)) => {
                context.push(("text_bytes".to_owned(), size(message.text.len())));
                uid(&door.resource, &message.to)
            }
            Object::Action(Action::UseSessions(plan)) => {
                let (conversation, facts) = sessions_context(plan);
                context.extend(facts);
                uid(&door.resource, conversation)
            }
            Object::Folder(folder, _) => uid(&door.resource, folder.as_str()),
        };
        let entities = match door.reads {
            Reads::Names => Entities::empty(),
            Reads::Attributes => entities(question, &principal, &resource),
        };
        Prepared { engine: self, door, principal, resource, entities, context, steady: OnceCell::new() }
    }
}

impl Prepared<'_> {
    /// Asks the policies, with these facts in the place of the question's own.
    pub(crate) fn answer(&self, granted: Granted, presence: Presence, approved: Approved) -> Answer {
        let request = self.request(granted, presence, approved);
        let steady = self.steady.get_or_init(|| self.ask(&self.door.steady, &request, Said::default()));
        // What is forbidden whatever is tried needs no more words.
        let is_settled = !steady.forbids.is_empty() && steady.broken.is_none();
        let said = if is_settled { steady.clone() } else { self.ask(&self.door.swayed, &request, steady.clone()) };
        let Said { permits, forbids, broken } = said;
        if let Some((policy, cause)) = broken {
            return Answer::Broken { policy, cause };
        }
        let permitted = forbids.is_empty() && !permits.is_empty();
        let mut reasons = if permitted { permits } else { forbids };
        // Cedar keeps them in a hash set; what people and snapshots see must not change from run to run.
        reasons.sort_unstable();
        if permitted { Answer::Yes(reasons) } else { Answer::No(reasons) }
    }

    /// Adds what the policies of an index say. Each of its sets is asked by itself: together they permit if one does and
    /// none forbids.
    fn ask(&self, policies: &Index, request: &Request, mut said: Said) -> Said {
        for policies in policies.matching(&self.principal, &self.resource) {
            let response = self.engine.authorizer.is_authorized(request, policies, &self.entities);
            let diagnostics = response.diagnostics();
            let errors = diagnostics.errors().map(|err| {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(err) = err;
                (err.policy_id().to_string(), err.inner().to_string())
            });
            said.broken = errors.chain(said.broken.take()).min();
            let reasons = match response.decision() {
                Decision::Allow => &mut said.permits,
                Decision::Deny => &mut said.forbids,
            };
            reasons.extend(diagnostics.reason().map(PolicyId::to_string));
        }
        said
    }

    fn request(&self, granted: Granted, presence: Presence, approved: Approved) -> Request {
        let facts = [
            ("granted", granted == Granted::Yes),
            ("person_present", presence == Presence::Present),
            ("approved", approved == Approved::Yes),
        ];
        let facts = facts.map(|(key, is)| (key.to_owned(), Value::new_bool(is)));
        let context = self.context.iter().cloned().chain(facts);
        // Neither is checked against the schema here: the test `every_question_fits_the_schema` shows that they fit,
        // and checking again would double the price of a decision.
        let context = Context::from_pairs(context).expect("engine: context keys are distinct");
        Request::new(self.principal.clone(), self.door.action.clone(), self.resource.clone(), context, None)
            .expect("engine: only a schema can refuse a request")
    }
}

impl Door {
    fn new(action: &str, resource: &str, policies: &[cedar_policy::Policy], validator: &Validator) -> Door {
        let action = uid(&type_name("Action"), action);
        let applies = |policy: &&cedar_policy::Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            // The schema has no groups of actions, so "in" a list is being one of the list.
            ActionConstraint::In(actions) => actions.contains(&action),
            ActionConstraint::Eq(only) => only == action,
        };
        let applying = PolicySet::from_policies(policies.iter().filter(applies).cloned())
            .expect("engine: load refuses two policies of one name");
        // Level 0 is Cedar's proof that no policy looks behind a name.
        let names_only = validator.validate_with_level(&applying, ValidationMode::Strict, 0).validation_passed();
        let reads = if names_only { Reads::Names } else { Reads::Attributes };
        let resource = type_name(resource);
        let index = |wanted: bool| {
            let policies = policies.iter().filter(applies).filter(|policy| is_swayed(policy) == wanted);
            Index::new(policies, &type_name("Component"), &resource)
        };
        Door { steady: index(false), swayed: index(true), resource, action, reads }
    }
}

/// Whether a policy may look at one of the facts that are tried. In doubt it does: only `context.NAME` and
/// `context has NAME` with other names are known not to.
fn is_swayed(policy: &cedar_policy::Policy) -> bool {
    let text = policy.to_string();
    let names_one = TRIED.iter().any(|name| text.contains(name));
    let is_plain = |rest: &str| rest.starts_with('.') || rest.starts_with(" has ");
    names_one || !text.split("context").skip(1).all(is_plain)
}

// === Questions ===

/// What is said of every action, but for what [`Prepared::request`] adds.
fn common_context(facts: &Facts) -> Vec<(String, Value)> {
    let session = facts.session.as_str();
    let mut context = Vec::with_capacity(17);
    let mut push = |key: &str, value: Value| context.push((key.to_owned(), value));
    push("origin", text(facts.origin.as_str()));
    push("session", text(session));
    push("agent", text(facts.session.agent().as_str()));
    push("tainted", Value::new_bool(facts.labels.tainted.is_some()));
    push("private", Value::new_bool(facts.labels.private.is_some()));
    let (hour, weekday) = rfc3339::hour_and_weekday(facts.at);
    push("hour", Value::new_long(hour));
    push("weekday", Value::new_long(weekday));
    context
}

fn program_context(plan: &ExecPlan) -> [(String, Value); 7] {
    let argv = plan.argv.iter().map(|argument| text(argument));
    let environment = plan.env.iter().map(|(name, _)| text(name));
    let background_ms = plan.background.map_or(0, |background| background.ttl_ms);
    [
        ("argv".to_owned(), Value::new_set(argv)),
        ("subcommand".to_owned(), text(plan.argv.get(1).map_or("", String::as_str))),
        ("directory".to_owned(), text(&plan.cwd.to_string_lossy())),
        ("environment".to_owned(), Value::new_set(environment)),
        ("stdin_bytes".to_owned(), size(plan.stdin.len())),
        ("background_seconds".to_owned(), Value::new_long(i64::try_from(background_ms / 1000).unwrap_or(i64::MAX))),
        (
            "terminal".to_owned(),
            Value::new_bool(plan.background.is_some_and(|background| background.terminal.is_some())),
        ),
    ]
}

fn path_and_query(target: &Target) -> (&str, &str) {
    target.path_and_query.split_once('?').unwrap_or((&target.path_and_query, ""))
}

fn connection_context(plan: &ConnectPlan) -> [(String, Value); 3] {
    let (path, query) = path_and_query(&plan.target);
    let protocols = plan.protocols.iter().map(|protocol| text(protocol));
    [
        ("path".to_owned(), text(path)),
        ("query".to_owned(), text(query)),
        ("protocols".to_owned(), Value::new_set(protocols)),
    ]
}

fn request_context(plan: &HttpPlan) -> [(String, Value); 4] {
    let (path, query) = path_and_query(&plan.target);
    // A body of unknown length is longer than any bound.
    let body_bytes = plan.body.length().and_then(|length| i64::try_from(length).ok());
    [
        ("method".to_owned(), text(&plan.method)),
        ("path".to_owned(), text(path)),
        ("query".to_owned(), text(query)),
        ("body_bytes".to_owned(), Value::new_long(body_bytes.unwrap_or(i64::MAX))),
    ]
}

/// What is known of the component and of the resource. Most resources are nothing but their names.
fn entities(question: &Question<'_>, principal: &EntityUid, resource: &EntityUid) -> Entities {
    let resource = match question.object {
        Object::Action(Action::RunProgram(plan)) => Some(program_entity(resource.clone(), plan)),
        Object::Action(Action::SendRequest(plan)) => Some(server_entity(resource.clone(), &plan.target)),
        Object::Action(Action::OpenConnection(plan)) => Some(server_entity(resource.clone(), &plan.target)),
        Object::Action(_) | Object::Folder(..) => None,
    };
    let component = component_entity(principal.clone(), question.subject);
    Entities::from_entities(std::iter::once(component).chain(resource), None)
        .expect("engine: two entities of different types are no duplicates")
}

fn component_entity(uid: EntityUid, subject: &Subject) -> Entity {
    let digest = text(&subject.digest.to_string());
    let trust = text(subject.trust.as_str());
    entity(uid, [("publisher", text(&subject.publisher)), ("digest", digest), ("trust", trust)])
}

fn program_entity(uid: EntityUid, plan: &ExecPlan) -> Entity {
    let kind = ProgramKind::of(plan);
    entity(
        uid,
        [
            ("name", text(&plan.program.file_name().unwrap_or_default().to_string_lossy())),
            ("path", text(&plan.program.to_string_lossy())),
            ("shell", Value::new_bool(kind.shell)),
            ("wrapper", Value::new_bool(kind.wrapper)),
            ("interpreter_inline", Value::new_bool(kind.interpreter_inline)),
            ("risky_argument", Value::new_bool(kind.risky_argument.is_some())),
            ("in_workspace", Value::new_bool(kind.in_workspace)),
        ],
    )
}

fn server_id(Target { scheme, host, port, .. }: &Target) -> String {
    format!("{scheme}://{host}:{port}")
}

fn server_entity(uid: EntityUid, target: &Target) -> Entity {
    entity(
        uid,
        [
            ("scheme", text(&target.scheme)),
            ("host", text(&target.host)),
            ("port", Value::new_long(i64::from(target.port))),
            ("address", text(target.address.as_str())),
        ],
    )
}

fn entity<const N: usize>(uid: EntityUid, attributes: [(&str, Value); N]) -> Entity {
    let attributes: HashMap<String, Value> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid, attributes, HashSet::new()).expect("engine: plain values always evaluate")
}

fn type_name(name: &str) -> EntityTypeName {
    name.parse().expect("engine: our type names are Cedar names")
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn size(bytes: usize) -> Value {
    Value::new_long(i64::try_from(bytes).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
