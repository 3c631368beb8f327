//! The command line: what can be typed, and who answers it.
//!
//! Commands other than `run`, `secret`, `models`, `audit` without a host, `policy`, `db`, `doctor`, `config` and `completions` are clients of a running host: they act with the
//! rights of whoever can read the home's token, through the same gateway as every other client.

mod agent;
mod agents;
mod approvals;
mod audit;
mod backup;
mod card;
mod channels;
mod chat;
mod config;
mod db;
mod exit;
mod incognito;
mod inspect;
mod models;
mod outbox;
mod output;
mod own_host;
mod policy;
mod reload;
mod rights;
mod run;
mod runs;
mod secret;
mod sessions;
mod skill;
mod skills;
mod tasks;
mod tool;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use claw_core::id::AgentId;
use claw_core::route::MAIN;

use crate::client::Client;
use crate::home;
use crate::selftest;
use crate::settings::{Env, Flags};

pub use exit::{Exit, Failure};
pub use output::{Format, Output};
pub use run::Start;

/// What carries out `run`: it gets all that was prepared, and returns when the host has stopped.
pub type Serve = fn(Start) -> Result<(), Failure>;

const AFTER_HELP: &str = "\
Exit codes:
  0   done
  1   failed
  2   not understood: see --help
  64  the configuration is not valid
  69  no host can be reached
  75  not now: the port is taken, the home is in use, or the host is busy
  77  refused: by policy, by a person, or for lack of rights

Documentation: docs/cli.md, docs/configuration.md, docs/secrets.md";

/// A personal AI assistant host whose tools are sandboxed components
#[derive(Debug, Parser)]
#[command(name = "openclaw-host", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Args {
    /// Folder of the host's files [env: OPENCLAW_HOST_HOME] [default: ~/.openclaw-host]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host until it is told to stop
    Run {
        /// TCP port of the gateway; 0 takes a free one [env: OPENCLAW_HOST_PORT] [default: 18789]
        #[arg(long, value_name = "N")]
        port: Option<u16>,
        /// IP address of the gateway [env: OPENCLAW_HOST_BIND] [default: 127.0.0.1]
        #[arg(long, value_name = "ADDR")]
        bind: Option<IpAddr>,
        /// Answer all requests of components from this file, and none over the network
        #[arg(long, value_name = "FILE")]
        http_answers: Option<PathBuf>,
    },
    /// Talk with the assistant; `/help` lists what can be typed
    Chat {
        /// Conversation to take part in
        #[arg(long, value_name = "KEY", default_value = "main")]
        session: String,
        /// Agent whose conversation it is, unless the key names one
        #[arg(long, value_name = "ID", default_value = MAIN, value_parser = AgentId::parse)]
        agent: AgentId,
        /// A fresh conversation of which nothing is kept, and nothing is left after the chat
        #[arg(long, conflicts_with = "session")]
        incognito: bool,
    },
    /// Send one message and print the answer
    Agent {
        /// What to say
        #[arg(short, long, value_name = "TEXT")]
        message: String,
        /// PNG, JPEG, GIF or WebP to show with it; may be given several times
        #[arg(long = "image", value_name = "FILE")]
        images: Vec<PathBuf>,
        /// Conversation to say it in
        #[arg(long, value_name = "KEY", default_value = "main")]
        session: String,
        /// Agent whose conversation it is, unless the key names one
        #[arg(long, value_name = "ID", default_value = MAIN, value_parser = AgentId::parse)]
        agent: AgentId,
        /// Say it in a fresh conversation of which nothing is kept, and nothing is left after the answer
        #[arg(long, conflicts_with = "session")]
        incognito: bool,
        /// Stop the run after this many seconds, waiting for approvals included
        #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        timeout: u64,
        /// Be the host for this message, without a port, where none runs
        #[arg(long)]
        local: bool,
    },
    /// List the agents, with what each has and which messages go to it
    Agents,
    /// List chat services, and how they do
    Channels,
    /// List tools, and call one without a model
    #[command(subcommand)]
    Tool(ToolCommand),
    /// List components, and look into one
    #[command(subcommand)]
    Component(ComponentCommand),
    /// Install packages of tools, look into them, update and remove them
    #[command(subcommand)]
    Skill(skill::SkillCommand),
    /// List the skills, and tell what one is for and why it is or is not offered
    Skills(skills::SkillsArgs),
    /// List the calls that wait for an answer, and answer them
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Read and check the record of what was decided and done
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// List conversations, search, read, export, rewind and delete them
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    /// List the work that conversations have handed to others, look into it and cancel it
    #[command(subcommand)]
    Tasks(tasks::TasksCommand),
    /// List the messages that are to be sent over channels, try dead ones again and drop them
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// Copy all that cannot be made again, while the host runs or not
    Backup {
        /// Where: a folder that is not there yet
        to: PathBuf,
    },
    /// Check the file of a host that does not run, make it smaller, and tell what is in it
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Show what a run did, and run its tool calls again
    #[command(subcommand)]
    Runs(RunsCommand),
    /// List models, choose one, try keys out and add them
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Keep secrets in the vault, list, rotate and remove them
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Show how the running host is
    Status,
    /// Check this machine and this home for what the host needs
    Doctor,
    /// Try the sandbox out on this machine
    Selftest {
        /// Attempt from inside what components and programs must not be able to do
        #[arg(long, required = true)]
        containment: bool,
    },
    /// Look into the policies, and check them before they count
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Look into the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script
    Completions {
        /// Shell that will read it
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ToolCommand {
    /// List the tools that the model is offered
    List,
    /// Call a tool; policy and approvals apply as for the model
    Call {
        /// Name of the tool
        name: String,
        /// Arguments as a JSON object; `-` reads them from standard input
        #[arg(value_name = "JSON", default_value = "{}")]
        arguments: String,
        /// Conversation in which the call is noted
        #[arg(long, value_name = "KEY", default_value = "tools")]
        session: String,
    },
}

#[derive(Debug, Subcommand)]
enum ComponentCommand {
    /// List the installed components
    List,
    /// Show what a component declares and what it was granted
    Inspect {
        /// Name of the component
        name: String,
    },
    /// List a component's grants, give it more or take some back
    Grants(rights::GrantsArgs),
    /// Stop a component at once, until it is let go on
    Pause {
        /// Name of the component
        name: String,
    },
    /// Let a paused component go on
    Resume {
        /// Name of the component
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// List the calls that wait
    List,
    /// Answer one
    Resolve {
        /// Its id, or the first four or more digits of it
        id: String,
        /// `once` allows exactly this call, once
        answer: card::Answer,
        #[command(flatten)]
        always: card::Always,
    },
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Print the message of a run, its tool calls and their effects
    Show {
        /// Its id
        run: String,
    },
    /// Run its tool calls again with the recorded answers, and tell the first difference
    Replay {
        /// Its id
        run: String,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of `config.json5`
    Schema,
    /// Check file and environment, and print what the host would run with
    Check,
}

/// Carries out what the process was started for, and gives its exit code.
pub fn main(serve: Serve) -> i32 {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(err) => {
            // Help and version come this way, too. If even that cannot be printed, nobody reads it.
            let _ = err.print();
            return err.exit_code();
        }
    };
    let format = if args.json { Format::Json } else { Format::Text };
    match answer(args, format, serve) {
        Ok(exit) => exit.code(),
        Err(failure) => failure.report(format),
    }
}

fn answer(args: Args, format: Format, serve: Serve) -> Result<Exit, Failure> {
    let env = Env::read();
    let output = Output::new(format, &env);
    let home = || home::locate(args.home.as_deref(), &env);
    match args.command {
        Command::Completions { shell } => completions(shell, &output),
        Command::Policy(command) => policy::policy(command, home, &output),
        Command::Config(ConfigCommand::Schema) => config::print_schema(&output),
        Command::Config(ConfigCommand::Check) => config::check(&home()?, &output),
        Command::Run { port, bind, http_answers } => {
            let told = run::Told { flags: Flags { port, bind }, answers: http_answers, client: None };
            run::run(&home()?, told, &output, &env, serve)
        }
        Command::Secret(command) => in_runtime(secret::secret(command, &home()?, &output, &env)),
        Command::Models(command) => in_runtime(models::models(command, &home()?, &env, &output)),
        Command::Selftest { .. } => in_runtime(selftest::containment(&crate::app::program()?, &output)),
        Command::Audit(command) => in_runtime(audit::audit(command, &home()?, &output)),
        Command::Skill(command) => in_runtime(skill::skill(command, &home()?, &env, &output)),
        Command::Db(command) => db::db(command, &home()?, &output),
        Command::Agent { message, images, session, agent, incognito, timeout, local: true } => {
            let said = agent::Said::read(message, &images)?;
            let session = agent::conversation(&session, &agent, incognito)?;
            agent::local(&home()?, &session, &said, timeout, &output, (&env, serve))
        }
        Command::Doctor => in_runtime(inspect::doctor(&home()?, &output)),
        other => in_runtime(answer_as_client(other, &home()?, output)),
    }
}

async fn answer_as_client(command: Command, home: &Path, output: Output) -> Result<Exit, Failure> {
    // What can be wrong with the words themselves is found before the host is troubled.
    match command {
        Command::Chat { agent, incognito: true, .. } => {
            let session = incognito::fresh(&agent)?;
            let left = chat::chat(home, &session, output).await;
            incognito::end(home, &session).await;
            left
        }
        Command::Chat { session, agent, incognito: false } => {
            chat::chat(home, &sessions::parse_key_of(&session, &agent)?, output).await
        }
        Command::Agent { message, images, session, agent, incognito, timeout, local: _ } => {
            let said = agent::Said::read(message, &images)?;
            let session = agent::conversation(&session, &agent, incognito)?;
            let answered = agent::agent(home, &session, &said, timeout, &output).await;
            if incognito {
                incognito::end(home, &session).await;
            }
            answered
        }
        Command::Agents => agents::list(&mut Client::connect(home).await?, &output).await,
        Command::Channels => channels::list(&mut Client::connect(home).await?, &output).await,
        Command::Tool(ToolCommand::Call { name, arguments, session }) => {
            let (session, arguments) = (sessions::parse_key(&session)?, tool::parse_arguments(&arguments)?);
            tool::call(&mut Client::connect(home).await?, &name, arguments, &session, &output).await
        }
        Command::Tool(ToolCommand::List) => tool::list(&mut Client::connect(home).await?, &output).await,
        Command::Component(ComponentCommand::List) => {
            inspect::components(&mut Client::connect(home).await?, &output).await
        }
        Command::Component(ComponentCommand::Inspect { name }) => {
            inspect::component(&mut Client::connect(home).await?, &name, &output).await
        }
        Command::Component(ComponentCommand::Grants(args)) => {
            rights::grants(&mut Client::connect(home).await?, args, &output).await
        }
        Command::Component(ComponentCommand::Pause { name }) => {
            rights::pause(&mut Client::connect(home).await?, &name, &output).await
        }
        Command::Component(ComponentCommand::Resume { name }) => {
            rights::resume(&mut Client::connect(home).await?, &name, &output).await
        }
        Command::Skills(args) => skills::skills(&mut Client::connect(home).await?, args, &output).await,
        Command::Approvals(ApprovalsCommand::List) => approvals::list(&mut Client::connect(home).await?, &output).await,
        Command::Approvals(ApprovalsCommand::Resolve { id, answer, always }) => {
            card::check_prefix(&id)?;
            approvals::resolve(&mut Client::connect(home).await?, &id, answer, always, &output).await
        }
        Command::Sessions(command) => sessions::sessions(command, home, &output).await,
        Command::Tasks(command) => tasks::tasks(command, home, &output).await,
        Command::Outbox(command) => outbox::outbox(command, home, &output).await,
        Command::Backup { to } => backup::backup(&to, home, &output).await,
        Command::Runs(RunsCommand::Show { run }) => {
            let run = runs::parse_id(&run)?;
            runs::show(&mut Client::connect(home).await?, &run, &output).await
        }
        Command::Runs(RunsCommand::Replay { run }) => {
            let run = runs::parse_id(&run)?;
            runs::replay(&mut Client::connect(home).await?, &run, &output).await
        }
        Command::Status => inspect::status(&mut Client::connect(home).await?, &output).await,
        Command::Run { .. }
        | Command::Secret(_)
        | Command::Models(_)
        | Command::Skill(_)
        | Command::Audit(_)
        | Command::Doctor
        | Command::Db(_)
        | Command::Selftest { .. }
        | Command::Policy(_)
        | Command::Config(_)
        | Command::Completions { .. } => {
            unreachable!("cli: commands without a client were answered before")
        }
    }
}

/// Clients have one connection and nothing else to do, so they need one thread.
fn in_runtime(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn completions(shell: clap_complete::Shell, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "openclaw-host", &mut script);
    output.raw(&script)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
pub(crate) mod tests;
