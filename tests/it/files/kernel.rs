//! The same with WebAssembly switched off: what the kernel's wall holds alone.

use super::*;
use crate::host::weakened;

// P7, FS-02, FS-04, FS-10, FS-12
#[tokio::test]
async fn without_webassembly_the_kernel_keeps_the_granted_rights() {
    let site = Site::new();
    let (notes, workspace) = (site.notes(), site.home.workspace());
    let secret = site.secret().join("canary.txt");
    let token = site.home.path().join("token");
    let steps = json!([
        {"files": {"op": "read", "path": secret}},
        {"files": {"op": "read", "path": token}},
        {"files": {"op": "write", "path": notes.join("plan.md"), "text": "x"}},
        {"files": {"op": "write", "path": notes.join("new.md"), "text": "x"}},
        {"files": {"op": "append", "path": notes.join("plan.md"), "text": "x"}},
        {"files": {"op": "set_len", "path": notes.join("plan.md"), "len": 0}},
        {"files": {"op": "remove_file", "path": notes.join("plan.md")}},
        {"files": {"op": "create_dir", "path": notes.join("new")}},
        {"files": {"op": "rename", "from": notes.join("plan.md"), "to": workspace.join("x")}},
        {"files": {"op": "hard_link", "from": notes.join("plan.md"), "to": workspace.join("x")}},
        {"files": {"op": "hard_link", "from": secret, "to": workspace.join("x")}},
        {"raw": {"op": "symlink", "target": "/etc/passwd", "path": workspace.join("l")}},
        {"raw": {"op": "set_times", "path": notes.join("plan.md"), "seconds": 1, "nanoseconds": 0}},
        {"raw": {"op": "set_times", "path": secret, "seconds": 1, "nanoseconds": 0}},
    ]);
    let site = Site { home: site.home.program(weakened()).env("OPENCLAW_TEST_ONLY_WALL", "os"), ..site };
    check_refused(&steps, &site.probe(steps.clone()).await, "");
    site.check_untouched();
    assert_eq!(std::fs::read_dir(site.home.workspace()).unwrap().count(), 1);
    // The control: what is granted does work natively.
    let granted = json!([
        {"files": {"op": "read", "path": site.notes().join("plan.md")}},
        {"files": {"op": "append", "path": site.home.workspace().join("kept.md"), "text": " and eggs"}},
    ]);
    check_done(&site.probe(granted).await);
}
