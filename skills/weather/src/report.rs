//! From the service's answers to a report. Pure.

use openclaw_sdk::ToolError;
use openclaw_sdk::serde_json::{self, Value};
use serde::Deserialize;

/// A place that the service knows.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Place {
    pub name: String,
    pub latitude: f64,
    pub longitude: f64,
    /// The country, and a part of it.
    pub country: Option<String>,
    pub admin1: Option<String>,
}

/// The first place of an answer.
pub fn place(wanted: &str, answer: &Value) -> Result<Place, ToolError> {
    let first = answer["results"].get(0).cloned();
    let first = first.ok_or_else(|| ToolError::NotFound(format!("no place is known by the name `{wanted}`")))?;
    serde_json::from_value(first).map_err(strange)
}

fn strange(err: serde_json::Error) -> ToolError {
    ToolError::Unavailable(format!("Open-Meteo's answer is not understood: {err}"))
}

#[derive(Deserialize)]
struct Forecast {
    current: Current,
    daily: Daily,
}

#[derive(Deserialize)]
struct Current {
    time: String,
    temperature_2m: f64,
    apparent_temperature: f64,
    relative_humidity_2m: f64,
    precipitation: f64,
    weather_code: u8,
    wind_speed_10m: f64,
}

#[derive(Deserialize)]
struct Daily {
    time: Vec<String>,
    weather_code: Vec<Option<u8>>,
    temperature_2m_max: Vec<Option<f64>>,
    temperature_2m_min: Vec<Option<f64>>,
    precipitation_sum: Vec<Option<f64>>,
}

/// The report, a line for now and one for each day.
pub fn report(place: &Place, answer: &Value) -> Result<String, ToolError> {
    let Forecast { current: now, daily } = Forecast::deserialize(answer).map_err(strange)?;
    let around: Vec<_> = [&place.admin1, &place.country].into_iter().flatten().map(String::as_str).collect();
    let mut text = place.name.clone();
    if !around.is_empty() {
        text.push_str(&format!(" ({})", around.join(", ")));
    }
    text.push_str(&format!(
        "\nNow ({}): {}, {:.0} °C (feels like {:.0} °C), {:.0} % humidity, {} mm of rain, wind {:.0} km/h\n",
        now.time,
        sky(now.weather_code),
        now.temperature_2m,
        now.apparent_temperature,
        now.relative_humidity_2m,
        now.precipitation,
        now.wind_speed_10m
    ));
    let degrees =
        |value: Option<&Option<f64>>| value.copied().flatten().map_or("?".to_owned(), |it| format!("{it:.0}"));
    for (day, date) in daily.time.iter().enumerate() {
        let code = daily.weather_code.get(day).copied().flatten();
        let rain = daily.precipitation_sum.get(day).copied().flatten().map_or("?".to_owned(), |it| it.to_string());
        text.push_str(&format!(
            "{date}: {}, {} to {} °C, {rain} mm of rain\n",
            code.map_or("unknown", sky),
            degrees(daily.temperature_2m_min.get(day)),
            degrees(daily.temperature_2m_max.get(day)),
        ));
    }
    Ok(text)
}

/// The sky in words, by the codes of the World Meteorological Organization (table 4677).
fn sky(code: u8) -> &'static str {
    match code {
        0 => "clear",
        1 => "mostly clear",
        2 => "partly cloudy",
        3 => "overcast",
        45 | 48 => "fog",
        51 | 53 | 55 => "drizzle",
        56 | 57 => "freezing drizzle",
        61 => "light rain",
        63 => "rain",
        65 => "heavy rain",
        66 | 67 => "freezing rain",
        71 => "light snow",
        73 => "snow",
        75 => "heavy snow",
        77 => "snow grains",
        80..=82 => "rain showers",
        85 | 86 => "snow showers",
        95 => "thunderstorm",
        96 | 99 => "thunderstorm with hail",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::serde_json::json;

    use super::*;

    fn leipzig() -> Place {
        let answer = json!({"results": [{
            "id": 2879139, "name": "Leipzig", "latitude": 51.33962, "longitude": 12.37129, "country": "Germany",
            "admin1": "Saxony", "timezone": "Europe/Berlin",
        }], "generationtime_ms": 0.5});
        place("leipzig", &answer).unwrap()
    }

    #[test]
    fn a_place_is_the_first_one_that_is_known() {
        assert_eq!((leipzig().latitude, leipzig().admin1.as_deref()), (51.33962, Some("Saxony")));
        let none = place("Nowhere", &json!({"generationtime_ms": 0.5}));
        assert!(matches!(none, Err(ToolError::NotFound(text)) if text.contains("`Nowhere`")));
        assert!(matches!(place("x", &json!({"results": [{"name": 1}]})), Err(ToolError::Unavailable(_))));
    }

    #[test]
    fn a_report_has_a_line_for_now_and_one_for_each_day() {
        let answer = json!({
            "current": {"time": "2026-11-21T14:00", "temperature_2m": 4.4, "apparent_temperature": 1.2,
                "relative_humidity_2m": 81, "precipitation": 0.1, "weather_code": 61, "wind_speed_10m": 12.6},
            "daily": {"time": ["2026-11-21", "2026-11-22"], "weather_code": [61, null],
                "temperature_2m_max": [5.5, null], "temperature_2m_min": [1.4, -2.0], "precipitation_sum": [2.3, 0.0]},
        });
        assert_eq!(
            report(&leipzig(), &answer).unwrap(),
            "Leipzig (Saxony, Germany)\n\
             Now (2026-11-21T14:00): light rain, 4 °C (feels like 1 °C), 81 % humidity, 0.1 mm of rain, wind 13 km/h\n\
             2026-11-21: light rain, 1 to 6 °C, 2.3 mm of rain\n\
             2026-11-22: unknown, -2 to ? °C, 0 mm of rain\n"
        );
        assert!(report(&leipzig(), &json!({"error": true, "reason": "x"})).is_err());
    }
}
