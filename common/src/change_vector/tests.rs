//! Change vectors: RavenDB's published cases, both forms, and the laws.

mod binary;
mod large;
mod laws;
mod merge;
mod reissued;
mod small;
mod text;

use crate::change_vector::{ChangeVector, Entry};
use crate::etag::Etag;
use crate::id::IncarnationId;

/// The id a case calls `i<number>`: bytes whose order is not that of the numbers.
fn id(number: u64) -> IncarnationId {
    let scattered = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&scattered.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    IncarnationId::from_bytes(bytes)
}

fn entry(number: u64, etag: u64) -> Entry {
    Entry { incarnation: id(number), etag: Etag::new(etag).unwrap() }
}

/// The text of entries written as `i0:10 i1:20`, each behind some node tag.
fn text_of(case: &str) -> String {
    let entries: Vec<String> = case
        .split_whitespace()
        .enumerate()
        .map(|(at, entry)| {
            let (name, etag) = entry.split_once(':').unwrap();
            let tag = ["A", "B", "RAFT", "ZZ", "TRXN"][(at + case.len()) % 5];
            format!("{tag}:{etag}-{}", id(name[1..].parse().unwrap()))
        })
        .collect();
    entries.join(", ")
}

/// The vector of entries written as `i0:10 i1:20`; letters are ids too: `A:7 B:3`.
fn vector(case: &str) -> ChangeVector {
    ChangeVector::from_entries(case.split_whitespace().map(|it| {
        let (name, etag) = it.split_once(':').unwrap();
        let number = match name.strip_prefix('i') {
            Some(number) => number.parse().unwrap(),
            None => u64::from(name.as_bytes()[0]) + 1_000,
        };
        entry(number, etag.parse().unwrap())
    }))
}
