//! A file of JSON lines, imported, copied, changed: the copy has the file's very bytes.
//!
//! The file is the sample of `jackdaw quickstart`; `JACKDAW_IMPORT` names another one.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use jackdaw_tests::service::binary;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::setup::Pair;

/// Documents that are changed once the copy is live.
const CHANGED: usize = 100;
/// Documents that are deleted then.
const DELETED: usize = 50;

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    id: String,
    body: Option<Box<RawValue>>,
}

/// The documents of a file: id to body.
fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    let mut documents = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let line: Line = serde_json::from_str(line)?;
        if line.kind == "document" {
            let body = line.body.context("no body")?.get().to_owned();
            documents.insert(line.id, body);
        }
    }
    Ok(documents)
}

/// The file that is imported.
pub(super) fn imported() -> PathBuf {
    let sample = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/src/sample/sample.jsonl");
    env::var_os("JACKDAW_IMPORT").map_or_else(sample, PathBuf::from)
}

/// Runs `jackdaw` as the administrator.
pub(super) fn jackdaw(pair: &Pair, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(binary("jackdaw")?)
        .args(arguments)
        .arg("--folder")
        .arg(pair.site.certificates())
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {said}");
    Ok(output)
}

/// The copy holds these documents and no others, byte for byte, and `compare` says so too.
async fn assert_copied(pair: &Pair, documents: &BTreeMap<String, String>) -> Result<()> {
    let copy = pair.destination.content("copy").await?;
    assert_eq!(copy.len(), documents.len());
    for (id, body) in documents {
        let (_, copied, _) = copy.get(id).with_context(|| format!("{id} is missing"))?;
        assert_eq!(copied, body, "{id}");
    }
    let (source, destination) = (pair.sender.url(), pair.receiver.url());
    let from = ["compare", "--source-url", &source, "--source-database", "shop"];
    let to = ["--destination-url", &destination, "--destination-database", "copy"];
    jackdaw(pair, &[&from[..], &to].concat())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_file_is_copied_byte_for_byte() -> Result<()> {
    let file = imported();
    let mut documents = read(&file)?;
    assert!(documents.len() > CHANGED + DELETED, "{} documents", documents.len());

    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    let (url, file) = (pair.sender.url(), file.to_str().context("not UTF-8")?);
    let into = ["import", "--url", &url, "--database", "shop", "--only", "documents", file];
    jackdaw(&pair, &into)?;
    pair.caught_up(&task).await?;
    assert_copied(&pair, &documents).await?;

    let ids: Vec<String> = documents.keys().take(CHANGED + DELETED).cloned().collect();
    for (n, id) in ids.into_iter().enumerate() {
        if n < CHANGED {
            let body = format!(r#"{{"Was":{}, "Changed":{n}}}"#, documents[&id]);
            pair.source.put("shop", &id, &body).await?;
            documents.insert(id, body);
        } else {
            pair.source.delete("shop", &id).await?;
            documents.remove(&id);
        }
    }
    pair.caught_up(&task).await?;
    assert_copied(&pair, &documents).await?;
    assert_eq!(pair.assert_equal().await?, documents.len());
    assert_eq!(pair.destination.database("copy").await?.tombstones, DELETED as u64);
    Ok(())
}
