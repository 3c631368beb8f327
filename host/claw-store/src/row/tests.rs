use super::*;
use crate::fixture::*;

const KINDS: [FailureKind; 15] = [
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
    FailureKind::Unavailable,
    FailureKind::Tool,
    FailureKind::OutcomeUnknown,
];

#[test]
fn every_message_reads_back_as_it_was() {
    let failed = |kind| Message::Tool { call: call("c"), tool: tool(), outcome: ToolOutcome::failed(kind, "why") };
    let mut messages = vec![Message::User { text: "é\0".to_owned() }, asks(&["a", "b"]), answers("a"), notice("n")];
    messages.extend(KINDS.map(failed));
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
    let given = [ApprovalState::Approved { by: by.clone(), at }, ApprovalState::Denied { by, at }];
    let others = [ApprovalState::Pending, ApprovalState::Expired, ApprovalState::Used { at }, ApprovalState::Withdrawn];
    for state in given.into_iter().chain(others) {
        let approval = Approval { state, ..approval(1, "r") };
        let bytes = encode(&StoredApproval::from(approval.clone()));
        assert_eq!(Approval::from(decode::<StoredApproval>("k", &bytes).unwrap()), approval);
    }
}

#[test]
fn a_failure_kind_is_stored_by_name_so_that_its_position_may_change() {
    let bytes = encode(&StoredGrants { grants: vec![], at: at(0) });
    assert_eq!(bytes[0], StoredGrants::VERSION);
    let kind = postcard::to_stdvec(&StoredKind(FailureKind::OutcomeUnknown)).unwrap();
    assert_eq!(&kind[1..], b"outcome-unknown");
}

#[test]
fn a_row_of_an_unknown_version_names_its_kind_and_key() {
    let mut bytes = encode(&StoredGrants { grants: vec![], at: at(0) });
    bytes[0] = 99;
    for bytes in [&bytes[..], &[], &[StoredGrants::VERSION, 0xff]] {
        let err = decode::<StoredGrants>("probe", bytes).unwrap_err().to_string();
        assert!(err.contains("grants row of `probe`"), "{err}");
    }
}

#[test]
fn a_session_from_before_the_labels_counts_as_having_both() {
    let row = ("id", 3_u64, at(1), at(2), 4_u64, 5_u64, "hello", Vec::<RunId>::new());
    let row: StoredSession = decode("main", &postcard::to_extend(&row, vec![1]).unwrap()).unwrap();
    assert_eq!((row.epoch, row.entries, row.preview.as_str()), (3, 4, "hello"));
    let labels = Labels::from(row.labels);
    assert!(labels.tainted.is_some() && labels.private.is_some());
}
