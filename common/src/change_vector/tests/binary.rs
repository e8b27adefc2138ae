//! The binary form: known bytes, every refusal with its position.

use proptest::prelude::*;

use super::merge::CV_41_FIRST;
use super::{entry, vector};
use crate::change_vector::{ChangeVector, DecodeError, Order};
use crate::etag::Etag;
use crate::id::IncarnationId;

fn bytes(ids: &[(u8, &[u8])]) -> Vec<u8> {
    ids.iter().flat_map(|(id, etag)| [[*id; 16].as_slice(), etag].concat()).collect()
}

fn decode(ids: &[(u8, &[u8])]) -> Result<ChangeVector, DecodeError> {
    ChangeVector::decode(&bytes(ids))
}

/// Rows and frames hold them: the form must never change.
#[test]
fn bytes_and_digest_are_pinned() {
    let text = "A:300-AQEBAQEBAQEBAQEBAQEBAQ";
    let one: ChangeVector = text.parse().unwrap();
    assert_eq!(one.to_bytes(), bytes(&[(1, &[0xac, 0x02])]));
    assert_eq!(one.digest(), 0x5bf2_8efa_b313_6418_5d9e_0aad_4238_a7f6);
    let many: ChangeVector = CV_41_FIRST.parse().unwrap();
    assert_eq!(many.digest(), 0xdf6b_d967_88a1_e066_8ecb_ef78_184b_20df);
    assert_eq!(ChangeVector::empty().to_bytes(), []);
    assert_eq!(ChangeVector::empty().digest(), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
}

#[test]
fn varints_have_the_least_length() {
    for (etag, length) in [
        (1, 1),
        (127, 1),
        (128, 2),
        (16_383, 2),
        (16_384, 3),
        ((1 << 56) - 1, 8),
        (1 << 56, 9),
        (Etag::MAX.get(), 9),
    ] {
        let vector = ChangeVector::from_entries([entry(1, etag)]);
        assert_eq!(vector.encoded_len(), 16 + length, "{etag}");
        assert_eq!(vector.to_bytes().len(), 16 + length);
        assert_eq!(ChangeVector::decode(&vector.to_bytes()), Ok(vector));
    }
}

#[test]
fn total_order_is_that_of_the_bytes_not_of_the_numbers() {
    // 255 is FF 01, 256 is 80 02.
    let (less, more) = (vector("i0:256"), vector("i0:255"));
    assert!(less < more && less.to_bytes() < more.to_bytes());
    assert_eq!(more.compare(&less), Order::AlreadyMerged);
    assert!(ChangeVector::empty() < less);
    // The id of i1 has the smaller bytes, so it comes first in both.
    assert!(vector("i1:5") < vector("i1:5 i0:1"));
    assert!(vector("i1:5 i0:1") < vector("i1:6"));
}

proptest! {
    #[test]
    fn total_order_is_that_of_the_bytes(left: u64, right: u64, shift in 1..60_u32) {
        let of = |etag: u64| ChangeVector::from_entries([entry(0, etag >> shift), entry(1, 1)]);
        let (left, right) = (of(left), of(right));
        prop_assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
    }
}

#[test]
fn appends_to_what_is_there() {
    let vector = vector("i0:1 i1:300 i2:2");
    let mut bytes = b"head".to_vec();
    vector.encode_into(&mut bytes);
    assert_eq!(bytes[..4], *b"head");
    assert_eq!(bytes[4..], vector.to_bytes());
}

#[test]
fn what_is_cut_off_is_refused_unless_cut_between_entries() {
    let whole = bytes(&[(1, &[5]), (2, &[0xac, 0x02]), (3, &[7])]);
    for end in 0..=whole.len() {
        let decoded = ChangeVector::decode(&whole[..end]);
        match end {
            0 | 17 | 35 | 52 => assert_eq!(decoded.unwrap().len(), end / 17),
            _ => assert_eq!(decoded, Err(DecodeError::Truncated { at: end })),
        }
    }
}

#[test]
fn what_is_not_canonical_is_refused_where_it_stands() {
    let not_ascending = Err(DecodeError::NotAscending { at: 17 });
    assert_eq!(decode(&[(2, &[1]), (1, &[1])]), not_ascending);
    assert_eq!(decode(&[(1, &[1]), (1, &[1])]), not_ascending);
    assert_eq!(decode(&[(1, &[1]), (1, &[2])]), not_ascending);
    // An id of zeros is an id like any other.
    assert_eq!(decode(&[(0, &[1])]).unwrap().len(), 1);
    assert_eq!(decode(&[(1, &[0])]), Err(DecodeError::EtagZero { at: 16 }));
    assert_eq!(decode(&[(1, &[9]), (2, &[0])]), Err(DecodeError::EtagZero { at: 33 }));
    let not_minimal = Err(DecodeError::EtagNotMinimal { at: 16 });
    assert_eq!(decode(&[(1, &[0x80, 0])]), not_minimal);
    assert_eq!(decode(&[(1, &[0x81, 0])]), not_minimal);
    assert_eq!(decode(&[(1, &[0xff, 0xff, 0x80, 0])]), not_minimal);
    assert_eq!(decode(&[(1, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0])]), not_minimal);
    let too_large = Err(DecodeError::EtagTooLarge { at: 16 });
    assert_eq!(decode(&[(1, &[0xff; 9])]), too_large);
    assert_eq!(decode(&[(1, &[0xff; 20])]), too_large);
    // 2^63, the first beyond.
    let beyond = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    assert_eq!(decode(&[(1, &beyond)]), too_large);
    let last = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let id = IncarnationId::from_bytes([1; 16]);
    assert_eq!(decode(&[(1, &last)]).unwrap().etag_of(id), Etag::MAX);
    assert_eq!(
        decode(&[(1, &[1]), (2, &[0])]).unwrap_err().to_string(),
        "etag at byte 33 of the change vector is zero"
    );
}
