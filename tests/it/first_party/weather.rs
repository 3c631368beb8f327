//! The skill `weather`, with answers in the form of Open-Meteo's.

use serde_json::{Value, json};

use super::{call, install, text};
use crate::host::Home;

const PLACES: &str = "GET https://geocoding-api.open-meteo.com/v1/search";
const FORECAST: &str = "GET https://api.open-meteo.com/v1/forecast?latitude=51.33962&longitude=12.37129\
    &current=temperature_2m%2Capparent_temperature%2Crelative_humidity_2m%2Cprecipitation%2Cweather_code%2Cwind_speed_10m\
    &daily=weather_code%2Ctemperature_2m_max%2Ctemperature_2m_min%2Cprecipitation_sum&timezone=auto&forecast_days=2";

fn answers() -> Value {
    let leipzig = json!({"id": 2_879_139, "name": "Leipzig", "latitude": 51.33962, "longitude": 12.37129,
        "elevation": 116.0, "feature_code": "PPLA3", "country_code": "DE", "timezone": "Europe/Berlin",
        "country": "Germany", "admin1": "Saxony"});
    let places = |name: &str| format!("{PLACES}?name={name}&count=1&format=json");
    json!([
        {"request": places("Leipzig"), "json": {"results": [leipzig], "generationtime_ms": 0.6}},
        {"request": places("Nowhere"), "json": {"generationtime_ms": 0.3}},
        {"request": FORECAST, "status": 429, "headers": {"retry-after": "60"},
            "json": {"error": true, "reason": "Minutely API request limit exceeded."}},
        {"request": FORECAST, "json": {"latitude": 51.34, "longitude": 12.38, "generationtime_ms": 0.2,
            "utc_offset_seconds": 3600, "timezone": "Europe/Berlin",
            "current": {"time": "2026-11-21T14:00", "interval": 900, "temperature_2m": 4.4,
                "apparent_temperature": 1.2, "relative_humidity_2m": 81, "precipitation": 0.1, "weather_code": 61,
                "wind_speed_10m": 12.6},
            "daily": {"time": ["2026-11-21", "2026-11-22"], "weather_code": [61, 3],
                "temperature_2m_max": [5.4, 7.1], "temperature_2m_min": [1.4, -2.0], "precipitation_sum": [2.3, 0.0]}}},
    ])
}

#[tokio::test]
async fn a_place_is_found_and_its_weather_told() {
    let home = Home::new().http_answers(&answers());
    let running = home.start();
    install(&home, "weather", &[]);
    let mut client = running.connect().await;
    let leipzig = json!({"place": "Leipzig", "days": 2});
    let busy = call(&mut client, "weather", leipzig.clone()).await;
    assert!(busy["error"]["message"].as_str().unwrap().contains("60 s"), "{busy}");
    let told = text(&call(&mut client, "weather", leipzig).await);
    assert!(told.starts_with("Leipzig (Saxony, Germany)\nNow (2026-11-21T14:00): light rain, 4 °C"), "{told}");
    assert!(told.contains("2026-11-22: overcast, -2 to 7 °C, 0 mm of rain"), "{told}");
    let nowhere = call(&mut client, "weather", json!({"place": "Nowhere"})).await;
    assert_eq!(nowhere["error"]["code"], "E_NOT_FOUND", "{nowhere}");
}
