use super::*;
use crate::fixture::*;

fn command(id: &str, session: &str) -> CommandRow {
    let source = Source { channel: "ws".to_owned(), account: "default".to_owned() };
    let (text, changes) = ("/undo".to_owned(), true);
    CommandRow { run: run(id), session: key(session), source, chat: None, text, changes, at: at(1), answer: None }
}

#[tokio::test]
async fn a_command_is_new_once_and_has_one_answer() {
    let (_home, store) = store();
    let undo = command("c1", "main");
    assert_eq!(store.begin_command(undo.clone()).await.unwrap(), Begun::New);
    assert_eq!(store.begin_command(undo.clone()).await.unwrap(), Begun::Open);
    assert_eq!(store.open_commands().unwrap(), std::slice::from_ref(&undo));
    store.end_command(undo.clone(), "done".to_owned(), Vec::new(), at(2)).await.unwrap();
    assert_eq!(store.begin_command(undo).await.unwrap(), Begun::Answered("done".to_owned()));
    assert_eq!(store.open_commands().unwrap(), []);
    // An id of a message is none of a command.
    store.accept(inbound_to("r1", "main"), at(3)).await.unwrap();
    assert!(matches!(store.begin_command(command("r1", "main")).await, Err(StoreError::RunTaken { .. })));
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn commands_are_forgotten_with_time_and_with_their_conversation() {
    let (_home, store) = store();
    for (id, session) in [("c1", "main"), ("c2", "main"), ("c3", "agent:main:side")] {
        store.begin_command(command(id, session)).await.unwrap();
    }
    store.end_command(command("c1", "main"), "done".to_owned(), Vec::new(), at(2)).await.unwrap();
    assert_eq!(store.forget_commands(at(1), Vec::new()).await.unwrap(), 0, "not yet");
    // What is open stays until it has an answer.
    assert_eq!(store.forget_commands(at(9), Vec::new()).await.unwrap(), 1);
    store.accept(inbound_to("r1", "agent:main:side"), at(3)).await.unwrap();
    store.record(&run("r1"), crate::Record { end: done(), ..crate::Record::default() }, at(4)).await.unwrap();
    store.delete_session(&key("agent:main:side"), "cli", at(5)).await.unwrap();
    let left: Vec<_> = store.open_commands().unwrap().into_iter().map(|row| row.run).collect();
    assert_eq!(left, [run("c2")]);
}
