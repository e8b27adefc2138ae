//! Every heading and panel of the reference document has a place in `docs/README.md`, which says
//! where it is answered.

use std::collections::BTreeMap;

use crate::tree::Tree;
use crate::violation::{Violation, assert_none};

/// Headings without an entry, with two, or with an entry that answers nothing.
fn unanswered(index: &str) -> Vec<Violation> {
    let rows = rows(index);
    let mut found = Vec::new();
    for heading in HEADINGS {
        match rows.get(heading).map(Vec::as_slice) {
            None => {
                found.push(Violation::of(INDEX, format!("no entry for \"{heading}\": add one")))
            }
            Some([(line, answer)]) if !is_answer(answer) => {
                let message = format!(
                    "\"{heading}\" is answered by \"{answer}\": link to where it is answered, or \
                     say \"not yet\" or \"out of scope: …\""
                );
                found.push(Violation::at(INDEX, *line, message));
            }
            Some([_]) => {}
            Some(entries) => {
                let line = entries.last().map_or(0, |(line, _)| *line);
                let message = format!("a second entry for \"{heading}\": keep one");
                found.push(Violation::at(INDEX, line, message));
            }
        }
    }
    found
}

/// The rows of all tables with two or more columns: first cell → (line, second cell).
fn rows(text: &str) -> BTreeMap<&str, Vec<(usize, &str)>> {
    let mut found: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let mut cells = line.trim().strip_prefix('|').unwrap_or_default().split('|');
        if let (Some(heading), Some(answer)) = (cells.next(), cells.next()) {
            found.entry(heading.trim()).or_default().push((at + 1, answer.trim()));
        }
    }
    found
}

fn is_answer(answer: &str) -> bool {
    let out_of_scope = answer.strip_prefix("out of scope:").map(str::trim);
    answer == "not yet" || answer.contains("](") || out_of_scope.is_some_and(|why| !why.is_empty())
}

/// The index itself.
const INDEX: &str = "docs/README.md";

/// The headings and panels of RavenDB's page on the External Replication Task, in its order. Where
/// two have the same name, the panel is put before it.
const HEADINGS: [&str; 46] = [
    "External Replication Task",
    "Opening note: a live replica in another database",
    "Opening note: in the same cluster",
    "Opening note: in a separate cluster",
    "Opening note: live means up to date at all times",
    "Opening note: one-way",
    "Opening note: passing a client certificate",
    "Opening note: migration into a sharded database",
    "Opening note: not a backup",
    "Panel: General Information about External Replication Task",
    "What is being replicated",
    "What is being replicated: documents",
    "What is being replicated: attachments",
    "What is being replicated: revisions",
    "What is being replicated: counters",
    "What is being replicated: time series",
    "What is not being replicated",
    "Why are cluster-level features not replicated?",
    "Conflicts",
    "Panel: Step-by-Step Guide",
    "Pass Certificate from Source Server to Destination Server",
    "Create Target Database in Destination Server",
    "Define External Replication Task in the Source Database",
    "Panel: Definition",
    "Source Database",
    "Task Name",
    "Set Replication Delay Time",
    "Set Preferred Responsible Node",
    "Create a new RavenDB connection string",
    "Connection string: Name",
    "Connection string: Database",
    "Connection string: Discovery URL",
    "Connection string: Save",
    "If the destination database is in a cluster",
    "Panel: Details in Tasks List View",
    "External Replication Task Details",
    "Task Status",
    "Details: Connection String and Destination Database",
    "Details: Actual Destination URL and Topology Discovery URLs",
    "Database Group Topology",
    "Panel: Offline Behavior",
    "When the source cluster is down",
    "When the node responsible for the external replication task is down",
    "When the destination node is down",
    "When the destination node is down: another node of its cluster",
    "Related Articles",
];

#[test]
fn every_heading_of_the_reference_document_is_answered_or_admitted() {
    let index = Tree::open().text(INDEX).unwrap_or_default();
    assert_none("the index", &unanswered(&index));
}

#[test]
fn a_missing_doubled_or_empty_entry_is_found() {
    let row = |heading: &&str| format!("| {heading} | [here](a.md) |\n");
    let whole: String = HEADINGS.iter().map(row).collect();
    assert_eq!(unanswered(&whole), []);

    let without = whole.replacen("| Task Name |", "| Task Names |", 1);
    let doubled = whole.clone() + "| Task Name | not yet |\n";
    let vague = whole.replacen("| Task Name | [here](a.md) |", "| Task Name | soon |", 1);
    for (text, word) in [(without, "no entry"), (doubled, "second"), (vague, "soon")] {
        let found = unanswered(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.contains(word), "{}", found[0]);
    }
}

#[test]
fn an_answer_is_a_link_or_an_admission() {
    for answer in ["not yet", "[a](b.md)", "out of scope: Jackdaw has no indexes"] {
        assert!(is_answer(answer), "{answer}");
    }
    for answer in ["", "yes", "not yet, but soon", "out of scope:"] {
        assert!(!is_answer(answer), "{answer}");
    }
}
