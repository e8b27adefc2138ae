//! Attachments between the binaries: copied whole, once, and on behind a break.

use std::{fs, process::Stdio, time::Duration};

use anyhow::{Context as _, Result};
use jackdaw_common::{BlobHash, BlobHasher};
use jackdaw_proto::control::DeleteDatabaseRequest;
use jackdaw_tests::{proxy::Proxy, random::Random, wait::until};

use crate::setup::{Pair, SOON, done, jackdaw, path};

const MIB: usize = 1024 * 1024;

/// Bytes that nothing compresses.
fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let words = bytes.div_ceil(8);
    let mut all: Vec<u8> = (0..words).flat_map(|_| random.number().to_le_bytes()).collect();
    all.truncate(bytes);
    all
}

/// Attachments of live documents, contents, bytes of contents.
async fn counts(pair: &Pair) -> Result<[(u64, u64, u64); 2]> {
    let (source, destination) =
        (pair.source.database("shop").await?, pair.destination.database("copy").await?);
    Ok([source, destination]
        .map(|it| (it.attachments, it.attachment_contents, it.attachment_bytes)))
}

/// Files of contents of a service.
fn files(pair: &Pair, role: &str) -> Result<usize> {
    let mut files = 0;
    for database in fs::read_dir(pair.site.data(role).join("databases"))? {
        let Ok(folders) = fs::read_dir(database?.path().join("blobs")) else { continue };
        for folder in folders {
            files += fs::read_dir(folder?.path())?.count();
        }
    }
    Ok(files)
}

/// Of any size, name and type, with their documents and with nothing else; what is removed goes.
#[tokio::test(flavor = "multi_thread")]
async fn attachments_are_copied_with_their_documents() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "users/1", r#"{"a":1}"#).await?;
    let all = [
        ("profile.png", "image/png", vec![1, 2, 3]),
        ("background-photo.jpg", "ImGgE/jPeG", vec![10, 20, 30, 40, 50]),
        ("fileNAME_#$1^%_בעברית.txt", "", content(1, 3 * MIB + 1)),
        ("a\tb\\/", "a\tA", Vec::new()),
        ("border", "", content(2, 16 * 1024 + 1)),
    ];
    for (name, kind, bytes) in &all {
        pair.source.attach("shop", "users/1", name, kind, bytes).await?;
    }
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    let copied = pair.destination.document("copy", "users/1").await?;
    let original = pair.source.document("shop", "users/1").await?;
    assert_eq!(copied.attachments, original.attachments);
    for (name, kind, bytes) in &all {
        let (attachment, read) = pair.destination.attachment("copy", "USERS/1", name).await?;
        assert_eq!((attachment.name.as_str(), attachment.content_type.as_str()), (*name, *kind));
        assert_eq!(attachment.hash, BlobHash::of(bytes).to_string());
        assert!(read == *bytes, "{name}");
    }
    pair.source.detach("shop", "users/1", "BORDER").await?;
    pair.source.put("shop", "users/1", r#"{"a":2}"#).await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    pair.source.delete("shop", "users/1").await?;
    pair.caught_up(&task).await?;
    until("no content is left at either end", SOON, async || {
        let none = counts(&pair).await? == [(0, 0, 0); 2];
        Ok((none && files(&pair, "sender")? + files(&pair, "receiver")? == 0).then_some(()))
    })
    .await
}

/// One content that fifty documents have crosses once and is kept once; the last one that goes
/// takes it along, at both ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_content_crosses_once() -> Result<()> {
    let pair = Pair::new().await?;
    let proxy = Proxy::start(pair.receiver.address()).await?;
    let bytes = content(3, 10 * MIB);
    for n in 0..50 {
        let id = format!("users/{n}");
        pair.source.put("shop", &id, "{}").await?;
        pair.source.attach("shop", &id, "shared", "", &bytes).await?;
    }
    let task = pair.source.replicate("shop", "copy", &[proxy.url()]).await?.name;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 50);
    let size = bytes.len() as u64;
    assert_eq!(counts(&pair).await?, [(50, 1, size); 2]);
    assert!(proxy.sent() < size + size / 10, "{} bytes crossed", proxy.sent());
    assert_eq!((files(&pair, "sender")?, files(&pair, "receiver")?), (1, 1));
    for n in 1..50 {
        pair.source.delete("shop", &format!("users/{n}")).await?;
    }
    pair.caught_up(&task).await?;
    assert_eq!(counts(&pair).await?, [(1, 1, size); 2]);
    let (_, read) = pair.destination.attachment("copy", "users/0", "shared").await?;
    assert!(read == bytes);
    pair.source.delete("shop", "users/0").await?;
    pair.caught_up(&task).await?;
    until("the content is gone", SOON, async || {
        let gone = files(&pair, "sender")? + files(&pair, "receiver")? == 0;
        Ok((gone && counts(&pair).await? == [(0, 0, 0); 2]).then_some(()))
    })
    .await
}

/// Two tasks of one database, of which one is held in the middle of a content: the other goes on,
/// with that content and with whatever is written meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_database_do_not_hold_each_other_up() -> Result<()> {
    let pair = Pair::new().await?;
    pair.destination.create_database("second").await?;
    let proxy = Proxy::start(pair.receiver.address()).await?;
    proxy.hold_behind(3 * MIB as u64);
    let bytes = content(4, 10 * MIB);
    pair.source.put("shop", "a", "{}").await?;
    pair.source.attach("shop", "a", "large", "", &bytes).await?;
    let held = pair.source.replicate_as("held", "shop", "copy", &[proxy.url()]).await?.name;
    until("a part of the content has crossed", SOON, async || {
        Ok((proxy.sent() >= 3 * MIB as u64).then_some(()))
    })
    .await?;
    let there = [pair.receiver.url()];
    let free = pair.source.replicate_as("free", "shop", "second", &there).await?.name;
    pair.caught_up(&free).await?;
    for n in 0..100 {
        pair.source.put("shop", &format!("b/{n}"), "{}").await?;
    }
    pair.source.attach("shop", "b/0", "small", "", &[1]).await?;
    pair.caught_up(&free).await?;
    let second = pair.destination.database("second").await?;
    assert_eq!((second.documents, second.attachments), (101, 2));
    assert_eq!(pair.destination.attachment("second", "a", "large").await?.1, bytes);
    assert_eq!(pair.destination.database("copy").await?.documents, 0);
    proxy.hold_behind(u64::MAX);
    pair.caught_up(&held).await?;
    assert_eq!(pair.assert_equal().await?, 101);
    Ok(())
}

/// Puts a large file, copies it over a connection that is cut `cuts` times, and answers how many
/// bytes crossed.
async fn cut_off(pair: &Pair, mib: usize, cuts: u64) -> Result<(u64, u64)> {
    let file = pair.site.path().join("large");
    let mut hasher = BlobHasher::default();
    {
        use std::io::Write as _;
        let mut to = fs::File::create(&file)?;
        for n in 0..mib {
            let piece = content(n as u64 + 100, MIB);
            hasher.update(&piece);
            to.write_all(&piece)?;
        }
    }
    let size = (mib * MIB) as u64;
    pair.source.put("shop", "a", "{}").await?;
    let folder = pair.site.certificates();
    let (url, folder) = (pair.sender.url(), path(&folder).to_owned());
    let here = ["--url", &url, "--folder", &folder, "--database", "shop"];
    let put = [&["attachment", "put"][..], &here, &["a", "large", path(&file)]].concat();
    done(&put)?;
    let proxy = Proxy::start(pair.receiver.address()).await?;
    let task = pair.source.replicate("shop", "copy", &[proxy.url()]).await?.name;
    for n in 1..=cuts {
        until("more has crossed", SOON * 4, async || {
            Ok((proxy.sent() > size * n / (cuts + 1)).then_some(()))
        })
        .await?;
        proxy.cut();
    }
    pair.caught_up(&task).await?;
    let url = pair.receiver.url();
    let there = ["--url", &url, "--folder", &folder, "--database", "copy"];
    let copied = pair.site.path().join("copied");
    let get = [&["attachment", "get"][..], &there, &["A", "LARGE", path(&copied)]].concat();
    done(&get)?;
    assert_eq!(fs::metadata(&copied)?.len(), size);
    let attached = pair.destination.document("copy", "a").await?.attachments;
    assert_eq!(attached.first().context("nothing attached")?.hash, hasher.finish().to_string());
    let equal = std::process::Command::new("cmp")
        .args([path(&file), path(&copied)])
        .stdout(Stdio::null())
        .status()?;
    assert!(equal.success(), "the copy is another");
    Ok((proxy.sent(), size))
}

/// A connection that breaks costs little of what has come: the next session goes on behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_content_goes_on_where_its_connection_broke() -> Result<()> {
    let pair = Pair::new().await?;
    let (crossed, size) = cut_off(&pair, 96, 4).await?;
    // What is on its way when it is cut: the connection's window, and a few pieces.
    let most = size + 4 * (8 * MIB as u64) + size / 20;
    assert!(crossed < most, "{crossed} bytes crossed for {size}");
    Ok(())
}

/// Two GiB over a connection that is cut ten times: a tenth more crosses at most, and neither
/// process holds the content in memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and 6 GiB of disk"]
async fn two_gib_over_ten_cuts() -> Result<()> {
    let pair = Pair::new().await?;
    let (crossed, size) = cut_off(&pair, 2048, 10).await?;
    assert!(crossed < size + size / 10, "{crossed} bytes crossed for {size}");
    for pid in [pair.sender.pid(), pair.receiver.pid()] {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
        println!("peak memory {} MiB, {crossed} of {size} bytes crossed", kib / 1024);
        assert!(kib < 256 * 1024, "{kib} KiB");
    }
    Ok(())
}

/// A receiver that is killed while a content comes goes on with it; a sender too.
#[tokio::test(flavor = "multi_thread")]
async fn a_content_survives_kills_of_both_ends() -> Result<()> {
    let mut pair = Pair::new().await?;
    let bytes = content(7, 48 * MIB);
    pair.source.put("shop", "a", "{}").await?;
    pair.source.attach("shop", "a", "large", "", &bytes).await?;
    let task = pair.replicate().await?;
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(40 * (round + 1))).await;
        pair.kill_in_turn(round).await?;
    }
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    let (_, read) = pair.destination.attachment("copy", "a", "large").await?;
    assert!(read == bytes);
    assert_eq!((files(&pair, "sender")?, files(&pair, "receiver")?), (1, 1));
    Ok(())
}

/// A backup has the contents too, and a database that is restored from it reads and sends them.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_the_contents() -> Result<()> {
    let pair = Pair::new().await?;
    let (small, large) = (content(1, 100), content(2, 2 * MIB + 5));
    pair.source.put("shop", "a", "{}").await?;
    pair.source.attach("shop", "a", "small", "", &small).await?;
    pair.source.attach("shop", "a", "large", "", &large).await?;
    let folder = pair.site.certificates();
    let (url, folder) = (pair.sender.url(), path(&folder).to_owned());
    let file = pair.site.path().join("shop.backup");
    let here = ["--url", &url, "--folder", &folder];
    done(&[&["database", "backup"][..], &here, &["shop", path(&file)]].concat())?;
    let request = DeleteDatabaseRequest { name: "databases/shop".into() };
    pair.source.databases().delete_database(request).await?;
    let from = ["--from", path(&file), "shop"];
    done(&[&["database", "restore"][..], &here, &from].concat())?;
    for (name, bytes) in [("small", &small), ("large", &large)] {
        let (_, read) = pair.source.attachment("shop", "a", name).await?;
        assert!(read == *bytes, "{name}");
    }
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    assert_eq!(pair.assert_equal().await?, 1);
    let (_, read) = pair.destination.attachment("copy", "a", "large").await?;
    assert!(read == large);
    Ok(())
}

/// Both ends list what was attached, whatever has become of the bytes; who reads them knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_that_reads_contents_finds_a_spoilt_one() -> Result<()> {
    let pair = Pair::new().await?;
    let (small, large) = (content(8, 100), content(9, 2 * MIB + 5));
    pair.source.put("shop", "a", "{}").await?;
    pair.source.attach("shop", "a", "small", "", &small).await?;
    pair.source.attach("shop", "a", "large", "", &large).await?;
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    let folder = pair.site.certificates();
    let (from, to, folder) = (pair.sender.url(), pair.receiver.url(), path(&folder).to_owned());
    let compare = |more: &[&str]| {
        let ends = [
            ["--source-url", &from, "--source-database", "shop"],
            ["--destination-url", &to, "--destination-database", "copy"],
        ];
        jackdaw(&[&["compare", "--folder", &folder][..], ends.as_flattened(), more].concat())
    };
    let sound = compare(&["--contents"])?;
    let said = String::from_utf8_lossy(&sound.stdout);
    assert!(sound.status.success(), "{said}");
    assert!(said.contains("2 at the source, 2 at the destination"), "{said}");

    let mut spoilt = 0;
    for database in fs::read_dir(pair.site.data("receiver").join("databases"))? {
        let Ok(folders) = fs::read_dir(database?.path().join("blobs")) else { continue };
        for folder in folders {
            for file in fs::read_dir(folder?.path())? {
                let file = file?.path();
                let mut bytes = fs::read(&file)?;
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&file, bytes)?;
                spoilt += 1;
            }
        }
    }
    assert_eq!(spoilt, 1, "the small one is no file");
    assert!(compare(&[])?.status.success(), "the lists are equal");
    let found = compare(&["--contents"])?;
    let said = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "{said}");
    assert!(said.contains("a: large, at the destination"), "{said}");
    Ok(())
}

/// One that no line has room for goes out and in again in several; half of it is not taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_attachment_is_exported_and_imported() -> Result<()> {
    let pair = Pair::new().await?;
    let large = content(10, 49 * MIB + 3);
    pair.source.put("shop", "a", "{}").await?;
    pair.source.attach("shop", "a", "large", "t", &large).await?;
    let folder = pair.site.certificates();
    let (from, to, folder) = (pair.sender.url(), pair.receiver.url(), path(&folder).to_owned());
    let (whole, half) = (pair.site.path().join("all.jsonl"), pair.site.path().join("half.jsonl"));
    let from = ["--url", &from, "--folder", &folder, "--database", "shop"];
    let to = ["--url", &to, "--folder", &folder, "--database", "copy"];
    done(&[&["export"][..], &from, &[path(&whole)]].concat())?;
    let text = fs::read_to_string(&whole)?;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() > 3, "{} lines", lines.len());

    fs::write(&half, lines[..lines.len() - 1].join("\n"))?;
    let refused = jackdaw(&[&["import"][..], &to, &[path(&half)]].concat())?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("does not stand here"), "{said}");
    assert!(pair.destination.document("copy", "a").await?.attachments.is_empty());
    done(&[&["import"][..], &to, &[path(&whole)]].concat())?;
    let (attachment, read) = pair.destination.attachment("copy", "a", "large").await?;
    assert!(read == large && attachment.content_type == "t");
    Ok(())
}
