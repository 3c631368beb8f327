//! How long a program's start takes: `cargo test --release -p claw-effects --test exec -- measure`.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ground::{self, Ground};

/// Prints the median and the worst time from the call to the end of `true`, decision and plan not included.
pub fn measure() {
    let ground = Ground::new();
    let plan = ground.plan(&["true"]);
    let never = CancellationToken::new();
    let mut times = ground::block_on(async {
        let mut times = Vec::new();
        for _ in 0..100 {
            let permit = ground::permit(plan.clone());
            let begun = Instant::now();
            claw_effects::run_exec(permit, &ground.paths, &never).await.unwrap();
            times.push(begun.elapsed());
        }
        times
    });
    times.sort();
    println!("spawn to exit of `true`: median {:?}, worst {:?}", times[50], times[99]);
}
