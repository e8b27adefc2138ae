//! Rows read back, and damaged ones do not.

use proptest::prelude::*;

use super::*;

fn sample() -> Bytes {
    let mut writer = RowWriter::new(64);
    writer.byte(7);
    writer.varint(u64::MAX);
    writer.varint(127);
    writer.string(b"hello");
    writer.seal()
}

#[test]
fn a_row_reads_back() {
    let mut reader = RowReader::open(sample()).unwrap();
    assert_eq!(reader.byte().unwrap(), 7);
    assert_eq!(reader.varint().unwrap(), u64::MAX);
    assert_eq!(reader.varint().unwrap(), 127);
    assert_eq!(reader.string().unwrap(), "hello");
    reader.close().unwrap();
}

#[test]
fn every_flipped_bit_is_found() {
    let row = sample();
    for bit in 0..row.len() * 8 {
        let mut damaged = row.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(RowReader::open(damaged.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_is_found() {
    let row = sample();
    for length in 0..row.len() {
        assert!(RowReader::open(row.slice(..length)).is_err(), "length {length}");
    }
}

#[test]
fn what_is_left_over_is_an_error() {
    let mut reader = RowReader::open(sample()).unwrap();
    reader.byte().unwrap();
    assert!(reader.close().is_err());
}

proptest! {
    #[test]
    fn varints_read_back(value: u64) {
        let mut writer = RowWriter::new(10);
        writer.varint(value);
        let mut reader = RowReader::open(writer.seal()).unwrap();
        prop_assert_eq!(reader.varint().unwrap(), value);
        reader.close().unwrap();
    }
}
