//! Environment, clocks, random numbers and processes.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::json;
use serde::Deserialize;

use crate::outcome::{Failure, Outcome};

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    Env,
    Args,
    /// The current directory.
    Cwd,
    /// Seconds since 1970.
    Clock,
    /// Nanoseconds between two readings of the monotonic clock.
    Tick,
    /// This many random bytes, at most 1024, in hexadecimal.
    Random {
        bytes: u64,
    },
    /// Sleeps.
    Sleep {
        milliseconds: u64,
    },
    /// Ends the call with an error of the tool's own.
    Fail,
    /// Starts a program through std.
    Spawn {
        program: String,
    },
}

impl Op {
    #[expect(clippy::disallowed_methods, reason = "what the clocks give is what the probe is asked for")]
    pub fn run(self) -> Outcome {
        match self {
            Op::Env => Ok(json!(wasip2::cli::environment::get_environment())),
            Op::Args => Ok(json!(wasip2::cli::environment::get_arguments())),
            Op::Cwd => Ok(json!(wasip2::cli::environment::initial_cwd())),
            Op::Clock => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(duration) => Ok(json!(duration.as_secs())),
                Err(_) => Err(Failure::of_probe("the clock stands before 1970")),
            },
            Op::Tick => {
                let start = Instant::now();
                Ok(json!(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)))
            }
            Op::Random { bytes } => {
                let bytes = wasip2::random::random::get_random_bytes(bytes.min(1024));
                Ok(json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
            }
            Op::Sleep { milliseconds } => {
                std::thread::sleep(std::time::Duration::from_millis(milliseconds));
                Ok(json!(null))
            }
            Op::Fail => Err(Failure::of_probe("the call fails because the test says so")),
            Op::Spawn { program } => Ok(json!(std::process::Command::new(program).status()?.code())),
        }
    }
}
