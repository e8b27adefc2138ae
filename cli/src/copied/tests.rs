//! What `copied` promises, tried out.

use jackdaw_proto::control::external_replication::{LastError, Phase, Progress};

use super::*;
use crate::Exit;

fn task(kind: PhaseKind, state: State) -> ExternalReplication {
    ExternalReplication {
        state: state.into(),
        phase: Some(Phase {
            kind: kind.into(),
            reason: "SOURCE_FORKED".to_owned(),
            message: "it went back".to_owned(),
            until: None,
        }),
        progress: Some(Progress {
            last_acknowledged_etag: 4,
            source_last_etag: 10,
            ..Progress::default()
        }),
        error: Some(LastError {
            reason: "SOURCE_FORKED".to_owned(),
            message: "it went back".to_owned(),
            retries: 2,
            ..LastError::default()
        }),
        ..ExternalReplication::default()
    }
}

#[test]
fn only_what_needs_somebody_is_hopeless() {
    for kind in [PhaseKind::Connecting, PhaseKind::CatchingUp, PhaseKind::Live, PhaseKind::Backoff]
    {
        assert_eq!(hopeless(&task(kind, State::Enabled)), None);
    }
    assert_eq!(hopeless(&task(PhaseKind::Blocked, State::Enabled)), Some("the task is blocked"));
    let disabled = task(PhaseKind::Unspecified, State::Disabled);
    assert_eq!(hopeless(&disabled), Some("the task is disabled"));
}

#[test]
fn what_is_stuck_says_where_and_why() {
    let failure = stuck("no progress for 60 s", &task(PhaseKind::Blocked, State::Enabled), None);
    assert_eq!(failure.exit(), Exit::No);
    assert_eq!(
        failure.to_string(),
        "the copy is not complete: no progress for 60 s; etag 4 of 10 is acknowledged\n  \
         phase: BLOCKED\n  reason: SOURCE_FORKED (it went back)\n  \
         last error: SOURCE_FORKED (it went back), tried 2×"
    );
}
