use super::*;

#[test]
fn a_cgroup_has_its_limits_and_tells_why_its_program_was_killed() {
    // EX-36, EX-41: a plain folder takes the values as the kernel's would
    let parent = tempfile::tempdir().unwrap();
    let cgroup = Cgroup::create(parent.path()).unwrap();
    let value = |name: &str| fs::read_to_string(cgroup.folder.join(name)).unwrap();
    assert_eq!((value("memory.max").as_str(), value("pids.max").as_str()), ("1073741824", "256"));
    assert_eq!(value("memory.oom.group"), "1");
    assert!(value("cpu.max").ends_with(" 100000"), "{}", value("cpu.max"));
    cgroup.kill();
    assert_eq!(value("cgroup.kill"), "1");
    assert!(!cgroup.ran_out_of_memory());
    cgroup.set("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\noom_group_kill 0\n").unwrap();
    assert!(!cgroup.ran_out_of_memory());
    cgroup.set("memory.events", "oom 1\noom_kill 2\n").unwrap();
    assert!(cgroup.ran_out_of_memory());
}
