use claw_core::inbound::Inbound;
use claw_core::message::Message;

use crate::fixture::*;
use crate::{Point, Store};

async fn show(store: &Store, id: &str, session: &str, images: &[u8]) {
    let images = images.iter().map(|byte| image(*byte)).collect();
    store.accept(Inbound { images, ..inbound_to(id, session) }, at(1)).await.unwrap();
}

async fn answer(store: &Store, id: &str) {
    let end = crate::Record { end: done(), ..entries([said("a cat")]) };
    store.record(&run(id), end, at(2)).await.unwrap();
}

fn named(store: &Store) -> Vec<u8> {
    store.named_blobs().unwrap().into_iter().map(|digest| digest.0[0]).collect()
}

#[tokio::test]
async fn images_are_named_from_the_acceptance_on_and_stand_in_the_log() {
    let (home, store) = store();
    show(&store, "a", "main", &[1, 2]).await;
    assert_eq!(named(&store), [1, 2]);
    let store = reopen(&home, store);
    assert_eq!(store.run(&run("a")).unwrap().unwrap().images, [image(1), image(2)]);
    let pending = store.history(&key("main"), None, newest(9)).unwrap().pending;
    assert_eq!(pending[0].inbound.images, [image(1), image(2)]);
    answer(&store, "a").await;
    let store = reopen(&home, store);
    let log = store.transcript(&key("main")).unwrap();
    assert_eq!(log[0].message, Message::User { text: "hello from a".to_owned(), images: vec![image(1), image(2)] });
    assert_eq!(named(&store), [1, 2]);
    assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_joins_brings_its_images() {
    let (_home, store) = store();
    show(&store, "a", "main", &[1]).await;
    show(&store, "b", "main", &[2]).await;
    let record = crate::Record { joins: vec![run("b")], ..crate::Record::default() };
    store.record(&run("a"), record, at(2)).await.unwrap();
    let log = store.transcript(&key("main")).unwrap();
    let images: Vec<_> = log.iter().map(|entry| entry.message.images().to_vec()).collect();
    assert_eq!(images, [vec![image(1)], vec![image(2)]]);
}

#[tokio::test]
async fn who_deletes_a_conversation_frees_its_images_but_not_those_of_others_nor_of_copies() {
    let (_home, store) = store();
    show(&store, "a", "main", &[1, 2]).await;
    answer(&store, "a").await;
    show(&store, "b", "main-2", &[2, 3]).await;
    answer(&store, "b").await;
    store.fork(&key("main"), Point::End, &key("copy"), "id".to_owned(), at(3)).await.unwrap();
    // What was left behind can be taken up again.
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    assert_eq!(named(&store), [1, 2, 3]);
    store.delete_session(&key("main"), "cli", at(4)).await.unwrap();
    assert_eq!(named(&store), [1, 2, 3]);
    store.delete_session(&key("copy"), "cli", at(5)).await.unwrap();
    assert_eq!(named(&store), [2, 3]);
    store.delete_session(&key("main-2"), "cli", at(6)).await.unwrap();
    assert_eq!(named(&store), Vec::<u8>::new());
}

#[tokio::test]
async fn a_copy_up_to_before_an_image_does_not_name_it() {
    let (_home, store) = store();
    show(&store, "a", "main", &[1]).await;
    answer(&store, "a").await;
    show(&store, "b", "main", &[2]).await;
    answer(&store, "b").await;
    store.fork(&key("main"), Point::Turns(1), &key("copy"), "id".to_owned(), at(3)).await.unwrap();
    store.delete_session(&key("main"), "cli", at(4)).await.unwrap();
    assert_eq!(named(&store), [1]);
}
