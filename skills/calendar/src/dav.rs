//! What is said to a CalDAV server and what it answers (RFC 4791). Pure.

use chrono::{DateTime, Utc};
use openclaw_sdk::ToolError;
use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::{Namespace, ResolveResult};

const CALDAV: Namespace = Namespace(b"urn:ietf:params:xml:ns:caldav");

/// The body of a `REPORT` that asks for all events of a span of time.
pub fn query(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let form = "%Y%m%dT%H%M%SZ";
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <C:calendar-query xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
         <D:prop><C:calendar-data/></D:prop>\
         <C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
         <C:time-range start=\"{}\" end=\"{}\"/>\
         </C:comp-filter></C:comp-filter></C:filter></C:calendar-query>",
        from.format(form),
        to.format(form)
    )
}

/// The calendars of an answer 207, one for each event.
///
/// # Errors
/// [`ToolError::Unavailable`] if it is not XML.
pub fn calendars(answer: &[u8]) -> Result<Vec<String>, ToolError> {
    let odd = |err: &dyn std::fmt::Display| {
        ToolError::Unavailable(format!(
            "the server's answer is not understood: {err}; is the address that of a calendar?"
        ))
    };
    let mut reader = NsReader::from_reader(answer);
    let (mut found, mut inside) = (Vec::new(), None::<String>);
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|err| odd(&err))?;
        let is_data = |name: &[u8]| namespace == ResolveResult::Bound(CALDAV) && name == b"calendar-data";
        match event {
            Event::Start(tag) if is_data(tag.local_name().as_ref()) => inside = Some(String::new()),
            Event::End(tag) if is_data(tag.local_name().as_ref()) => found.extend(inside.take()),
            Event::Text(text) => {
                if let Some(inside) = &mut inside {
                    inside.push_str(&text.decode().map_err(|err| odd(&err))?);
                }
            }
            Event::CData(text) => {
                if let Some(inside) = &mut inside {
                    inside.push_str(&text.decode().map_err(|err| odd(&err))?);
                }
            }
            Event::GeneralRef(entity) => {
                if let Some(inside) = &mut inside {
                    inside.push_str(&resolved(&entity).ok_or_else(|| odd(&"it has an unknown entity"))?);
                }
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// `&amp;` and `&#13;`; nothing that an answer defines by itself.
fn resolved(entity: &BytesRef) -> Option<String> {
    if let Ok(Some(letter)) = entity.resolve_char_ref() {
        return Some(letter.to_string());
    }
    resolve_predefined_entity(&entity.decode().ok()?).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_span_in_utc() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let body = query(at(1_795_219_200), at(1_795_305_600));
        assert!(body.contains("<C:time-range start=\"20261121T000000Z\" end=\"20261122T000000Z\"/>"), "{body}");
        assert!(calendars(body.as_bytes()).unwrap().is_empty(), "it is well-formed");
    }

    #[test]
    fn calendars_are_found_whatever_the_prefixes_and_however_they_are_written() {
        let answer = "<?xml version='1.0'?><multistatus xmlns='DAV:' xmlns:cal='urn:ietf:params:xml:ns:caldav'><response>\
            <href>/ada/1.ics</href><propstat><prop><cal:calendar-data>BEGIN:VCALENDAR&#13;\nSUMMARY:a &amp; b&#13;\n\
            </cal:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response><response><propstat><prop>\
            <calendar-data xmlns='urn:ietf:params:xml:ns:caldav'><![CDATA[BEGIN:<2>]]></calendar-data><calendar-data>no\
            </calendar-data></prop></propstat></response></multistatus>";
        let found = calendars(answer.as_bytes()).unwrap();
        assert_eq!(found, ["BEGIN:VCALENDAR\r\nSUMMARY:a & b\r\n", "BEGIN:<2>"]);
    }

    #[test]
    fn an_answer_that_is_not_xml_is_an_error() {
        for odd in ["<a></b>", "<c:calendar-data xmlns:c='urn:ietf:params:xml:ns:caldav'>&x;</c:calendar-data>"] {
            assert!(matches!(calendars(odd.as_bytes()), Err(ToolError::Unavailable(_))), "{odd}");
        }
    }
}
