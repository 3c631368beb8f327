//! The skill `weather`: the weather of a place, from Open-Meteo. Needs no key.

mod report;

use openclaw_sdk::{JsonSchema, Tool, ToolError, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "weather",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Tells the weather of a place, now and for the next days.",
    tools: [Weather],
    scopes: [
        scope::http_paths("https://geocoding-api.open-meteo.com", &["GET"], &["/v1/"]),
        scope::http_paths("https://api.open-meteo.com", &["GET"], &["/v1/"]),
    ],
}

/// Where places are found, and their weather.
const PLACES: &str = "https://geocoding-api.open-meteo.com/v1/search";
const FORECAST: &str = "https://api.open-meteo.com/v1/forecast";
/// As far as the service looks ahead.
const MAX_DAYS: u8 = 16;

struct Weather;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WeatherArgs {
    /// Name of a town or place, e.g. `Leipzig` or `Springfield, Illinois`.
    place: String,
    /// Days to look ahead, today included: 1 to 16. Default: 3.
    days: Option<u8>,
}

impl Tool for Weather {
    type Args = WeatherArgs;
    const NAME: &'static str = "weather";
    const DESCRIPTION: &'static str = "Tells the weather of a place: temperature, rain and wind now, and highs, lows and \
        rain of the next days. In degrees Celsius, millimetres and km/h.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: WeatherArgs) -> Result<String, ToolError> {
        let days = args.days.unwrap_or(3);
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(ToolError::invalid(format!("`days` is {days}; it can be 1 to {MAX_DAYS}")));
        }
        let url = fetch::url(PLACES, &[("name", args.place.trim()), ("count", "1"), ("format", "json")])?;
        let place = report::place(&args.place, &fetch::get_json(&url, &[])?)?;
        let (latitude, longitude, days) = (place.latitude.to_string(), place.longitude.to_string(), days.to_string());
        let url = fetch::url(
            FORECAST,
            &[
                ("latitude", latitude.as_str()),
                ("longitude", longitude.as_str()),
                (
                    "current",
                    "temperature_2m,apparent_temperature,relative_humidity_2m,precipitation,weather_code,wind_speed_10m",
                ),
                ("daily", "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum"),
                ("timezone", "auto"),
                ("forecast_days", days.as_str()),
            ],
        )?;
        report::report(&place, &fetch::get_json(&url, &[])?)
    }
}
