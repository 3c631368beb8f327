use super::*;

/// A plain folder with the files that the kernel would show.
fn own(controllers: &str, processes: &str) -> tempfile::TempDir {
    let own = tempfile::tempdir().unwrap();
    fs::write(own.path().join("cgroup.controllers"), controllers).unwrap();
    fs::write(own.path().join("cgroup.procs"), processes).unwrap();
    fs::write(own.path().join("cgroup.subtree_control"), "").unwrap();
    own
}

#[track_caller]
fn check_missing(controllers: &str, processes: &str, named: &str) {
    let reason = check(own(controllers, processes).path(), 7).unwrap_err();
    assert!(reason.contains(named), "{reason}");
}

#[test]
fn a_cgroup_of_the_hosts_own_is_divided_and_any_other_is_left_alone() {
    let own = own("cpu io memory pids\n", "7\n");
    check(own.path(), 7).unwrap();
    let programs = prepare(own.path(), 7).unwrap();
    assert_eq!(programs, own.path().join("programs"));
    assert_eq!(fs::read_to_string(own.path().join("host/cgroup.procs")).unwrap(), "7");
    assert_eq!(fs::read_to_string(programs.join("cpu.weight")).unwrap(), "20");
    check_missing("cpu memory\n", "7\n", "`pids`");
    check_missing("", "7\n", "`memory`");
    check_missing("memory pids\n", "7\n8\n", "other processes");
    let mount = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0";
    assert_eq!(cgroup2_mount(mount), Some("/sys/fs/cgroup"));
    assert_eq!(cgroup2_mount("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0"), None);
}

#[test]
fn what_is_missing_is_said() {
    match cgroups() {
        CgroupState::Available => {}
        CgroupState::Missing { reason } => assert!(reason.contains(": "), "{reason}"),
    }
}
