use claw_core::approval::{Approval, ApprovalState};
use claw_core::grant::{GrantRow, Terms};

use super::*;
use crate::fixture::*;
use crate::package::{Description, Package};

const KINDS: [FailureKind; 16] = [
    FailureKind::InvalidArguments,
    FailureKind::UnknownTool,
    FailureKind::Denied,
    FailureKind::NotFound,
    FailureKind::Deadline,
    FailureKind::MemoryLimit,
    FailureKind::Stack,
    FailureKind::HandleLimit,
    FailureKind::DataLimit,
    FailureKind::Crash,
    FailureKind::Cancelled,
    FailureKind::Busy,
    FailureKind::Loop,
    FailureKind::Unavailable,
    FailureKind::Tool,
    FailureKind::OutcomeUnknown,
];

#[test]
fn every_message_reads_back_as_it_was() {
    let answer = |outcome, outside| Message::Tool { call: call("c"), tool: tool(), outcome, outside };
    let failed = |kind| answer(ToolOutcome::failed(kind, "why"), false);
    let mut messages = vec![Message::user("é\0"), asks(&["a", "b"]), answers("a"), notice("n")];
    messages.extend(KINDS.map(failed));
    messages.push(answer(ToolOutcome::Done { text: "web".to_owned() }, true));
    messages.push(answer(ToolOutcome::failed(FailureKind::Tool, "web"), true));
    messages.push(Message::Summary { text: "before".to_owned(), kept_from: Seq(7) });
    messages.push(Message::User { text: String::new(), images: vec![image(1), image(2)] });
    messages.push(Message::Instruction { text: "note it".to_owned() });
    for message in messages {
        let entry = Entry { seq: Seq(9), at: at(1), run: run("r"), message };
        let bytes = encode(&StoredEntry::from(&entry));
        assert_eq!(decode::<StoredEntry>("k", &bytes).unwrap().entry(9), entry);
    }
}

#[test]
fn every_end_and_every_approval_reads_back_as_it_was() {
    let failed = RunEnd::Failed { kind: "auth".to_owned(), message: "no key".to_owned() };
    for end in [done().unwrap(), aborted().unwrap(), failed] {
        assert_eq!(RunEnd::from(StoredEnd::from(end.clone())), end);
    }
    let (by, at) = ("ws:owner".to_owned(), at(4));
    let given = [
        ApprovalState::Approved { by: by.clone(), at, always: Some("exec true".to_owned()) },
        ApprovalState::Denied { by, at, paused: true },
    ];
    let others = [ApprovalState::Pending, ApprovalState::Expired, ApprovalState::Used { at }, ApprovalState::Withdrawn];
    for state in given.into_iter().chain(others) {
        let approval = Approval { state, ..approval(1, "r") };
        let bytes = encode(&StoredApproval::from(approval.clone()));
        assert_eq!(Approval::from(decode::<StoredApproval>("k", &bytes).unwrap()), approval);
    }
}

#[test]
fn a_failure_kind_is_stored_by_name_so_that_its_position_may_change() {
    let bytes = encode(&StoredGrants::default());
    assert_eq!(bytes[0], StoredGrants::VERSION);
    let kind = postcard::to_stdvec(&StoredKind(FailureKind::OutcomeUnknown)).unwrap();
    assert_eq!(&kind[1..], b"outcome-unknown");
}

#[test]
fn a_row_of_an_unknown_version_names_its_kind_and_key() {
    let mut bytes = encode(&StoredGrants::default());
    bytes.truncate(bytes.len() - CHECKSUM);
    bytes[0] = 99;
    for bytes in [&bytes[..], &[], &[StoredGrants::VERSION, 0xff]] {
        let err = decode::<StoredGrants>("probe", &sealed(bytes.to_vec())).unwrap_err().to_string();
        assert!(err.contains("grants row of `probe`"), "{err}");
    }
}

#[test]
fn each_bit_of_a_row_that_has_changed_is_found() {
    let entry = Entry { seq: Seq(9), at: at(1), run: run("r"), message: said("text") };
    let bytes = encode(&StoredEntry::from(&entry));
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let err = decode::<StoredEntry>("main", &changed).unwrap_err();
        assert!(err.to_string().contains("log row of `main`"), "{err}");
    }
    assert!(decode::<StoredEntry>("main", &bytes[..3]).is_err());
}

#[test]
fn a_run_from_before_the_images_has_none() {
    let head = ("r", "agent:main:main", "ws", "owner", "owner", "hello", 7_u64, Some(1_u64), true);
    let row = (head, None::<StoredEnd>, 2_u32, at(1), Some(at(2)));
    let row: StoredRun = decode("r", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    let expected = Inbound { text: "hello".to_owned(), ..inbound("r") };
    assert_eq!((row.arrival, row.attempts, row.received_at, row.ended_at), (7, 2, at(1), Some(at(2))));
    assert_eq!(row.inbound(), expected);
}

#[test]
fn a_message_from_before_the_previews_replaces_none_and_one_from_before_the_files_is_a_text() {
    let head = (("telegram", "default", "42"), "hello", None::<&str>, None::<&str>, None::<&str>, at(1), 9_u64, at(10));
    let row = (head, 3_u64, 1_u32, StoredSending::Dead, at(2), Some("blocked"), true);
    let row: StoredOutgoing = decode("1", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    assert_eq!((row.text.as_str(), row.place, row.why.as_deref(), row.unsure), ("hello", 3, Some("blocked"), true));
    assert_eq!((&row.replaces, &row.file), (&None, &None));
    let behind = (StoredSending::Dead, at(2), Some("blocked"), true, Some("77"));
    let second = (head, 3_u64, 1_u32, behind);
    let second: StoredOutgoing = decode("1", &sealed(postcard::to_extend(&second, vec![2]).unwrap())).unwrap();
    assert_eq!(second, StoredOutgoing { replaces: Some("77".to_owned()), ..row });
    assert_eq!(decode::<StoredOutgoing>("1", &encode(&second)).unwrap(), second);
}

#[test]
fn a_session_from_before_the_labels_counts_as_having_both() {
    let row = ("id", 3_u64, at(1), at(2), 4_u64, 5_u64, "hello", Vec::<RunId>::new());
    let row: StoredSession = decode("main", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    assert_eq!((row.epoch, row.segments.len(), row.preview.as_str()), (3, 4, "hello"));
    let labels = Labels::from(row.labels);
    assert!(labels.tainted.is_some() && labels.private.is_some());
}

#[test]
fn an_approval_of_before_the_choices_reads_as_it_was() {
    let approval = approval(1, "r");
    let Approval { id, session, run, call, component, digest, card, argv, cwd, created, expires, .. } = approval;
    let state = (1_u32, "ws:owner", at(4));
    let head = (&id, &session, &run, &call, &component, digest);
    let row = (head, (&card.action, &card.title, &card.lines), (&argv, &cwd, created, expires), state);
    let row: StoredApproval = decode("k", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    let read = Approval::from(row);
    assert_eq!((read.id, read.card, read.cwd, read.expires), (id, card, cwd, expires));
    assert_eq!(read.state, ApprovalState::Approved { by: "ws:owner".to_owned(), at: at(4), always: None });
    assert_eq!(read.choices, []);
}

#[test]
fn grants_of_before_the_terms_hold_without_any() {
    let row = (vec!["fs workspace read-write".to_owned()], at(3));
    let row: StoredGrants = decode("k", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    let grant = "fs workspace read-write".to_owned();
    assert_eq!(row.rows(), [GrantRow { grant, terms: Terms::default(), by: "host".to_owned(), at: at(3) }]);
}

#[test]
fn a_package_of_before_the_texts_has_the_digests_of_them() {
    let receipt = |byte: u8| ("1.0.0", digest(byte), Some("RW1"), "file probe.wasm", digest(byte + 1), "cli", at(3));
    let row = (component(), vec![receipt(1), receipt(3)], digest(3), true);
    let row: StoredPackage = decode("probe", &sealed(postcard::to_extend(&row, vec![1]).unwrap())).unwrap();
    let mut package = Package::from(row);
    assert_eq!((package.current, package.is_pinned, package.versions.len()), (digest(3), true, 2));
    assert_eq!(package.receipt().described, Description::Digest(digest(4)));
    let before = package.previous().unwrap();
    assert_eq!((before.key.as_deref(), before.by.as_str(), before.at), (Some("RW1"), "cli", at(3)));
    assert_eq!(before.manifest, None);
    package.versions[1].described = Description::Text("{}".to_owned());
    package.versions[0].manifest = Some(digest(5));
    let written: StoredPackage = decode("probe", &encode(&StoredPackage::from(package.clone()))).unwrap();
    assert_eq!(Package::from(written), package);
}
