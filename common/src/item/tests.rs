//! What a content hash tells apart.

use bytes::Bytes;

use super::*;

fn version(collection: &str, content: Content) -> Version {
    Version {
        id: "users/1".parse().unwrap(),
        collection: collection.parse().unwrap(),
        vector: ChangeVector::empty(),
        last_modified: Timestamp::from_micros(1),
        content,
        attachments: Attachments::default(),
        since: ChangeVector::empty(),
        kept: None,
    }
}

fn document(body: &'static str) -> Content {
    Content::Document(Bytes::from_static(body.as_bytes()))
}

#[test]
fn the_hash_tells_contents_and_collections_apart() {
    let hashes = [
        version("Users", document("{}")).content_hash(),
        version("Users", document("{ }")).content_hash(),
        version("User", document("s{}")).content_hash(),
        version("Users", Content::Tombstone).content_hash(),
        version("Users", document("")).content_hash(),
        version("", document("{}")).content_hash(),
    ];
    for (i, a) in hashes.iter().enumerate() {
        for b in &hashes[i + 1..] {
            assert_ne!(a, b);
        }
    }
}

#[test]
fn the_hash_leaves_out_what_a_version_has_seen() {
    let one = version("Users", document("{}"));
    let mut other = one.clone();
    other.last_modified = Timestamp::from_micros(2);
    assert_eq!(one.content_hash(), other.content_hash());
}

#[test]
fn the_hash_tells_attachments_apart() {
    let plain = version("Users", document("{}"));
    let with = |name: &str, kind: &str, content: &[u8], origin: u64| {
        let attachment = Attachment {
            name: name.parse().unwrap(),
            content_type: kind.parse().unwrap(),
            hash: BlobHash::of(content),
            size: content.len() as u64,
            origin: Entry {
                incarnation: crate::IncarnationId::from_bytes([1; 16]),
                etag: Etag::new(origin).unwrap(),
            },
        };
        let attachments = Attachments::default().with(attachment);
        Version { attachments, ..plain.clone() }.content_hash()
    };
    let hashes = [
        plain.content_hash(),
        with("a", "b", b"1", 1),
        with("A", "b", b"1", 1),
        with("ab", "", b"1", 1),
        with("a", "b", b"2", 1),
    ];
    for (i, a) in hashes.iter().enumerate() {
        for b in &hashes[i + 1..] {
            assert_ne!(a, b);
        }
    }
    // Not what was seen.
    assert_eq!(with("a", "b", b"1", 2), hashes[1]);
}
