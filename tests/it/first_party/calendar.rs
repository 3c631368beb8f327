//! Calendars: by CalDAV, from an address, and from the workspace.

use serde_json::{Value, json};

use super::{asked_for, call, install, put_secret, server, text, with_settings};
use crate::host::Home;

const LOGIN: &str = "Basic YWRhOmNhbGVuZGFyLWNhbmFyeQ==";

const CHOIR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Choir & friends\r\n\
    DTSTART;TZID=Europe/Berlin:20261013T193000\r\nDTEND;TZID=Europe/Berlin:20261013T210000\r\n\
    RRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// An answer of a CalDAV server to `REPORT`.
fn multistatus(calendar: &str) -> String {
    let data = calendar.replace('&', "&amp;").replace('\r', "&#13;");
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:multistatus xmlns:d=\"DAV:\" \
         xmlns:cal=\"urn:ietf:params:xml:ns:caldav\"><d:response><d:href>/ada/home/1.ics</d:href><d:propstat><d:prop>\
         <cal:calendar-data>{data}</cal:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>\
         </d:response></d:multistatus>"
    )
}

/// The calendar's home, with these grants and settings beside the time zone.
fn home(grants: &[&str], mut settings: Value) -> Home {
    settings["timezone"] = json!("Europe/Berlin");
    with_settings("calendar", grants, &settings)
}

#[tokio::test]
async fn an_agenda_comes_from_the_server_that_the_owner_has_set() {
    let (base, asked) = server(vec![
        ("207 Multi-Status\r\ncontent-type: application/xml", multistatus(CHOIR)),
        ("401 Unauthorized", String::new()),
    ]);
    let grants = [&format!("http {base} REPORT /ada/home/"), "secret calendar"];
    let home = home(&grants, json!({"caldav": format!("{base}/ada/home")}));
    put_secret(&home, "calendar", LOGIN, &base);
    let running = home.start();
    let mut client = running.connect().await;
    let shown = text(&call(&mut client, "agenda", json!({"from": "2026-10-26", "days": 3})).await);
    let expected =
        "2026-10-26 to 2026-10-28, times in Europe/Berlin\n\nTue 2026-10-27\n  19:30–21:00 Choir & friends\n";
    assert_eq!(shown, expected);
    let report = asked.recv().unwrap();
    assert!(report.starts_with("REPORT /ada/home/ HTTP/1.1\r\n"), "{report}");
    assert!(report.contains("depth: 1\r\n") && report.contains(&format!("authorization: {LOGIN}\r\n")), "{report}");
    assert!(report.contains("start=\"20261025T230000Z\" end=\"20261028T230000Z\""), "{report}");
    let refused = call(&mut client, "agenda", json!({})).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("check the secret"), "{refused}");
    // Reading was granted, writing was not.
    let event = json!({"title": "Tea", "start": "2026-11-21T14:00"});
    assert_eq!(call(&mut client, "event_add", event).await["ok"], false);
    let sessions = client.call("sessions.list", json!({})).await.unwrap();
    assert!(sessions["sessions"][0]["tainted"].is_string(), "{sessions}");
}

#[tokio::test]
async fn an_event_is_put_once() {
    let (base, asked) =
        server(vec![("201 Created\r\netag: \"1\"", String::new()), ("412 Precondition Failed", String::new())]);
    let grants = [&format!("http {base} PUT /ada/home/"), "secret calendar"];
    let home = home(&grants, json!({"caldav": format!("{base}/ada/home/")}));
    put_secret(&home, "calendar", LOGIN, &base);
    let running = home.start();
    let mut client = running.connect().await;
    let event = json!({"title": "Tea", "start": "2026-11-21T14:00", "end": "2026-11-21T15:30", "place": "Café"});
    let added = text(&call(&mut client, "event_add", event.clone()).await);
    assert_eq!(added, "`Tea` on Sat 2026-11-21 14:00 is in the calendar");
    let put = asked.recv().unwrap();
    let name = put.strip_prefix("PUT /ada/home/").unwrap().split(".ics HTTP/1.1").next().unwrap();
    assert!(put.contains("if-none-match: *\r\n") && put.contains(&format!("authorization: {LOGIN}\r\n")), "{put}");
    assert!(put.contains(&format!("UID:{name}@")) && put.contains("LOCATION:Café\r\n"), "{put}");
    assert!(put.contains("DTSTART:20261121T130000Z\r\nDTEND:20261121T143000Z\r\n"), "{put}");
    let again = text(&call(&mut client, "event_add", event).await);
    assert!(again.ends_with("is in the calendar already"), "{again}");
    assert_eq!(asked_for(&asked), put.lines().next().unwrap(), "the same event has the same name");
    let wrong = json!({"title": "Tea", "start": "soon"});
    assert_eq!(call(&mut client, "event_add", wrong).await["error"]["code"], "E_MODEL_ARGS");
}

#[tokio::test]
async fn an_agenda_comes_from_addresses_and_files() {
    let tea =
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:2\nSUMMARY:Tea\nDTSTART:20261027T150000Z\nEND:VEVENT\nEND:VCALENDAR\n";
    let (base, asked) = server(vec![("200 OK", CHOIR.to_owned())]);
    let grants = [&format!("http {base} GET"), "fs workspace read"];
    let home = home(&grants, json!({"ics": format!("{base}/choir.ics tea.ics")})).file("tea.ics", tea);
    let running = home.start();
    let mut client = running.connect().await;
    let shown = text(&call(&mut client, "agenda", json!({"from": "2026-10-27", "days": 1})).await);
    assert!(shown.ends_with("\nTue 2026-10-27\n  16:00 Tea\n  19:30–21:00 Choir & friends\n"), "{shown}");
    assert_eq!(asked_for(&asked), "GET /choir.ics HTTP/1.1");
    let one = text(&call(&mut client, "agenda", json!({"from": "2026-10-27", "source": "tea.ics"})).await);
    assert!(one.contains("Tea") && !one.contains("Choir"), "{one}");
    let none = call(&mut client, "agenda", json!({"source": "none.ics"})).await;
    assert_eq!(none["error"]["code"], "E_NOT_FOUND", "{none}");
}

#[tokio::test]
async fn an_agenda_without_a_calendar_says_what_to_set() {
    let home = Home::new();
    let running = home.start();
    install(&home, "calendar", &["fs workspace read"]);
    let unset = call(&mut running.connect().await, "agenda", json!({})).await;
    assert!(unset["error"]["message"].as_str().unwrap().contains("components.calendar.config.caldav"), "{unset}");
}
