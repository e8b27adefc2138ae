//! A file of JSON lines of all kinds, imported, copied and exported from the copy: the copy has
//! what the file has, by counts and by content.
//!
//! The file is the sample of `jackdaw quickstart`; `JACKDAW_IMPORT` names another one.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use jackdaw_proto::control::Database;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::data::{imported, jackdaw};
use crate::setup::Pair;

/// What a file has of everything but revisions: by kind, document and name what it says.
#[derive(Debug, Default, PartialEq)]
struct Content {
    all: BTreeMap<[String; 3], String>,
    counters: BTreeMap<[String; 2], i64>,
    /// By series and time.
    entries: BTreeMap<[String; 3], String>,
    revisions: u64,
}

/// A line of the file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    kind: String,
    id: String,
    document_id: String,
    name: String,
    /// As it stands there: it may have numbers that no type has.
    body: Option<Box<RawValue>>,
    content_type: String,
    data_base64: String,
    value: i64,
    entries: Vec<(String, Vec<f64>, Option<String>)>,
}

impl Content {
    fn read(path: &Path) -> Result<Self> {
        let mut content = Self::default();
        for line in fs::read_to_string(path)?.lines() {
            content.add(serde_json::from_str(line).with_context(|| line.to_owned())?)?;
        }
        Ok(content)
    }

    fn add(&mut self, line: Line) -> Result<()> {
        let Line { kind, id, content_type, data_base64, .. } = line;
        let [id, document, name] =
            [id, line.document_id, line.name].map(|text| text.to_lowercase());
        match &*kind {
            "document" => {
                let body = line.body.context("no body")?.get().to_owned();
                self.all.insert([kind, id, name], body);
            }
            "attachment" => {
                self.all.insert([kind, document, name], [content_type, data_base64].join(" "));
            }
            "counter" => *self.counters.entry([document, name]).or_default() += line.value,
            "time_series" => {
                for (time, values, tag) in line.entries {
                    let says = format!("{values:?} {tag:?}");
                    self.entries.insert([document.clone(), name.clone(), time], says);
                }
            }
            "revision" => self.revisions += 1,
            other => anyhow::bail!("{other}"),
        }
        Ok(())
    }

    /// How much there is of each kind.
    fn counts(&self) -> [u64; 5] {
        let of = |kind: &str| self.all.keys().filter(|key| key[0] == kind).count() as u64;
        let (counters, entries) = (self.counters.len() as u64, self.entries.len() as u64);
        [of("document"), of("attachment"), counters, entries, self.revisions]
    }
}

fn counts(database: &Database) -> [u64; 5] {
    [
        database.documents,
        database.attachments,
        database.counters,
        database.time_series_entries,
        database.revisions,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_file_of_all_kinds_is_copied_whole() -> Result<()> {
    let file = imported();
    let content = Content::read(&file)?;
    assert!(content.counts()[..4].iter().all(|count| *count > 0), "{:?}", content.counts());

    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    let (url, path) = (pair.sender.url(), file.to_str().context("not UTF-8")?);
    jackdaw(&pair, &["import", "--url", &url, "--database", "shop", path])?;
    pair.caught_up(&task).await?;
    assert_eq!(counts(&pair.source.database("shop").await?), content.counts());
    assert_eq!(counts(&pair.destination.database("copy").await?), content.counts());
    let there = pair.receiver.url();
    let exported = pair.site.certificates().join("exported.jsonl");
    let to = exported.to_str().context("not UTF-8")?;
    jackdaw(&pair, &["export", "--url", &there, "--database", "copy", to])?;
    let copy = Content::read(&exported)?;
    assert_eq!(copy.counts(), content.counts());
    assert!(copy == content, "the copy has something else than {path}");
    let from = ["compare", "--source-url", &url, "--source-database", "shop", "--contents"];
    let to = ["--destination-url", &there, "--destination-database", "copy"];
    jackdaw(&pair, &[&from[..], &to].concat())?;
    Ok(())
}
