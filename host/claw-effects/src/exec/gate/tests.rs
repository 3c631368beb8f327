use std::sync::{Arc, Mutex};

use super::*;

#[tokio::test]
async fn of_a_hundred_eight_run_sixty_four_wait_in_order_and_the_rest_is_refused() {
    // EX-50
    let gate = Arc::new(ExecGate::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    let never = CancellationToken::new();
    let mut running = Vec::new();
    for _ in 0..RUNNING {
        running.push(gate.enter(&never).await.unwrap());
    }
    let waiting: Vec<_> = (0..WAITING)
        .map(|number| {
            let (gate, order, never) = (Arc::clone(&gate), Arc::clone(&order), never.clone());
            tokio::spawn(async move {
                let _pass = gate.enter(&never).await.unwrap();
                order.lock().unwrap().push(number);
            })
        })
        .collect();
    while gate.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 - RUNNING - WAITING {
        let Err(EffectError::Limit(text)) = gate.enter(&never).await else { panic!("a place too many") };
        assert!(text.starts_with("E_BUSY: "), "{text}");
    }
    drop(running);
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..WAITING).collect::<Vec<_>>());
    assert_eq!((gate.running.available_permits(), gate.places.available_permits()), (RUNNING, RUNNING + WAITING));
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_queue() {
    let gate = ExecGate::default();
    let never = CancellationToken::new();
    let mut running = Vec::new();
    for _ in 0..RUNNING {
        running.push(gate.enter(&never).await.unwrap());
    }
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    assert_eq!(gate.enter(&cancelled).await.unwrap_err(), EffectError::Cancelled);
    assert_eq!(gate.places.available_permits(), WAITING);
}
