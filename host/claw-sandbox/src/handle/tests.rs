use super::*;

/// The host's side of a worker, and the other end of its socket.
pub(crate) fn worker(limits: WorkerLimits) -> (Worker, StdStream) {
    let (ours, theirs) = StdStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (_, writer) = socket::split(ours.into()).unwrap();
    let worker = Worker {
        socket: tokio::sync::Mutex::new(writer),
        calls: Mutex::default(),
        next: AtomicU64::new(1),
        limits,
        record: Arc::default(),
        room: Arc::new(Semaphore::new(HELD_BYTES)),
        end: tokio_util::sync::CancellationToken::new(),
    };
    (worker, theirs)
}

#[tokio::test]
async fn a_worker_takes_no_call_beyond_its_last_and_ends_when_the_running_ones_have() {
    let (worker, _socket) = worker(WorkerLimits { calls: 2, ..WorkerLimits::default() });
    let (first, _signals) = worker.register().expect("the first call");
    let (second, _signals) = worker.register().expect("the last call");
    assert!(worker.register().is_none());
    assert!(worker.is_closed() && !worker.end.is_cancelled(), "two calls still run");
    worker.forget(first);
    assert!(!worker.end.is_cancelled());
    worker.forget(second);
    assert!(worker.end.is_cancelled());
}

#[tokio::test]
async fn a_worker_ends_when_it_is_idle_for_long_or_has_kept_much_memory() {
    let process = Some(std::process::id());
    assert!(private_mib(std::process::id()).is_some(), "the kernel says how much it is");
    let limits = WorkerLimits { idle: Duration::from_secs(60), keep_mib: u64::MAX, ..WorkerLimits::default() };
    let (small, _socket) = worker(limits);
    assert!(!small.close_if_idle(Duration::from_secs(59), process));
    assert!(small.close_if_idle(Duration::from_secs(60), process));
    let ballast = vec![1_u8; 8 << 20];
    let (large, _socket) = worker(WorkerLimits { keep_mib: 4, ..limits });
    let (id, _signals) = large.register().unwrap();
    assert!(!large.close_if_idle(Duration::ZERO, process), "a call runs");
    large.forget(id);
    assert!(large.close_if_idle(Duration::ZERO, process));
    assert_eq!(std::hint::black_box(ballast)[0], 1);
}
