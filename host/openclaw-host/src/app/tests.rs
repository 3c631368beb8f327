use claw_core::id::{RunId, SessionKey};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_store::{Accepted, RunRow};
use tokio::sync::oneshot;

use super::build::Opened;
use super::*;
use crate::catalog::Catalog;
use crate::run::Coming;

/// What waits in a test, at most.
const PATIENCE: Duration = Duration::from_secs(60);

// ST-01
#[test]
fn of_two_requests_with_one_message_the_one_that_began_its_run_may_be_the_one_that_is_not_accepted() {
    fn story(mut start: Start) -> Result<(), Failure> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let opened = Opened::new(&mut start).await?;
            let app = App::of(&start, opened, Catalog::default()).await?;
            tokio::time::timeout(PATIENCE, two_requests(app)).await.expect("the message is not answered");
            Ok(())
        })
    }
    let folder = tempfile::tempdir().unwrap();
    crate::cli::tests::serving(folder.path(), story).unwrap();
}

async fn two_requests(app: App) {
    let App { host, driver, .. } = app;
    let mut events = host.events.subscribe();
    let stop = CancellationToken::new();
    let driver = tokio::spawn(Driver::new(Arc::clone(&host), driver).run(stop.clone(), CancellationToken::new()));
    let session = SessionKey::try_from("agent:main:main".to_owned()).unwrap();
    let run = RunId::parse("r1").unwrap();
    let source = Source { channel: "ws".to_owned(), account: "test".to_owned() };
    let (origin, text) = (Origin::Owner, "say hello".to_owned());
    let inbound = Inbound { run: run.clone(), session: session.clone(), source, origin, text, images: Vec::new() };
    // One lets the run begin,
    let (accepted, durable) = oneshot::channel();
    let row = RunRow::received(inbound.clone(), now());
    host.driver.send(DriverEvent::Coming(Box::new(Coming { row, durable }), None)).await.unwrap();
    // the other is accepted, and its run is there already;
    assert_eq!(host.store.accept(inbound, now()).await.unwrap(), Accepted::New);
    let arrived = DriverEvent::Arrived(session.clone(), run.clone(), queue::taken_up(), None);
    host.driver.send(arrived).await.unwrap();
    let (reply, seen) = oneshot::channel();
    host.driver.send(DriverEvent::Boundary(session, reply)).await.unwrap();
    assert!(seen.await.unwrap().is_empty());
    // then the first hears that it was not.
    drop(accepted);
    loop {
        if let HostEvent::RunEnded { run: ended, end, .. } = events.recv().await.unwrap() {
            assert_eq!(ended, run);
            assert!(matches!(&*end, RunEnd::Done { text, .. } if text == "hello"), "{end:?}");
            break;
        }
    }
    stop.cancel();
    assert_eq!(driver.await.unwrap(), 0);
    host.sandbox.stop().await;
}
