//! Hostile files at install: each is refused, and nothing else waits for it.

use claw_sandbox::{Component, Refusal, SandboxError, Wasm};

use super::*;
use crate::wasm::{number, section};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A component with one module of this many functions, each of this body, that claims to offer tools.
fn functions(count: usize, body: &[u8]) -> Vec<u8> {
    let body = [number(body.len()), body.to_vec()].concat();
    let module = [
        MODULE,
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[number(count), vec![0; count]].concat()),
        &section(10, &[number(count), body.repeat(count)].concat()),
    ];
    let guest = "openclaw:tool/guest@0.1.0";
    let export = [&[1, 0x00][..], &number(guest.len()), guest.as_bytes(), &[0x05, 0, 0]].concat();
    [COMPONENT, &section(1, &module.concat()), &section(5, &[1, 0x01, 0]), &section(11, &export)].concat()
}

impl Lab {
    async fn install_bytes(&self, wasm: Vec<u8>) -> Result<Component, SandboxError> {
        let installed = self.sandbox.install(name("hostile"), Wasm::new(wasm.into()));
        tokio::time::timeout(PATIENCE, installed).await.expect("it is decided in time")
    }

    async fn refused(&self, wasm: Vec<u8>) -> Refusal {
        match self.install_bytes(wasm).await {
            Err(SandboxError::Refused { why, .. }) => why,
            other => panic!("it was to be refused: {other:?}"),
        }
    }
}

// RS-19
#[tokio::test]
async fn hostile_files_are_refused_with_their_codes() {
    let lab = Lab::with_defaults();
    let empty = [0, 0x0b];
    assert_eq!(lab.refused(vec![0; 100_000_000]).await.code(), "E_PKG_SIZE");
    assert_eq!(lab.refused(MODULE.to_vec()).await, Refusal::CoreModule { wasi_p1: false });
    assert_eq!(lab.refused(functions(1_000_000, &empty)).await.code(), "E_PKG_LIMIT");
    let nested = [vec![0], [0x02, 0x40].repeat(100_000), vec![0x0b; 100_001]].concat();
    assert_eq!(lab.refused(functions(1, &nested)).await.code(), "E_PKG_LIMIT");
    let table = [vec![0, 0x41, 0, 0x0e], number(1_000_000), vec![0; 1_000_001], vec![0x0b]].concat();
    assert_eq!(lab.refused(functions(1, &table)).await.code(), "E_PKG_LIMIT");
    let cut = functions(10, &empty);
    assert_eq!(lab.refused(cut[..cut.len() / 2].to_vec()).await.code(), "E_PKG_FORMAT");
    // A feature that guests may not use: a memory with 64-bit addresses.
    let memory64 = [MODULE, &section(5, &[1, 4, 1])].concat();
    let mut wasm = functions(0, &empty);
    wasm.splice(8..8, section(1, &memory64));
    let why = lab.refused(wasm).await;
    assert!(matches!(&why, Refusal::Invalid(text) if text.contains("memory")), "{why:?}");
}

// RS-19
#[tokio::test]
async fn calls_go_on_while_a_heavy_component_is_compiled() {
    let lab = Lab::with_defaults();
    let probe = lab.install("probe").await;
    // 50,000 locals, all of them live over a loop's edge as far as the compiler knows at first.
    let locals = [vec![1], number(50_000), vec![0x7f, 0x0b]].concat();
    let mut heavy = std::pin::pin!(lab.install_bytes(functions(400, &locals)));
    let mut calls = 0;
    let installed = loop {
        tokio::select! {
            biased;
            installed = &mut heavy => break installed,
            outcome = lab.call(&probe, "probe", NOTHING, CallLimits::default()) => {
                assert!(outcome.is_done(), "{}", outcome.text());
                calls += 1;
            }
        }
    };
    assert!(calls > 10, "only {calls} calls while it was compiled");
    // It compiled, and was then found to offer nothing; or it cost too much.
    let refused = matches!(&installed, Err(SandboxError::Start { .. } | SandboxError::Refused { .. }));
    assert!(refused, "{installed:?}");
}

#[tokio::test]
async fn a_compilation_ends_with_the_host() {
    let lab = Lab::with_defaults();
    let heavy = functions(150_000, &[0, 0x0b]);
    let (installed, ()) = tokio::join!(lab.install_bytes(heavy), lab.sandbox.stop());
    assert!(matches!(installed, Err(SandboxError::Stopping)), "{installed:?}");
}
