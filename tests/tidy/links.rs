//! Every relative link of a Markdown file leads to a file of the tree, and to a heading in it.

use std::collections::BTreeSet;

use crate::code::line_of;
use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// What a link can lead to.
trait Site {
    fn exists(&self, path: &str) -> bool;
    fn text(&self, path: &str) -> Option<String>;
}

impl Site for Tree {
    fn exists(&self, path: &str) -> bool {
        Self::exists(self, path)
    }

    fn text(&self, path: &str) -> Option<String> {
        Self::text(self, path)
    }
}

/// The dead links of one Markdown file.
fn dead(site: &impl Site, path: &str, text: &str) -> Vec<Violation> {
    let prose = prose(text);
    targets(&prose)
        .into_iter()
        .filter_map(|(at, target)| {
            let message = failure(site, path, &target)?;
            Some(Violation::at(path, line_of(&prose, at), format!("{target}: {message}")))
        })
        .collect()
}

/// Why a link leads nowhere; nothing when it does, or when it leaves the repository.
fn failure(site: &impl Site, path: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(file) = resolved(path, file) else {
        return Some("leads out of the repository: make it relative, or an address".to_owned());
    };
    if !site.exists(&file) {
        return Some(format!("there is no {file}: repair or remove the link"));
    }
    if anchor.is_empty() || !file.ends_with(".md") {
        return None;
    }
    let anchors = anchors(&site.text(&file).unwrap_or_default());
    let missing = !anchors.contains(&anchor.to_lowercase());
    missing.then(|| format!("{file} has no heading with the anchor #{anchor}"))
}

/// A link's file from the root, seen from the file that holds the link; the same file when empty.
fn resolved(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    if link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The text with code blocks and code spans blanked, byte for byte.
fn prose(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        let fenced = fence.is_some() || mark.is_some();
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        out.push_str(&if fenced { blank(line) } else { without_spans(line) });
    }
    out
}

/// A line with what stands between backticks blanked.
fn without_spans(line: &str) -> String {
    let mut parts: Vec<String> = line.split('`').map(str::to_owned).collect();
    let closed = parts.len() - usize::from(parts.len().is_multiple_of(2));
    for part in parts[..closed].iter_mut().skip(1).step_by(2) {
        *part = blank(part);
    }
    parts.join("`")
}

fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Every link target of a text without code, with its byte offset.
fn targets(prose: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (opening, ending) in [("](", ')'), ("href=\"", '"'), ("src=\"", '"')] {
        for (at, _) in prose.match_indices(opening) {
            let rest = &prose[at + opening.len()..];
            let target = rest.split([ending, ' ', '\n']).next().unwrap_or_default();
            found.push((at, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    let mut offset = 0;
    for line in prose.split_inclusive('\n') {
        if let Some(target) = definition(line) {
            found.push((offset, target));
        }
        offset += line.len();
    }
    found.sort();
    found
}

/// The target of `[name]: target`.
fn definition(line: &str) -> Option<String> {
    let (name, target) = line.trim().strip_prefix('[')?.split_once("]:")?;
    let target = target.split_whitespace().next().filter(|_| !name.contains(']'))?;
    Some(target.trim_matches(['<', '>']).to_owned())
}

/// The anchors that a text's headings make, and those it sets itself.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let prose = prose(text);
    for (line, shown) in prose.lines().zip(text.lines()) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if (1..=6).contains(&level) && title.starts_with(' ') {
            let slug = slug(&shown[level..]);
            let numbered = (1..).map(|number| format!("{slug}-{number}"));
            let fresh = std::iter::once(slug.clone()).chain(numbered);
            found.extend(fresh.into_iter().find(|anchor| !found.contains(anchor)));
        }
    }
    for opening in ["id=\"", "name=\""] {
        let own = prose.split(opening).skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(own.map(str::to_lowercase));
    }
    found
}

/// A heading as its anchor: lower case, words and hyphens, links by their text.
fn slug(heading: &str) -> String {
    let mut text = heading.trim().trim_end_matches('#').trim().to_owned();
    while let Some(middle) = text.find("](") {
        let end = text[middle..].find(')').map_or(text.len(), |at| middle + at + 1);
        text.replace_range(middle..end, "");
    }
    text.to_lowercase()
        .chars()
        .filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let tree = Tree::open();
    let files = tree.texts(".md").into_iter();
    let found: Vec<Violation> = files.flat_map(|(path, text)| dead(&tree, path, &text)).collect();
    assert_none("links", &found);
}

/// Two files that are not on any disk.
struct Sample;

impl Site for Sample {
    fn exists(&self, path: &str) -> bool {
        ["docs/a.md", "b.md", "docs"].contains(&path)
    }

    fn text(&self, path: &str) -> Option<String> {
        let text = "# One two\n## I/O, & `code`\n## One two\n```\n# no\n```\n<a id=\"own\"></a>\n";
        self.exists(path).then(|| text.to_owned())
    }
}

fn dead_lines(text: &str) -> Vec<usize> {
    lines(&dead(&Sample, "docs/a.md", text))
}

#[test]
fn dead_links_are_found() {
    let text = "[x](a.md) [y](gone.md)\n[z](../b.md#one-two \"title\")\n![i](../gone.png)\n\
                [n]: missing.md\n[h](/b.md)\n[o](../../out.md)\n<img src=\"no.svg\">\n";
    assert_eq!(dead_lines(text), [1, 3, 4, 5, 6, 7]);
}

#[test]
fn dead_anchors_are_found() {
    let text = "[a](#one-two)\n[b](../b.md#own)\n[c](#one-two-1)\n[d](#io--code)\n\
                [e](#no)\n[f](../b.md#one-two-2)\n";
    assert_eq!(dead_lines(text), [5, 6]);
}

#[test]
fn code_and_addresses_are_left_alone() {
    let text = "`[x](gone.md)` and ``` a\n[x](https://example.invalid/a)\n~~~\n[y](gone.md)\n~~~\n\
                [z](mailto:a@example.invalid) [folder](../docs/)\n";
    assert_eq!(dead_lines(text), Vec::<usize>::new());
}

#[test]
fn headings_become_anchors() {
    assert_eq!(slug(" The `docs/` folder: [what](x.md) it_is "), "the-docs-folder-what-it_is");
    assert_eq!(slug(" 3. The way of one change"), "3-the-way-of-one-change");
}
