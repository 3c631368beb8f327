use super::*;
use crate::Record;
use crate::fixture::*;

fn places(page: &SearchPage) -> Vec<(String, u64, &'static str)> {
    page.found.iter().map(|found| (found.session.to_string(), found.seq.0, found.role)).collect()
}

async fn turn(store: &Store, id: &str, session: &str, text: &str, when: u64) {
    store.accept(inbound_to(id, session), at(when)).await.unwrap();
    store.record(&run(id), Record { end: done(), ..entries([said(text)]) }, at(when)).await.unwrap();
}

#[tokio::test]
async fn words_are_found_in_what_anybody_said_the_newest_first() {
    let (_home, store) = store();
    turn(&store, "a", "one", "The Ferry to Ærø leaves at nine", 1).await;
    turn(&store, "b", "two", "nothing of it", 2).await;
    turn(&store, "c", "one", "no ferry\ntoday", 3).await;
    store.title_session(&key("one"), Some("travel")).await.unwrap();
    let page = store.search("FERRY", None, 10).unwrap();
    let one = key("one").to_string();
    assert_eq!(places(&page), [(one.clone(), 4, "assistant"), (one.clone(), 2, "assistant")]);
    assert_eq!((page.found[0].excerpt.as_str(), page.found[0].title.as_deref()), ("no ferry today", Some("travel")));
    assert_eq!((page.scanned, page.next), (6, None));
    assert_eq!(places(&store.search("ærØ", None, 10).unwrap()), [(one, 2, "assistant")]);
    assert_eq!(store.search("hello from b", None, 10).unwrap().found[0].role, "user");
    assert!(store.search("zeppelin", None, 10).unwrap().found.is_empty());
}

#[tokio::test]
async fn a_search_goes_on_where_it_stopped() {
    let (_home, store) = store();
    for n in 0..12 {
        turn(&store, &format!("r{n}"), &format!("s{}", n % 3), "ferry", n).await;
    }
    let all = places(&store.search("ferry", None, 100).unwrap());
    assert_eq!(all.len(), 12);
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.search("ferry", cursor.as_ref(), 5).unwrap();
        found.extend(places(&page));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(found, all);
    assert!("1:2".parse::<SearchCursor>().is_err());
}

#[tokio::test]
async fn one_call_looks_at_a_bounded_number_of_messages() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let many = |_| said("x");
    for _ in 0..3 {
        store
            .record(&run("a"), Record { entries: (0..10_000).map(many).collect(), ..Record::default() }, at(1))
            .await
            .unwrap();
    }
    let page = store.search("hello", None, 10).unwrap();
    assert_eq!((page.found.len(), page.scanned), (0, SCANNED));
    let page = store.search("hello", page.next.as_ref(), 10).unwrap();
    assert_eq!((page.found.len(), page.scanned, page.next), (1, 30_001 - SCANNED, None));
}

#[test]
fn an_excerpt_has_what_stands_around_on_one_line() {
    let long = format!("{} needle\n{}", "a ".repeat(200), "b ".repeat(200));
    let excerpt = excerpt(&long, "needle").unwrap();
    assert!(excerpt.starts_with("a a ") && excerpt.contains(" a needle b ") && excerpt.len() < 140, "{excerpt}");
    assert_eq!(super::excerpt("İstanbul", "stanbul").as_deref(), Some("İstanbul"));
}
