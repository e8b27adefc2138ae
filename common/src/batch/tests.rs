//! Batches close at borders only.

use proptest::prelude::*;

use super::*;

fn mark(first: u64, rows: u32) -> TransactionMark {
    TransactionMark { first: Etag::new(first).unwrap(), rows }
}

#[test]
fn a_transaction_larger_than_a_batch_stays_whole() {
    let mut filling = Filling::new(BatchLimits { items: 2, bytes: 100, ..BatchLimits::default() });
    for _ in 0..5 {
        assert!(filling.takes(mark(1, 5)));
        filling.add(mark(1, 5), 60);
    }
    assert!(!filling.takes(mark(6, 1)));
    assert_eq!((filling.items(), filling.bytes()), (5, 300));
}

#[test]
fn bytes_close_a_batch_too() {
    let mut filling =
        Filling::new(BatchLimits { items: 100, bytes: 100, ..BatchLimits::default() });
    filling.add(mark(1, 1), 99);
    assert!(filling.takes(mark(2, 1)));
    filling.add(mark(2, 1), 1);
    assert!(!filling.takes(mark(3, 1)));
}

#[test]
fn a_transaction_that_is_more_than_a_batch_outgrows_it_unless_it_is_alone() {
    let mut filling =
        Filling::new(BatchLimits { items: 100, bytes: 100, ..BatchLimits::default() });
    filling.add(mark(1, 1), 10);
    filling.add(mark(2, 2), 60);
    filling.add(mark(2, 2), 40);
    assert!(!filling.is_outgrown(), "it is as much as a batch holds, not more");
    filling.add(mark(2, 2), 1);
    assert!(filling.is_outgrown());
    filling.remove(10);
    assert!(!filling.is_outgrown(), "what was before it is not sent any more");

    let mut filling = Filling::new(BatchLimits { items: 2, bytes: 100, ..BatchLimits::default() });
    for _ in 0..3 {
        filling.add(mark(1, 3), 50);
        assert!(!filling.is_outgrown());
    }
    let mut filling = Filling::new(BatchLimits { items: 2, bytes: 100, ..BatchLimits::default() });
    filling.add(mark(1, 1), 1);
    filling.add(mark(2, 3), 1);
    filling.add(mark(2, 3), 1);
    assert!(!filling.is_outgrown());
    filling.add(mark(2, 3), 1);
    assert!(filling.is_outgrown());
}

proptest! {
    /// Cut anywhere by any limits, every transaction lies in one batch, and no batch is empty.
    ///
    /// Bug 16: batches were cut at documents only.
    #[test]
    fn no_limit_cuts_a_transaction(
        sizes in prop::collection::vec(1u32..6, 1..20),
        items in 1usize..7,
        bytes in 1usize..50,
    ) {
        let mut filling = Filling::new(BatchLimits { items, bytes, ..BatchLimits::default() });
        let mut first = 1;
        for rows in sizes {
            let cut = !filling.takes(mark(first, rows));
            if cut {
                prop_assert!(filling.items() >= items || filling.bytes() >= bytes);
                filling = Filling::new(BatchLimits { items, bytes, ..BatchLimits::default() });
            }
            for _ in 0..rows {
                prop_assert!(filling.takes(mark(first, rows)));
                filling.add(mark(first, rows), 7);
            }
            first += u64::from(rows);
        }
    }
}

#[test]
fn contents_fill_a_batch_too() {
    let limits = BatchLimits { contents: 2, content_bytes: 100, ..BatchLimits::default() };
    let mark = |first: u64| TransactionMark { first: Etag::new(first).unwrap(), rows: 1 };
    for (sizes, full) in [(vec![1], false), (vec![1, 1], true), (vec![100], true)] {
        let mut filling = Filling::new(limits);
        filling.add(mark(1), 1);
        sizes.iter().for_each(|size| filling.add_content(*size));
        assert_eq!(!filling.takes(mark(2)), full, "{sizes:?}");
        assert!(!filling.is_outgrown());
        filling.add(mark(2), 1);
        filling.add_content(101);
        assert!(filling.is_outgrown());
    }
}
