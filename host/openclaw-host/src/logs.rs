//! What the host writes down while it runs: JSON lines in the home, and lines for people on standard error.
//!
//! Every line carries the fields of the spans around it, so that `run` and `session` of a turn stand in each line
//! that the turn caused. Standard output is never written to: it belongs to data.

mod line;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;

use line::Line;
pub use line::{Colour, Style};

/// Days that are kept, today among them.
const MAX_FILES: usize = 7;

/// Lines that may wait for the disk. Their places are allocated at start: the library's 128,000 take 4 MiB.
const BUFFERED_LINES: usize = 8192;

/// Keeps the log's writer alive; dropping it writes what is still to be written.
#[derive(Debug)]
#[must_use = "dropping the guard ends the log"]
pub struct LogGuard {
    _writer: WorkerGuard,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be made.
    #[error("cannot write a log in `{}`", folder.display())]
    Create {
        /// The folder of the log files.
        folder: PathBuf,
        /// Why.
        #[source]
        err: InitError,
    },
    /// The level is not a filter.
    #[error("`{level}` is not a log level")]
    Level {
        /// As it was given.
        level: String,
    },
    /// The process has a log already.
    #[error("the log was started twice")]
    Twice,
}

/// Starts the log of this process: `<folder>/host.<date>.jsonl`, a new file each day, the newest linked as
/// `host.jsonl`, and lines in `style`, if any, on standard error.
///
/// # Errors
/// [`LogError`] if the folder cannot be written or `level` is not a filter like `info,claw_gateway=debug`.
pub fn init(folder: &Path, level: &str, style: Option<Style>) -> Result<LogGuard, LogError> {
    let (file, guard) = open(folder)?;
    let subscriber = subscriber(level, file, style, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(guard)
}

/// The style that fits standard error: colours on a terminal, unless somebody asked for none.
pub fn style_of_stderr(no_color: Option<&str>) -> Style {
    match no_color {
        None if io::stderr().is_terminal() => Style::Human(Colour::On),
        _ => Style::Human(Colour::Off),
    }
}

fn open(folder: &Path) -> Result<(NonBlocking, LogGuard), LogError> {
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("host")
        .filename_suffix("jsonl")
        .latest_symlink("host.jsonl")
        .max_log_files(MAX_FILES)
        .build(folder)
        .map_err(|err| LogError::Create { folder: folder.to_owned(), err })?;
    // When the disk is slower than the log, lines are lost, not turns delayed.
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(BUFFERED_LINES).finish(appender);
    Ok((writer, LogGuard { _writer: guard }))
}

fn subscriber<F, C>(
    level: &str,
    file: F,
    style: Option<Style>,
    console: C,
) -> Result<impl Subscriber + Send + Sync, LogError>
where
    F: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    C: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level: Targets = level.parse().map_err(|_| LogError::Level { level: level.to_owned() })?;
    let to_file = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Line::new(Style::Json))
        .with_writer(file);
    let to_console = style.map(|style| {
        let layer = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new());
        layer.event_format(Line::new(style)).with_writer(console)
    });
    Ok(tracing_subscriber::registry().with(level).with(to_file).with(to_console))
}

#[cfg(test)]
mod tests;
