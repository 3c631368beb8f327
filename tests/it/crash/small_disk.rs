//! A home on a disk of its own that is too small.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::host::{Home, PROGRAM};

/// What lies on the disk beside the home and can be removed to make room, in KiB.
const BALLAST: u64 = 8 << 10;

/// A host whose home is a tmpfs of the home's size, the ballast and as many KiB more. What is written into the pipe
/// `free` of the outer folder removes the ballast, and `freed` tells when that is done.
fn home(more: u64, outer: &std::path::Path) -> Home {
    let home = Home::new();
    // The token is made outside, where the test sees it, too.
    drop(home.start());
    let script = format!(
        "#!/bin/sh\nset -e\nhome={home} outer={outer}\n\
         exec unshare --map-root-user --mount sh -ec '\n\
         home=$1; outer=$2; shift 2\n\
         cp -a \"$home/.\" \"$outer/copy\"\n\
         mount -t tmpfs -o mode=700,size=$(($(du -sk \"$outer/copy\" | cut -f1) + {BALLAST} + {more}))k tmpfs \"$home\"\n\
         cp -a \"$outer/copy/.\" \"$home\"\n\
         dd if=/dev/zero of=\"$home/ballast\" bs=1k count={BALLAST} 2>/dev/null\n\
         (read word <\"$outer/free\"; rm \"$home/ballast\"; echo done >\"$outer/freed\") &\n\
         exec {PROGRAM} \"$@\"\n' sh \"$home\" \"$outer\" \"$@\"\n",
        home = home.path().display(),
        outer = outer.display(),
    );
    std::fs::create_dir(outer.join("copy")).unwrap();
    for pipe in ["free", "freed"] {
        let path = std::ffi::CString::new(outer.join(pipe).to_str().unwrap()).unwrap();
        // SAFETY: a path of this process's own, ended by a zero.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }
    let program = outer.join("host");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    home.program(program)
}

// ST-04
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_no_message_that_it_could_lose_and_goes_on_once_there_is_room() {
    let outer = tempfile::Builder::new().prefix("openclaw-host-test-").tempdir().unwrap();
    let home = home(4 << 10, outer.path());
    let running = home.start();
    let mut client = running.connect().await;
    let mut text = String::from("say ");
    for word in 0..20_000 {
        write!(text, "{word:x} ").unwrap();
    }
    let mut taken = Vec::new();
    let refused = loop {
        let run = format!("r{}", taken.len());
        let params = json!({"sessionKey": &run, "message": text, "idempotencyKey": run});
        match client.call("chat.send", params).await {
            Ok(_) => taken.push(run),
            Err(refused) => break refused,
        }
        assert!(taken.len() < 1000, "the disk has no end");
    };
    assert!(!taken.is_empty() && refused.to_string().contains("is full"), "{refused}");
    let outer = outer.path().to_owned();
    let freed = tokio::task::spawn_blocking(move || {
        std::fs::write(outer.join("free"), "now\n").unwrap();
        std::fs::read_to_string(outer.join("freed")).unwrap()
    });
    assert_eq!(freed.await.unwrap(), "done\n");
    // Without a new start: what was refused is taken now, and all that was taken before is there.
    client.ask_in("after", "after", "say hi").await;
    for run in taken {
        // One whose end found no room goes on when its message comes again.
        let params = json!({"sessionKey": &run, "message": text, "idempotencyKey": run});
        client.call("chat.send", params).await.unwrap();
        let ended = client.call("agent.wait", json!({"runId": run, "timeoutMs": 60_000})).await.unwrap();
        assert_eq!(ended["status"], "ok", "{run}");
    }
}
