use super::*;

fn find(list: &'static [Limit], name: &str) -> &'static Limit {
    list.iter().find(|limit| limit.name == name).unwrap_or_else(|| panic!("no limit `{name}`"))
}

#[test]
fn the_inventory_says_what_the_defaults_are() {
    let (limits, list) = (CallLimits::default(), CallLimits::inventory());
    let settable: Vec<_> = list.iter().filter_map(|limit| Some((limit.setting?, limit.default))).collect();
    let expected = [
        ("memoryMiB", limits.memory_bytes >> 20),
        ("callSeconds", limits.wall_ms / 1000),
        ("cpuSeconds", limits.cpu_ms / 1000),
        ("effects", limits.effects.into()),
        ("handles", limits.handles.into()),
        ("logLines", limits.log_lines.into()),
    ];
    assert_eq!(settable, expected);
    let (worker, list) = (WorkerLimits::default(), WorkerLimits::inventory());
    let expected = [
        ("calls at the same time", u64::from(worker.concurrency)),
        ("memory of the process", worker.data_mib),
        ("open files of the process", worker.descriptors),
        ("idle time", worker.idle.as_secs()),
        ("calls in its life", worker.calls),
        ("memory kept while idle", worker.keep_mib),
    ];
    for (name, value) in expected {
        assert_eq!(find(list, name).default, value, "{name}");
    }
}

#[test]
fn the_most_that_can_be_set_is_what_the_clamp_gives() {
    let most = CallLimits {
        memory_bytes: u64::MAX,
        wall_ms: u64::MAX,
        cpu_ms: u64::MAX,
        effects: u32::MAX,
        handles: u32::MAX,
        log_lines: u32::MAX,
    };
    let most = most.clamped();
    let list = CallLimits::inventory();
    assert_eq!(find(list, "memory").max, most.memory_bytes >> 20);
    assert_eq!(find(list, "time").max, most.wall_ms / 1000);
    assert_eq!(find(list, "processor time").max, most.cpu_ms / 1000);
    assert_eq!(find(list, "effects").max, u64::from(most.effects));
    assert_eq!(find(list, "handles").max, u64::from(most.handles));
    assert_eq!(find(list, "log lines").max, u64::from(most.log_lines));
    assert_eq!(CallLimits::default().clamped(), CallLimits::default());
}

#[test]
fn the_documentation_lists_exactly_the_inventory() {
    let document = include_str!("../../../../docs/sandbox.md");
    let row = |limit: &Limit| {
        let setting = limit.setting.map(|setting| format!("`{setting}`")).unwrap_or_default();
        let max = limit.max_text().unwrap_or_default();
        format!("| {} | {} | {max} | {setting} | {} |\n", limit.name, limit.default_text(), limit.why)
    };
    for list in [CallLimits::inventory(), WorkerLimits::inventory()] {
        let table: String = list.iter().map(row).collect();
        assert!(document.contains(&table), "docs/sandbox.md needs this table:\n{table}");
    }
}
