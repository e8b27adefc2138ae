//! Merging, raising, leaving out, distance.

use super::{entry, id, vector};
use crate::change_vector::{ChangeVector, Entry, Repr};
use crate::etag::Etag;

/// CV-41's vectors: etags beyond 31 bits, one tag with several ids.
pub(super) const CV_41_FIRST: &str = "A:86865297-V8jm+M9QKkuvfEUTQBfOtA, \
    C:87142328-5j4moMb8A0KxxcL9GhY/nw, B:2146533895-SKM7aNMmSkW92wrQke+D4g, \
    E:1856361198-/mqfiL1AxkGlsqx1zwh2rw, D:1882901489-TqJlheobc0KTcLDerIQ9oQ, \
    D:17267243-/3+4WZUBGkWL6/J4GMv2GA, D:46103608-P1lQdjeAckGkdmY9RWr/Bg, \
    A:27850500-iUMDTgYwOkG25uod1g6gSg";

/// All ids of the first but two, in another order, and one more.
const CV_41_SECOND: &str = "E:1856361198-/mqfiL1AxkGlsqx1zwh2rw, \
    A:86865297-V8jm+M9QKkuvfEUTQBfOtA, A:27850500-iUMDTgYwOkG25uod1g6gSg, \
    B:2146533895-SKM7aNMmSkW92wrQke+D4g, D:1882901489-TqJlheobc0KTcLDerIQ9oQ, \
    C:87142328-5j4moMb8A0KxxcL9GhY/nw, A:2319854662-eCGjjCNbP0CeTGSJMeqLZA";

#[test]
fn cv_41_nothing_overflows() {
    let first: ChangeVector = CV_41_FIRST.parse().unwrap();
    let second: ChangeVector = CV_41_SECOND.parse().unwrap();
    let merged = first.merge(&second);
    assert_eq!(merged.len(), 9);
    assert_eq!(merged, second.merge(&first));
    assert_eq!(merged.etag_of("eCGjjCNbP0CeTGSJMeqLZA".parse().unwrap()).get(), 2_319_854_662);
    assert_eq!(merged.etag_of("P1lQdjeAckGkdmY9RWr/Bg".parse().unwrap()).get(), 46_103_608);
    assert_eq!(first.distance(&second), -2_256_483_811);
    assert_eq!(second.distance(&first), 2_256_483_811);
}

#[test]
fn distance_of_the_greatest_etags() {
    let full = ChangeVector::from_entries((0..256).map(|it| entry(it, Etag::MAX.get())));
    assert_eq!(full.distance(&ChangeVector::empty()), 256 * i128::from(i64::MAX));
    assert_eq!(ChangeVector::empty().distance(&full), -256 * i128::from(i64::MAX));
    assert_eq!(vector("i0:5 i1:1").distance(&vector("i0:2 i2:9")), 3 + 1 - 9);
}

#[test]
fn merge_with_what_is_covered_gives_the_other_operand() {
    let (less, more) = (vector("i0:1 i1:1 i2:1"), vector("i0:2 i1:1 i2:1 i3:4"));
    for merged in [less.merge(&more), more.merge(&less), more.merge(&ChangeVector::empty())] {
        // Not only equal: shared, so nothing was copied.
        let (Repr::Shared(merged), Repr::Shared(more)) = (&merged.repr, &more.repr) else {
            unreachable!("four entries do not fit in place");
        };
        assert!(std::sync::Arc::ptr_eq(merged, more));
    }
}

#[test]
fn merge_across_the_sizes_that_are_kept_differently() {
    // In place, on the stack, on the heap; the borders at 2 and 8.
    for left in 0..=12 {
        for right in 0..=12 {
            let even = ChangeVector::from_entries((0..left).map(|it| entry(it * 2, it + 1)));
            let odd = ChangeVector::from_entries((0..right).map(|it| entry(it * 2 + 1, it + 1)));
            let all = (0..left).map(|it| entry(it * 2, it + 1));
            let all = all.chain((0..right).map(|it| entry(it * 2 + 1, it + 1)));
            let merged = even.merge(&odd);
            assert_eq!(merged, ChangeVector::from_entries(all));
            assert_eq!(u64::try_from(merged.len()), Ok(left + right));
            assert!(merged.covers(&even) && merged.covers(&odd));
        }
    }
}

#[test]
fn raise_only_raises() {
    let mut vector = vector("i0:5 i1:5 i2:5");
    let before = vector.clone();
    for nothing in [entry(0, 5), entry(0, 4), entry(1, 0), entry(7, 0)] {
        vector.raise(nothing);
        assert_eq!(vector, before);
    }
    vector.raise(entry(1, 6));
    assert_eq!(vector, super::vector("i0:5 i1:6 i2:5"));
    vector.raise(entry(3, 1));
    assert_eq!(vector, super::vector("i0:5 i1:6 i2:5 i3:1"));
    // A clone taken before is another value.
    assert_eq!(before, super::vector("i0:5 i1:5 i2:5"));
}

#[test]
fn raise_from_nothing_to_many() {
    let mut raised = ChangeVector::empty();
    let entries: Vec<Entry> = (0..20).map(|it| entry(it, it + 1)).collect();
    for (at, entry) in entries.iter().enumerate() {
        raised.raise(*entry);
        assert_eq!(raised, ChangeVector::from_entries(entries[..=at].iter().copied()));
    }
}

#[test]
fn without_leaves_the_others() {
    let all = vector("i0:1 i1:2 i2:3 i3:4");
    assert_eq!(all.without(&[]), all);
    assert_eq!(all.without(&[id(9)]), all);
    assert_eq!(all.without(&[id(2), id(9), id(0)]), vector("i1:2 i3:4"));
    assert_eq!(all.without(&[id(0), id(1), id(2), id(3)]), ChangeVector::empty());
}
