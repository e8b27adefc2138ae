//! What `documents` promises about attachments, tried out.

use bytes::Bytes;
use jackdaw_common::BlobHash;
use jackdaw_proto::{documents as wire, wire::Reason};
use tonic::Status;

use super::*;
use crate::control::fixture::{fields, refused, replicate};

fn header(document: &str, name: &str) -> wire::AttachmentHeader {
    wire::AttachmentHeader {
        database: "Orders".into(),
        document_id: document.into(),
        name: name.into(),
        content_type: "image/png".into(),
        ..wire::AttachmentHeader::default()
    }
}

/// Puts a content in pieces of at most `piece` bytes.
async fn attach(
    site: &Site,
    header: wire::AttachmentHeader,
    content: &[u8],
    piece: usize,
) -> Result<wire::PutAttachmentResponse, Status> {
    let mut header = Some(header);
    let mut messages: Vec<_> = content
        .chunks(piece)
        .map(|chunk| wire::PutAttachmentRequest {
            header: header.take(),
            chunk: Bytes::copy_from_slice(chunk),
        })
        .collect();
    if let Some(header) = header {
        messages.push(wire::PutAttachmentRequest { header: Some(header), chunk: Bytes::new() });
    }
    let mut writer = site.documents(Caller::Writer);
    writer.put_attachment(tokio_stream::iter(messages)).await.map(tonic::Response::into_inner)
}

fn get_request(document: &str, name: &str) -> wire::GetAttachmentRequest {
    wire::GetAttachmentRequest {
        database: "Orders".into(),
        document_id: document.into(),
        name: name.into(),
        ..wire::GetAttachmentRequest::default()
    }
}

/// The first message, and all of the content.
async fn read(
    site: &Site,
    request: wire::GetAttachmentRequest,
) -> Result<(wire::GetAttachmentResponse, Vec<u8>), Status> {
    let mut reader = site.documents(Caller::Reader);
    let mut parts = reader.get_attachment(request).await?.into_inner();
    let first = parts.message().await?.expect("no message");
    let mut content = first.chunk.to_vec();
    while let Some(part) = parts.message().await? {
        assert_eq!((part.attachment, part.change_vector.as_str()), (None, ""));
        content.extend_from_slice(&part.chunk);
    }
    Ok((first, content))
}

fn list_request(document: &str, page_size: i32, token: &str) -> wire::ListAttachmentsRequest {
    wire::ListAttachmentsRequest {
        database: "Orders".into(),
        document_id: document.into(),
        page_size,
        page_token: token.into(),
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(bytes).collect()
}

#[tokio::test]
async fn an_attachment_is_put_read_and_removed() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["Users/1"], "{}").await;
    let hash = "EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Octo=";
    let put = attach(&site, header("users/1", "Profile.PNG"), &[1, 2, 3], 2).await.unwrap();
    let attachment = put.attachment.unwrap();
    assert_eq!((attachment.hash.as_str(), attachment.size), (hash, 3));
    let written = put.written.unwrap();
    assert_eq!((written.id.as_str(), written.etag), ("Users/1", 2));

    let (first, bytes) = read(&site, get_request("USERS/1", "profile.png")).await.unwrap();
    assert_eq!((first.attachment.as_ref(), bytes), (Some(&attachment), vec![1, 2, 3]));
    assert_eq!(first.change_vector, written.change_vector);
    let mut reader = site.documents(Caller::Reader);
    let document = reader.get_document(super::get_request("users/1")).await.unwrap().into_inner();
    assert_eq!(document.attachments, [attachment]);
    assert_eq!((&document.body[..], document.etag), (&b"{}"[..], 2));
    let shown = database.store().snapshot();
    assert_eq!((shown.header().attachments, shown.header().blobs), (1, 1));

    let delete = |name: &str| wire::DeleteAttachmentRequest {
        database: "Orders".into(),
        document_id: "users/1".into(),
        name: name.into(),
        expected_change_vector: None,
    };
    let mut writer = site.documents(Caller::Writer);
    let gone = writer.delete_attachment(delete("PROFILE.png")).await.unwrap().into_inner();
    assert_eq!(gone.written.unwrap().etag, 3);
    let again = writer.delete_attachment(delete("profile.png")).await.unwrap().into_inner();
    assert_eq!(again.written.unwrap().etag, 0);
    let error = read(&site, get_request("users/1", "profile.png")).await;
    refused(error, Reason::AttachmentNotFound);
    assert_eq!(database.store().snapshot().header().blobs, 0);
}

/// Of any size, in pieces of any length, as a whole and in ranges.
#[tokio::test]
async fn contents_are_what_was_put() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    for bytes in [0, 1, 16 * 1024, 16 * 1024 + 1, 700_000] {
        let expected = content(bytes);
        let name = format!("{bytes}");
        attach(&site, header("a", &name), &expected, 60_000).await.unwrap();
        let (_, whole) = read(&site, get_request("a", &name)).await.unwrap();
        assert!(whole == expected, "{bytes}");
        let ranges = [(0, 0), (0, 1), (1, 100), (bytes as u64 / 2, u64::MAX), (bytes as u64, 5)];
        for (offset, length) in ranges {
            let offset = offset.min(bytes as u64);
            let request = wire::GetAttachmentRequest {
                offset,
                length: Some(length),
                ..get_request("a", &name)
            };
            let (first, range) = read(&site, request).await.unwrap();
            assert_eq!(first.attachment.unwrap().size, bytes as u64);
            let begin = usize::try_from(offset).unwrap();
            let end = usize::try_from(offset.saturating_add(length).min(bytes as u64)).unwrap();
            assert!(range == expected[begin..end], "{bytes}: {offset} {length}");
        }
        let behind =
            wire::GetAttachmentRequest { offset: bytes as u64 + 1, ..get_request("a", &name) };
        refused(read(&site, behind).await, Reason::RangeInvalid);
    }
}

/// What was declared is compared; what is something else is not written, and nothing stays of it.
#[tokio::test]
async fn a_content_that_is_not_the_declared_one_is_refused() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let bytes = content(100_000);
    let hash = BlobHash::of(&bytes).to_string();
    let declared = |size: Option<u64>, hash: Option<&str>| wire::AttachmentHeader {
        size,
        hash: hash.map(str::to_owned),
        ..header("a", "x")
    };
    for (size, declared_hash, what) in [
        (Some(99_999), None, "size"),
        (Some(100_001), None, "size"),
        (None, Some("EcDnm3HDl2zNDALRMQ4lFsCO3J2Lb1fM1oDWOk2Octo="), "hash"),
    ] {
        let answer = attach(&site, declared(size, declared_hash), &bytes, 30_000).await;
        let error = refused(answer, Reason::ContentMismatch);
        assert_eq!(error.metadata.get("what").map(String::as_str), Some(what));
    }
    assert_eq!(database.store().last_etag().get(), 1);
    let empty = |folder: &str| {
        let folder =
            site.folder.path().join("databases").join(database.id().to_string()).join(folder);
        let mut files = std::fs::read_dir(folder).into_iter().flatten();
        files.all(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap().next().is_none())
    };
    assert!(empty("parts") && empty("blobs"));
    attach(&site, declared(Some(100_000), Some(&hash)), &bytes, 30_000).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_header_is_named() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let wrong = wire::AttachmentHeader {
        document_id: String::new(),
        name: String::new(),
        content_type: "x".repeat(513),
        hash: Some("x".into()),
        expected_change_vector: Some("x".into()),
        ..header("", "")
    };
    let error = refused(attach(&site, wrong, b"1", 1).await, Reason::FieldInvalid);
    let paths = [
        "header.document_id",
        "header.name",
        "header.content_type",
        "header.hash",
        "header.expected_change_vector",
    ];
    assert_eq!(fields(&error), paths);
    let mut writer = site.documents(Caller::Writer);
    let none: Vec<wire::PutAttachmentRequest> = Vec::new();
    let error = writer.put_attachment(tokio_stream::iter(none)).await.map(|_| ());
    assert_eq!(fields(&refused(error, Reason::FieldInvalid)), ["header"]);
    let message = |header| wire::PutAttachmentRequest { header, chunk: Bytes::from_static(b"1") };
    let twice = vec![message(Some(header("a", "x"))), message(Some(header("a", "x")))];
    let error = writer.put_attachment(tokio_stream::iter(twice)).await.map(|_| ());
    assert_eq!(fields(&refused(error, Reason::FieldInvalid)), ["header"]);
    let large = vec![wire::PutAttachmentRequest {
        header: Some(header("a", "x")),
        chunk: Bytes::from(vec![0; 1024 * 1024 + 1]),
    }];
    let error = writer.put_attachment(tokio_stream::iter(large)).await.map(|_| ());
    assert_eq!(fields(&refused(error, Reason::FieldInvalid)), ["chunk"]);
}

#[tokio::test]
async fn what_cannot_be_attached_to_says_why() {
    let (site, database) = Site::with_orders().await;
    refused(attach(&site, header("a", "x"), b"1", 1).await, Reason::DocumentNotFound);
    refused(read(&site, get_request("a", "x")).await, Reason::DocumentNotFound);
    let mut reader = site.documents(Caller::Reader);
    let listed = reader.list_attachments(list_request("a", 0, "")).await;
    refused(listed, Reason::DocumentNotFound);

    fill(&site, &["a"], "{}").await;
    let stale =
        wire::AttachmentHeader { expected_change_vector: Some(String::new()), ..header("a", "x") };
    refused(attach(&site, stale, b"1", 1).await, Reason::ChangeVectorMismatch);
    replicate(database.store(), "a", Some("{}"), 1).await;
    refused(attach(&site, header("a", "x"), b"1", 1).await, Reason::DocumentConflict);
    refused(read(&site, get_request("a", "x")).await, Reason::DocumentConflict);

    let mut nobody = site.documents(Caller::Nobody);
    let message =
        wire::PutAttachmentRequest { header: Some(header("a", "x")), chunk: Bytes::new() };
    let denied = nobody.put_attachment(tokio_stream::iter([message.clone()])).await.map(|_| ());
    refused(denied, Reason::DatabaseAccessDenied);
    let mut reader = site.documents(Caller::Reader);
    let denied = reader.put_attachment(tokio_stream::iter([message])).await.map(|_| ());
    refused(denied, Reason::DatabaseAccessDenied);
}

#[tokio::test]
async fn attachments_are_listed_by_name_page_by_page() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    for name in ["c", "B", "a", "d", "E"] {
        attach(&site, header("a", name), name.as_bytes(), 1).await.unwrap();
    }
    let mut reader = site.documents(Caller::Reader);
    let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page =
            reader.list_attachments(list_request("A", 2, &token)).await.unwrap().into_inner();
        names.extend(page.attachments.into_iter().map(|it| it.name));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((names.join(""), pages), ("aBcdE".to_owned(), 3));
    let other = reader.list_attachments(list_request("b", 2, "x")).await;
    refused(other, Reason::PageTokenInvalid);
}

/// A content whose file is damaged is told of at the end of a whole read.
#[tokio::test]
async fn a_damaged_content_is_not_taken_for_whole() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    attach(&site, header("a", "x"), &content(300_000), 100_000).await.unwrap();
    let folder = site.folder.path().join("databases").join(database.id().to_string()).join("blobs");
    let folder = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[7] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    refused(read(&site, get_request("a", "x")).await, Reason::ContentCorrupt);
    std::fs::write(&file, [0; 10]).unwrap();
    refused(read(&site, get_request("a", "x")).await, Reason::ContentCorrupt);
    std::fs::remove_file(&file).unwrap();
    refused(read(&site, get_request("a", "x")).await, Reason::ContentCorrupt);
}
