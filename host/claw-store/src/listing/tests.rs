use claw_core::id::{AgentId, SessionKey};

use super::*;
use crate::fixture::*;

#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let (_home, store) = store();
    for (n, session) in ["one", "two", "agent:work:three"].into_iter().enumerate() {
        store.accept(inbound_to(&format!("r{n}"), session), at(n as u64 * 10)).await.unwrap();
    }
    store.record(&run("r0"), entries([said("  back\n again ")]), at(50)).await.unwrap();
    let list = |query| {
        let page = store.sessions(&query).unwrap();
        page.rows.into_iter().map(|row| row.key.to_string()).collect::<Vec<_>>()
    };
    let all = ["agent:main:one", "agent:work:three", "agent:main:two"];
    assert_eq!(list(SessionQuery::default()), all);
    assert_eq!(list(SessionQuery { limit: 0, ..SessionQuery::default() }), all[..1]);
    assert_eq!(list(SessionQuery { updated_since: Some(at(20)), ..SessionQuery::default() }), all[..2]);
    let work = Some(AgentId::parse("work").unwrap());
    assert_eq!(list(SessionQuery { agent: work, ..SessionQuery::default() }), all[1..2]);
    let row = store.session(&key("one")).unwrap().unwrap();
    assert_eq!((row.created, row.updated, row.entries, row.runs), (at(0), at(50), 2, 1));
    assert_eq!((row.session_id.as_str(), row.last_message.as_str()), ("r0", "back again"));
}

#[tokio::test]
async fn listing_a_page_costs_the_same_among_ten_thousand_sessions() {
    // ST-22
    let (_home, store) = store();
    let query = SessionQuery { limit: 50, ..SessionQuery::default() };
    let scanned = || store.read(|snapshot| Ok(list(snapshot, &query)?.scanned)).unwrap();
    let mut costs = Vec::new();
    let sessions: Vec<SessionKey> = (0..10_000).map(|n| key(&format!("s{n}"))).collect();
    for many in sessions.chunks(250) {
        let accept = |session: &SessionKey| {
            let inbound = inbound_to(session.as_str(), session.as_str());
            let store = store.clone();
            tokio::spawn(async move { store.accept(inbound, at(1)).await })
        };
        for accepted in many.iter().map(accept).collect::<Vec<_>>() {
            accepted.await.unwrap().unwrap();
        }
        costs.push(scanned());
    }
    assert_eq!(costs, vec![50; 40]);
}

fn keys(page: &SessionPage) -> Vec<String> {
    page.rows.iter().map(|row| row.key.to_string()).collect()
}

async fn sessions(store: &Store, count: u64) {
    for n in 0..count {
        store.accept(inbound_to(&format!("r{n}"), &format!("s{n}")), at(n)).await.unwrap();
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_repeating_or_skipping_what_stays() {
    let (_home, store) = store();
    sessions(&store, 7).await;
    let mut query = SessionQuery { limit: 3, ..SessionQuery::default() };
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = store.sessions(&query).unwrap();
        seen.extend(keys(&page));
        pages += 1;
        // One that was to come speaks, and is at the front from then on.
        store.accept(inbound_to(&format!("again{pages}"), "s0"), at(100 + pages)).await.unwrap();
        let Some(next) = page.next else { break };
        query.after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(seen, ["s6", "s5", "s4", "s3", "s2", "s1"].map(|name| key(name).to_string()));
    assert!("12".parse::<SessionCursor>().is_err());
}

#[tokio::test]
async fn a_search_for_what_is_rare_stops_and_says_where_to_go_on() {
    let (_home, store) = store();
    store.accept(inbound_to("first", "needle"), at(0)).await.unwrap();
    let mut accepts = tokio::task::JoinSet::new();
    for n in 0..SCANNED {
        let store = store.clone();
        accepts.spawn(async move { store.accept(inbound_to(&format!("r{n}"), &format!("s{n}")), at(1)).await });
    }
    assert!(accepts.join_all().await.into_iter().all(|accepted| accepted.is_ok()));
    let mut query = SessionQuery { text: Some("NEEDLE".to_owned()), ..SessionQuery::default() };
    let first = store.sessions(&query).unwrap();
    assert!(first.rows.is_empty());
    query.after = first.next;
    let second = store.sessions(&query).unwrap();
    assert_eq!((keys(&second), second.next), (vec![key("needle").to_string()], None));
}

#[tokio::test]
async fn a_title_is_found_through_its_index_until_it_is_taken_away() {
    let (home, store) = store();
    sessions(&store, 3).await;
    let row = store.title_session(&key("s0"), Some("  tax \n return ")).await.unwrap().unwrap();
    assert_eq!(row.title.as_deref(), Some("tax return"));
    store.title_session(&key("s2"), Some("tax return")).await.unwrap();
    assert_eq!(store.title_session(&key("nobody"), Some("x")).await.unwrap(), None);
    let long = store.title_session(&key("s0"), Some(&"x".repeat(101))).await;
    assert!(matches!(long, Err(StoreError::Title { most: 100 })));
    let store = reopen(&home, store);
    let titled = |title: &str| {
        let query = SessionQuery { title: Some(title.to_owned()), ..SessionQuery::default() };
        store.read(|snapshot| list(snapshot, &query)).map(|listing| (keys(&listing.page), listing.scanned)).unwrap()
    };
    assert_eq!(titled("tax return"), (vec![key("s2").to_string(), key("s0").to_string()], 2));
    assert_eq!(titled("tax"), (vec![], 0));
    store.title_session(&key("s2"), Some("")).await.unwrap();
    store.title_session(&key("s0"), Some("travel")).await.unwrap();
    assert_eq!(titled("tax return"), (vec![], 0));
    assert_eq!(titled("travel"), (vec![key("s0").to_string()], 1));
    let text = SessionQuery { text: Some("TRAV".to_owned()), ..SessionQuery::default() };
    assert_eq!(keys(&store.sessions(&text).unwrap()), [key("s0").to_string()]);
}
