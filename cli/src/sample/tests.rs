//! What `sample` promises, tried out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::*;
use crate::json_lines::Kind;

fn documents(lines: impl Iterator<Item = Result<Numbered, LineError>>) -> Vec<DocumentLine> {
    lines
        .map(|line| match line.unwrap().line {
            Line::Document(document) => document,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_built_in_documents_are_what_they_promise() {
    let built_in: Vec<_> = built_in().map(Result::unwrap).collect();
    let is_document = |it: &&Numbered| matches!(it.line, Line::Document(_));
    let documents = documents(built_in.iter().filter(is_document).cloned().map(Ok));
    assert!((190..=230).contains(&documents.len()), "{}", documents.len());
    let ids: HashSet<_> = documents.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids.len(), documents.len());
    let collections: BTreeSet<_> =
        documents.iter().map(|it| it.id.key().split('/').next().unwrap().to_owned()).collect();
    assert_eq!(collections.len(), 6, "{collections:?}");
    let bodies: Vec<_> =
        documents.iter().map(|it| std::str::from_utf8(&it.body).unwrap()).collect();
    for wanted in ["1e400", "-0.0", "カケス", "בן", "🌰", "\\ud83d\\udc26", "\\u0000"] {
        assert!(bodies.iter().any(|body| body.contains(wanted)), "{wanted}");
    }
}

/// Whoever tries it sees every kind there is.
#[test]
fn the_built_in_documents_have_something_of_every_kind() {
    let mut counts = BTreeMap::new();
    for line in built_in() {
        let kind = match line.unwrap().line {
            Line::Document(_) => Kind::Document,
            Line::Attachment(_) => Kind::Attachment,
            Line::Counter(_) => Kind::Counter,
            Line::TimeSeries(_) => Kind::TimeSeries,
            Line::Revision(_) => Kind::Revision,
            Line::LeftOut(kind) => panic!("{kind}"),
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    assert!(Kind::ALL.iter().all(|kind| counts.get(kind) >= Some(&8)), "{counts:?}");
}

#[test]
fn generated_documents_are_the_same_every_time() {
    let few = documents(generated(100));
    assert_eq!(few, documents(generated(200))[..100]);
    assert_ne!(few[0].body, few[1].body);
    let first = std::str::from_utf8(&few[0].body).unwrap();
    assert!(first.starts_with(FIRST), "{first}");
}

/// How the first document begins: whoever changes the generator changes what benchmarks measure.
const FIRST: &str = "{\"Customer\":\"customers/";

#[test]
fn generated_documents_are_json_of_the_size_promised() {
    for document in documents(generated(500)) {
        assert!((1200..1450).contains(&document.body.len()), "{}", document.body.len());
        let body: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
        assert_eq!(body["@metadata"]["@collection"], "Orders");
        assert!(body["Lines"].as_array().unwrap().len() >= 5);
    }
}
