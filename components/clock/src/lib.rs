//! The component `clock`: tells the time.

mod zone;

use jiff::Timestamp;
use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

#[cfg(test)]
mod tests;

openclaw_sdk::export_component! {
    name: "clock",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Tells the time.",
    tools: [Clock],
    scopes: [],
}

pub struct Clock;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockArgs {
    /// Time zone for the local form: an IANA name (`Europe/Berlin`) or an offset (`+02:00`). Default: none.
    #[serde(rename = "timeZone")]
    time_zone: Option<String>,
}

impl Tool for Clock {
    type Args = ClockArgs;
    const NAME: &'static str = "clock";
    const DESCRIPTION: &'static str = "Tells the current date, time and weekday in UTC, and also in a time zone if one \
        is given.";

    fn call(args: ClockArgs) -> Result<String, ToolError> {
        tell(Timestamp::now(), args.time_zone.as_deref())
    }
}

fn tell(now: Timestamp, zone: Option<&str>) -> Result<String, ToolError> {
    let utc = now.strftime("%Y-%m-%dT%H:%M:%SZ (%A)").to_string();
    let Some(name) = zone.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(utc) };
    let zone = zone::parse(name).ok_or_else(|| {
        ToolError::invalid(format!("`{name}` is no time zone; give an IANA name (`Europe/Berlin`) or `+02:00`"))
    })?;
    let local = now.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z (%A)").to_string();
    Ok(format!("{utc}\n{name}: {local}"))
}
