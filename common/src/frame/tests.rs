//! The grammar is the table in FRAMES.md, cell by cell.

use super::*;

const FRAMES: [(FrameKind, &str); 9] = [
    (FrameKind::Offer, "Offer"),
    (FrameKind::BatchBegin, "BatchBegin"),
    (FrameKind::Items, "Items"),
    (FrameKind::BatchEnd, "BatchEnd"),
    (FrameKind::Heartbeat, "Heartbeat"),
    (FrameKind::Rewound, "Rewound"),
    (FrameKind::Present, "Present"),
    (FrameKind::BlobOffer, "BlobOffer"),
    (FrameKind::BlobChunk, "BlobChunk"),
];
const STATES: [(Grammar, &str); 3] =
    [(Grammar::Start, "Start"), (Grammar::Idle, "Idle"), (Grammar::Batch, "Batch")];

#[test]
fn the_grammar_is_the_published_table() {
    let document = include_str!("../../../proto/jackdaw/replication/v1/FRAMES.md");
    for (state, state_name) in STATES {
        let row = document
            .lines()
            .find(|line| line.starts_with(&format!("| `{state_name}` ")))
            .unwrap_or_else(|| panic!("FRAMES.md has no row {state_name}"));
        let cells: Vec<_> = row.split('|').skip(2).map(str::trim).collect();
        for ((frame, frame_name), cell) in FRAMES.into_iter().zip(cells) {
            let leads_to = match state.step(frame) {
                Ok(next) => format!("`{next:?}`"),
                Err(error) => {
                    assert_eq!(error, OutOfOrder { frame, state });
                    "–".to_owned()
                }
            };
            assert_eq!(cell, leads_to, "{frame_name} in {state_name}");
        }
    }
}

#[test]
fn outcomes_that_overflow_have_no_sum() {
    let outcomes = Outcomes { applied: u64::MAX, merged: 1, ..Outcomes::default() };
    assert_eq!(outcomes.items(), None);
    let outcomes = Outcomes { applied: 1, already_present: 2, merged: 3, conflicted: 4 };
    assert_eq!(outcomes.items(), Some(10));
}
