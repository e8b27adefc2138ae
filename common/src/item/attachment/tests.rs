//! Names, lists, and what merges make of them.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Etag, IncarnationId};

fn entry(incarnation: u8, etag: u64) -> Entry {
    let incarnation = IncarnationId::from_bytes([incarnation; 16]);
    Entry { incarnation, etag: Etag::new(etag).unwrap() }
}

fn attachment(name: &str, content: &[u8], origin: Entry) -> Attachment {
    Attachment {
        name: name.parse().unwrap(),
        content_type: "image/png".parse().unwrap(),
        hash: BlobHash::of(content),
        size: content.len() as u64,
        origin,
    }
}

fn list(all: &[Attachment]) -> Attachments {
    all.iter().fold(Attachments::default(), |list, one| list.with(one.clone()))
}

fn names(all: &Attachments) -> Vec<&str> {
    all.as_slice().iter().map(|one| one.name.as_str()).collect()
}

/// The hash is the one that RavenDB has (issue of the sample data).
#[test]
fn the_hash_of_a_content_is_ravendbs() {
    let hash = BlobHash::of(&[1, 2, 3]);
    assert_eq!(hash.to_string(), "EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Octo=");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    let mut pieces = super::super::BlobHasher::default();
    for piece in [&[1][..], &[], &[2, 3]] {
        pieces.update(piece);
    }
    assert_eq!(pieces.finish(), hash);
    for wrong in ["", "EcDn", "EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Oct==", "*"] {
        assert!(wrong.parse::<BlobHash>().is_err(), "{wrong}");
    }
}

#[test]
fn names_and_types_are_of_any_characters() {
    for text in ["a\tA", "\\", "/", "fileNAME_#$1^%_בעברית.txt", "\u{0}", "a\nb"] {
        assert_eq!(AttachmentName::new(text).unwrap().as_str(), text);
        assert_eq!(ContentType::new(text).unwrap().as_str(), text);
    }
    assert_eq!(AttachmentName::new(""), Err(AttachmentNameError::Empty));
    assert_eq!(ContentType::new("").unwrap(), ContentType::default());
    let long = "x".repeat(513);
    assert_eq!(AttachmentName::new(&long), Err(AttachmentNameError::TooLong { bytes: 513 }));
    assert_eq!(ContentType::new(&long), Err(ContentTypeTooLong { bytes: 513 }));
    let (one, other): (AttachmentName, AttachmentName) =
        ("Ä.PNG".parse().unwrap(), "ä.png".parse().unwrap());
    assert_eq!(one, other);
}

#[test]
fn a_list_has_each_name_once_in_order() {
    let (a, b) = (attachment("B", b"1", entry(1, 1)), attachment("a", b"2", entry(1, 2)));
    let both = list(&[a.clone(), b.clone()]);
    assert_eq!(names(&both), ["a", "B"]);
    let replaced = both.with(attachment("b", b"3", entry(1, 3)));
    assert_eq!(names(&replaced), ["a", "b"]);
    assert_eq!(replaced.get(&a.name).unwrap().hash, BlobHash::of(b"3"));
    assert_eq!(names(&replaced.without(&"A".parse().unwrap())), ["b"]);
    assert!(list(std::slice::from_ref(&a)).without(&a.name).is_empty());
    assert_eq!(Attachments::new(vec![a.clone(), b]), Err(AttachmentsError::Order));
    assert_eq!(Attachments::new(vec![a.clone(), a]), Err(AttachmentsError::Order));
}

#[test]
fn a_list_is_bounded() {
    let many = (0..=ATTACHMENTS_MAX).map(|n| attachment(&format!("{n:06}"), b"", entry(1, 1)));
    let many: Vec<_> = many.collect();
    let count = many.len();
    assert_eq!(Attachments::new(many[1..].to_vec()).map(|all| all.len()), Ok(ATTACHMENTS_MAX));
    assert_eq!(Attachments::new(many), Err(AttachmentsError::TooMany { count }));
    let long = (0..8_000).map(|n| {
        let name = format!("{n:0>512}");
        Attachment {
            content_type: ContentType::new(&name).unwrap(),
            ..attachment(&name, b"", entry(1, 1))
        }
    });
    let long = Attachments::new(long.collect());
    assert!(matches!(long, Err(AttachmentsError::TooLarge { .. })), "{long:?}");
}

/// What was removed where it had been seen stays removed; what had not been seen stays.
#[test]
fn a_merge_keeps_what_nobody_has_removed() {
    let (old, new) = (attachment("old", b"1", entry(1, 1)), attachment("new", b"2", entry(2, 5)));
    let seen = ChangeVector::from_entries([entry(1, 3)]);
    let removed = Attachments::default();
    let theirs = ChangeVector::from_entries([entry(1, 2), entry(2, 5)]);
    let (kept, both) = (list(std::slice::from_ref(&new)), list(&[old, new]));
    let at = Timestamp::from_micros(1);
    let one = Attached { vector: &seen, last_modified: at, attachments: &removed };
    let other = Attached { vector: &theirs, last_modified: at, attachments: &both };
    assert_eq!(Attachments::merged(&[one, other]), kept);
    assert_eq!(Attachments::merged(&[other, one]), kept);
    assert_eq!(Attachments::merged(&[other]), both);
}

/// Of two contents under one name the one of the version that was changed last stays.
#[test]
fn a_merge_has_each_name_once() {
    let (one, other) = (attachment("a", b"1", entry(1, 1)), attachment("A", b"2", entry(2, 1)));
    let (first, second) = (list(std::slice::from_ref(&one)), list(std::slice::from_ref(&other)));
    let vectors = [entry(1, 1), entry(2, 1)].map(|entry| ChangeVector::from_entries([entry]));
    for (times, winner) in [((1, 2), &other), ((2, 1), &one), ((1, 1), &other)] {
        let times = [times.0, times.1].map(Timestamp::from_micros);
        let versions = [
            Attached { vector: &vectors[0], last_modified: times[0], attachments: &first },
            Attached { vector: &vectors[1], last_modified: times[1], attachments: &second },
        ];
        assert_eq!(Attachments::merged(&versions).as_slice(), std::slice::from_ref(winner));
    }
}

/// What a version has seen, when it was changed, and what is attached to it: name, writer, etag.
type Drawn = (Vec<(u8, u64)>, i64, Vec<(u8, u8, u64)>);

/// A version of one of three writers, as a random history leaves it.
fn version() -> impl Strategy<Value = Drawn> {
    let entries = vec((1_u8..4, 1_u64..6), 1..4);
    let attached = vec((0_u8..3, 1_u8..4, 1_u64..6), 0..4);
    (entries, 0_i64..3, attached)
}

proptest! {
    /// The same versions in any order, and any of them twice, merge to the same.
    #[test]
    fn a_merge_is_a_function_of_what_was_seen(
        versions in vec(version(), 1..4),
        turn in 0_usize..4,
    ) {
        let versions: Vec<_> = versions
            .iter()
            .map(|(entries, time, attached)| {
                let entries = entries.iter().map(|&(n, etag)| entry(n, etag));
                let vector = ChangeVector::from_entries(entries);
                // Nobody has what they have not seen.
                let seen = attached.iter().filter(|&&(_, n, etag)| {
                    vector.etag_of(entry(n, etag).incarnation).get() >= etag
                });
                let all: Vec<_> = seen
                    .map(|&(name, n, etag)| {
                        attachment(&format!("n{name}"), &[n, etag.to_le_bytes()[0]], entry(n, etag))
                    })
                    .collect();
                (vector, Timestamp::from_micros(*time), list(&all))
            })
            .collect();
        let attached: Vec<_> = versions
            .iter()
            .map(|(vector, last_modified, attachments)| {
                Attached { vector, last_modified: *last_modified, attachments }
            })
            .collect();
        let merged = Attachments::merged(&attached);
        let mut turned = attached.clone();
        turned.rotate_left(turn % attached.len());
        turned.push(attached[0]);
        prop_assert_eq!(&Attachments::merged(&turned), &merged);
        prop_assert!(Attachments::new(merged.as_slice().to_vec()).is_ok());
        for kept in merged.as_slice() {
            prop_assert!(!attached.iter().any(|version| version.removed(kept)));
        }
    }
}
