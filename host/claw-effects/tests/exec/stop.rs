//! A stop: somebody waits for the end of a program.

use std::time::Duration;

use claw_core::effect::ExecEnd;
use claw_effects::run_exec;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cases::cases;
use crate::ground::{Ground, block_on, ends_within, permit, processes};

pub const ALL: &[(&str, fn())] = cases![who_stops_a_stubborn_program_waits_less_than_a_program_may_take_otherwise];

fn who_stops_a_stubborn_program_waits_less_than_a_program_may_take_otherwise() {
    // Both are told at the same moment, and the one that is given its time lives several times as long. A machine that
    // does something else in between may spoil that, but hardly each time.
    let outlives = (0..5).any(|_| {
        let ground = Ground::new();
        let pipes = ["first", "second"].map(|name| ground.pipe(name));
        let [first, second] = [0, 1].map(|at| permit(ground.probe(&["stay", pipes[at].to_str().unwrap()])));
        let (never, cancel) = (CancellationToken::new(), CancellationToken::new());
        block_on(async {
            let mut other = Box::pin(run_exec(first, &ground.paths, &never));
            let mut stopped = Box::pin(run_exec(second, &ground.paths, &cancel));
            let found = tokio::task::spawn_blocking(move || pipes.map(|pipe| processes(&pipe)));
            let [living, dead] = tokio::select! {
                found = found => found.unwrap(),
                exit = &mut other => panic!("{exit:?}"),
                exit = &mut stopped => panic!("{exit:?}"),
            };
            let told = Instant::now();
            drop(other);
            cancel.cancel();
            assert_eq!(stopped.await.unwrap().ended, ExecEnd::Cancelled);
            let waited = told.elapsed();
            assert!(ends_within(&dead[0], Duration::ZERO));
            assert!(ends_within(&living[0], Duration::from_secs(5)));
            waited * 3 < told.elapsed()
        })
    });
    assert!(outlives);
}
