//! The report: rows as they come on standard output, all of them in a file at the end.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::samples::Samples;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Enough for figures that can be shown.
    Full,
    /// A twentieth of it: shows that everything still runs.
    Quick,
}

/// All rows of one run.
pub struct Report {
    effort: Effort,
    tree: Map<String, Value>,
    section: String,
}

/// One figure with what it is compared with.
pub struct Row {
    path: String,
    shown: String,
    fields: Map<String, Value>,
    p50_us: f64,
    p99_us: f64,
    notes: Vec<String>,
}

impl Report {
    /// Starts with what the figures depend on.
    pub fn begin(effort: Effort) -> Report {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = json!({ "cpu": cpu(), "cores": cores, "kernel": kernel() });
        println!("machine: {}, {cores} cores, Linux {}", cpu(), kernel());
        let mut tree = Map::from_iter([("machine".to_owned(), machine)]);
        if effort == Effort::Quick {
            println!("a quick run: too few samples for figures");
            tree.insert("quick".to_owned(), json!(true));
        }
        Report { effort, tree, section: String::new() }
    }

    /// How often this run does what a full one does `full` times; at least once.
    pub fn times(&self, full: usize) -> usize {
        match self.effort {
            Effort::Full => full,
            Effort::Quick => full.div_ceil(20),
        }
    }

    /// Prints a row and keeps it.
    pub fn add(&mut self, row: Row) {
        let (section, name) = row.path.split_once('.').unwrap_or((&row.path, ""));
        if section != self.section {
            println!("\n{section:<34} {:>12} {:>12}", "p50", "p99");
            section.clone_into(&mut self.section);
        }
        println!("  {name:<32} {}  {}", row.shown, row.notes.join("; "));
        let mut place = &mut self.tree;
        for part in row.path.split('.') {
            let next = place.entry(part).or_insert_with(|| json!({}));
            place = next.as_object_mut().expect("report: every place is an object");
        }
        place.extend(row.fields);
    }

    /// Writes `target/bench/report.json`.
    pub fn write(self) -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let path = folder.canonicalize()?.join("report.json");
        fs::write(&path, serde_json::to_string_pretty(&self.tree)? + "\n")
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        println!("\nwritten to {}", path.display());
        Ok(())
    }
}

impl Row {
    /// A time; `path` is its place in the report, e.g. `call.clock.sandboxed`.
    pub fn time(path: impl Into<String>, samples: &Samples) -> Row {
        let (p50, p99) = (micros(samples.p50()), micros(samples.p99()));
        let fields = json!({ "p50_us": round(p50), "p99_us": round(p99), "samples": samples.len() });
        let shown = format!("{:>12} {:>12}", time(p50), time(p99));
        Row { p99_us: p99, ..Row::new(path.into(), shown, fields, p50) }
    }

    /// A difference of two medians.
    pub fn added(path: impl Into<String>, median: f64) -> Row {
        let shown = format!("{:>12} {:>12}", time(median), "");
        Row::new(path.into(), shown, json!({ "p50_us": round(median) }), median).note("a difference of medians")
    }

    /// An average.
    pub fn mean(path: impl Into<String>, mean: f64) -> Row {
        let shown = format!("{:>12} {:>12}", time(mean), "");
        Row::new(path.into(), shown, json!({ "mean_us": round(mean) }), mean)
    }

    /// Memory, from KiB.
    pub fn memory(path: impl Into<String>, kib: u64) -> Row {
        #[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^53")]
        let mib = kib as f64 / 1024.0;
        let shown = format!("{:>12} {:>12}", format!("{mib:.1} MiB"), "");
        Row::new(path.into(), shown, json!({ "kib": kib }), 0.0)
    }

    /// A number of things.
    pub fn count(path: impl Into<String>, count: u64) -> Row {
        Row::new(path.into(), format!("{count:>12} {:>12}", ""), json!({ "count": count }), 0.0)
    }

    /// What cannot be measured here, and why.
    pub fn absent(path: impl Into<String>, why: impl Into<String>) -> Row {
        let why = why.into();
        let fields = json!({ "absent": why });
        Row::new(path.into(), format!("{:>12} {:>12}", "-", "-"), fields, 0.0).note(why)
    }

    fn new(path: String, shown: String, fields: Value, p50_us: f64) -> Row {
        let Value::Object(fields) = fields else { unreachable!("report: fields are an object") };
        Row { path, shown, fields, p50_us, p99_us: 0.0, notes: Vec::new() }
    }

    /// Adds the ratio of the medians: `ratio_to_<baseline>`.
    #[must_use]
    pub fn against(mut self, baseline: &str, samples: &Samples) -> Row {
        let ratio = self.p50_us / micros(samples.p50());
        let shown = if ratio >= 0.1 {
            format!("{ratio:.2}× {baseline}")
        } else {
            format!("1/{:.0} of {baseline}", 1.0 / ratio)
        };
        self.notes.push(shown);
        self.fields.insert(format!("ratio_to_{baseline}"), json!((ratio * 1000.0).round() / 1000.0));
        self
    }

    /// Adds the ratio of the 99th percentiles: `p99_ratio_to_<baseline>`.
    #[must_use]
    pub fn p99_against(mut self, baseline: &str, samples: &Samples) -> Row {
        let ratio = self.p99_us / micros(samples.p99());
        self.fields.insert(format!("p99_ratio_to_{baseline}"), json!((ratio * 1000.0).round() / 1000.0));
        self.note(format!("p99 {ratio:.2}× that of {baseline}"))
    }

    /// Adds the median rate at which `bytes` went through, and its ratio to that of the baseline:
    /// `rate_ratio_to_<baseline>`.
    #[must_use]
    pub fn rate_against(mut self, bytes: usize, baseline: &str, samples: &Samples) -> Row {
        let ratio = micros(samples.p50()) / self.p50_us;
        self.fields.insert(format!("rate_ratio_to_{baseline}"), json!((ratio * 1000.0).round() / 1000.0));
        self.rate(bytes).note(format!("{ratio:.2}× the rate of {baseline}"))
    }

    /// Adds the median rate at which `bytes` went through.
    #[must_use]
    pub fn rate(mut self, bytes: usize) -> Row {
        #[expect(clippy::cast_precision_loss, reason = "body sizes are far below 2^53")]
        let mib_per_second = bytes as f64 / f64::from(1 << 20) / (self.p50_us / 1e6);
        self.fields.insert("mib_per_second".to_owned(), json!(mib_per_second.round()));
        self.note(format!("{mib_per_second:.0} MiB/s"))
    }

    /// Adds how many there are in a second, if all of them together took so long.
    #[must_use]
    pub fn rate_of(mut self, samples: &Samples, took: std::time::Duration) -> Row {
        let rate = samples.len() as f64 / took.as_secs_f64();
        self.fields.insert("per_second".to_owned(), json!(rate.round()));
        self.note(format!("{rate:.0}/s"))
    }

    /// Adds how many times as many there are in a second as of the baseline, one after the other:
    /// `rate_ratio_to_<baseline>`.
    #[must_use]
    pub fn rate_against_each(
        mut self,
        samples: &Samples,
        took: std::time::Duration,
        baseline: &str,
        each: &Samples,
    ) -> Row {
        let ratio = samples.len() as f64 / took.as_secs_f64() * each.p50().as_secs_f64();
        self.fields.insert(format!("rate_ratio_to_{baseline}"), json!((ratio * 1000.0).round() / 1000.0));
        self.note(format!("{ratio:.1}× one {baseline} each"))
    }

    /// Adds what it should be.
    #[must_use]
    pub fn aim(mut self, aim: &str) -> Row {
        self.fields.insert("aim".to_owned(), json!(aim));
        self.note(format!("aim: {aim}"))
    }

    fn note(mut self, note: impl Into<String>) -> Row {
        self.notes.push(note.into());
        self
    }
}

/// A duration in microseconds.
pub fn micros(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn round(micros: f64) -> f64 {
    (micros * 10.0).round() / 10.0
}

fn time(micros: f64) -> String {
    match micros {
        _ if micros.abs() < 1000.0 => format!("{micros:.1} µs"),
        _ => format!("{:.2} ms", micros / 1000.0),
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
