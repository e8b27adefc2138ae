//! Acks that cannot be true are refused, and change nothing.

use jackdaw_common::{
    ChangeVector,
    frame::{Durations, Outcomes},
};

use super::*;

fn etag(value: u64) -> Etag {
    Etag::new(value).unwrap()
}

fn batches() -> VecDeque<InFlight> {
    [(1, 10), (2, 20)]
        .into_iter()
        .map(|(number, last)| {
            let carries = Carries::Items;
            InFlight {
                number,
                last: etag(last),
                items: 10,
                bytes: 100,
                carries,
                span: Span::none(),
            }
        })
        .collect()
}

fn ack(number: u64, cursor: u64, applied: u64) -> Ack {
    Ack {
        number,
        cursor: etag(cursor),
        vector: ChangeVector::empty(),
        outcomes: Outcomes { applied, already_present: 1, ..Outcomes::default() },
        reconciled: None,
        durations: Durations::default(),
    }
}

#[test]
fn acks_settle_batches_in_order() {
    let mut in_flight = batches();
    assert_eq!(settle(&mut in_flight, &ack(1, 10, 9), etag(20)).unwrap().last, etag(10));
    assert_eq!(settle(&mut in_flight, &ack(2, 20, 9), etag(20)).unwrap().last, etag(20));
    assert!(in_flight.is_empty());
}

#[test]
fn what_cannot_be_true_is_refused() {
    let number = |acked| Untrue::Number { acked, expected: Some(1) };
    let cursor =
        |claimed| Untrue::Cursor { claimed: etag(claimed), least: etag(10), most: etag(20) };
    let cases = [
        (ack(2, 20, 9), number(2)),
        (ack(0, 10, 9), number(0)),
        (ack(1, 9, 9), cursor(9)),
        (ack(1, 21, 9), cursor(21)),
        (ack(1, 10, 10), Untrue::Items { claimed: Some(11), sent: 10 }),
        (ack(1, 10, u64::MAX), Untrue::Items { claimed: None, sent: 10 }),
    ];
    for (ack, untrue) in cases {
        let mut in_flight = batches();
        assert_eq!(settle(&mut in_flight, &ack, etag(20)).map(|_| ()), Err(untrue));
        let numbers: Vec<_> = in_flight.iter().map(|batch| batch.number).collect();
        assert_eq!(numbers, [1, 2]);
    }
    let nothing = settle(&mut VecDeque::new(), &ack(1, 10, 9), etag(20)).map(|_| ());
    assert_eq!(nothing, Err(Untrue::Number { acked: 1, expected: None }));
}
