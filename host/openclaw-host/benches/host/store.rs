//! The store: what a durable append costs beside a file's own, and that nothing grows with what is kept.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use claw_core::event::RunEnd;
use claw_core::id::{AgentId, RunId, SessionKey, Timestamp};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::message::{Message, Usage};
use claw_store::{AuditKey, Page, PageEnd, Record, SessionQuery, Store};
use tokio::task::JoinSet;

use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::{folder, runtime};

/// Appends that are timed with each number of writers.
const APPENDS: usize = 12_800;
const WRITERS: [usize; 3] = [1, 8, 64];
/// Entries of all conversations together. Most have ten, one a hundredth of all but no fewer than `LONG`.
const SIZES: [(&str, usize); 3] = [("1e3", 1_000), ("1e5", 100_000), ("1e6", 1_000_000)];
const ENTRIES_EACH: u64 = 10;
const LONG: u64 = 100;
const TEXT: &str = "The weather in the harbour will be fair, with a light wind from the west until the evening. ";

pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let baseline = fsyncs(report.times(2_000))?;
    report.add(Row::time("store.fsync", &baseline));
    for writers in WRITERS {
        let appends = report.times(APPENDS).max(writers);
        runtime.block_on(by_writers(report, writers, appends, &baseline))?;
    }
    let mut first = None;
    for (name, entries) in SIZES {
        let home = folder()?;
        let path = home.path().join("host.redb");
        // A quick run still has more than the long conversation.
        runtime.block_on(fill(&path, (report.times(entries) as u64).max(2 * LONG)))?;
        let times = runtime.block_on(operations(report, &path))?;
        let smallest: &Vec<_> = first.get_or_insert_with(|| times.clone());
        for ((operation, samples), (_, smallest)) in times.iter().zip(smallest) {
            report.add(Row::time(format!("store.{operation}.{name}"), samples).against("1e3", smallest));
        }
        let bytes = std::fs::metadata(&path)?.len();
        report.add(Row::memory(format!("store.file.{name}"), bytes / 1024));
    }
    Ok(())
}

/// What a program pays that appends to a file and waits for the disk.
fn fsyncs(count: usize) -> Result<Samples> {
    let home = folder()?;
    let mut file = File::create(home.path().join("log"))?;
    // As long as it gets, so that only what was written has to reach the disk.
    file.write_all(&vec![0; (count + 10) * 256])?;
    file.sync_all()?;
    let mut place = 0;
    Samples::of(10, count, || {
        file.write_all_at(&[b'x'; 256], place)?;
        place += 256;
        file.sync_data().context("the file cannot be written")
    })
}

async fn by_writers(report: &mut Report, writers: usize, appends: usize, baseline: &Samples) -> Result<()> {
    let home = folder()?;
    let store = open(&home.path().join("host.redb"))?;
    for writer in 0..writers {
        store.accept(inbound(writer as u64, &format!("w{writer}"))?, Timestamp(1)).await?;
    }
    let watch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let store = store.clone();
        tasks.spawn(async move { append(&store, writer as u64, appends / writers).await });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let took = watch.elapsed();
    let samples = Samples::new(times);
    let row = Row::time(format!("store.append.by_{writers}"), &samples).rate_of(&samples, took);
    let row = row.rate_against_each(&samples, took, "fsync", baseline);
    report.add(if writers == 64 { row.aim("≥ 15× one fsync each") } else { row });
    Ok(())
}

async fn append(store: &Store, run: u64, count: usize) -> Result<Vec<std::time::Duration>> {
    let run = run_id(run)?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let record = Record { entries: vec![said()], ..Record::default() };
        let watch = Stopwatch::start();
        store.record(&run, record, Timestamp(2)).await?;
        times.push(watch.elapsed());
    }
    Ok(times)
}

/// Conversations of ten entries each, but for one that is long.
async fn fill(path: &Path, entries: u64) -> Result<()> {
    let store = open(path)?;
    let long = (entries / 100).max(LONG);
    turn(&store, 0, "long", long).await?;
    let sessions = entries.saturating_sub(long) / ENTRIES_EACH;
    let mut tasks = JoinSet::new();
    for number in 1..=sessions {
        let store = store.clone();
        tasks.spawn(async move { turn(&store, number, &format!("s{number}"), ENTRIES_EACH).await });
        if tasks.len() >= 256 {
            tasks.join_next().await.context("a task has ended")???;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    store.title_session(&key("s1")?, Some("the first one")).await?;
    store.close();
    Ok(())
}

/// A run that leaves so many entries.
async fn turn(store: &Store, number: u64, session: &str, entries: u64) -> Result<()> {
    store.accept(inbound(number, session)?, Timestamp(number + 1)).await?;
    let end = Some(RunEnd::Done { text: String::new(), usage: Usage::default() });
    let record = Record { entries: (1..entries).map(|_| said()).collect(), end, ..Record::default() };
    store.record(&run_id(number)?, record, Timestamp(number + 1)).await?;
    Ok(())
}

/// What people wait for, by name.
async fn operations(report: &Report, path: &Path) -> Result<Vec<(&'static str, Samples)>> {
    let opened = Samples::of(1, report.times(20), || open(path).map(Store::close))?;
    let store = open(path)?;
    let (long, labelled) = (key("long")?, Some("the first one".to_owned()));
    let recent = Samples::of(5, report.times(1_000), || store.sessions(&SessionQuery::default()).map(drop))?;
    let by_label = SessionQuery { title: labelled, ..SessionQuery::default() };
    let label = Samples::of(5, report.times(1_000), || {
        ensure!(store.sessions(&by_label)?.rows.len() == 1, "the label is found");
        Ok(())
    })?;
    let page = Page { end: PageEnd::Skip(5), limit: 50 };
    let history = Samples::of(5, report.times(1_000), || store.history(&long, None, page).map(drop))?;
    let search = Samples::of(1, report.times(50), || store.search("zeppelin", None, 20).map(drop))?;
    let fresh = RunId::parse("appends")?;
    let inbound = Inbound { run: fresh.clone(), ..inbound(0, "long")? };
    store.accept(inbound, Timestamp(u64::MAX / 2)).await?;
    let mut times = Vec::new();
    for _ in 0..report.times(1_000) {
        let record = Record { entries: vec![said()], ..Record::default() };
        let watch = Stopwatch::start();
        store.record(&fresh, record, Timestamp(2)).await?;
        times.push(watch.elapsed());
    }
    store.close();
    let append = Samples::new(times);
    Ok(vec![
        ("open", opened),
        ("list", recent),
        ("label", label),
        ("history", history),
        ("search_piece", search),
        ("append_to", append),
    ])
}

fn open(path: &Path) -> Result<Store> {
    Ok(Store::open(path, AuditKey::new([7; 32]))?)
}

fn said() -> Message {
    Message::Assistant { text: TEXT.repeat(2), calls: Vec::new(), replay: None }
}

fn run_id(number: u64) -> Result<RunId> {
    Ok(RunId::parse(&format!("run-{number}"))?)
}

fn key(name: &str) -> Result<SessionKey> {
    Ok(SessionKey::parse(name, &AgentId::parse("main")?)?)
}

fn inbound(number: u64, session: &str) -> Result<Inbound> {
    let source = Source { channel: "ws".to_owned(), account: "owner".to_owned() };
    Ok(Inbound {
        run: run_id(number)?,
        session: key(session)?,
        source,
        origin: Origin::Owner,
        text: TEXT.to_owned(),
        images: Vec::new(),
    })
}
