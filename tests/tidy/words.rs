//! What must not be written anywhere: a developer's own paths, work put off, exemptions without a
//! reason.

use crate::code::{closing, code, is_word, line_of, words};
use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// A path of one machine works on that machine only.
fn machine_paths(path: &str, text: &str) -> Vec<Violation> {
    let inside = |character: char| is_word(character) || "./-~}$*>".contains(character);
    MACHINE_PATHS
        .iter()
        .flat_map(|folder| text.match_indices(folder))
        .filter(|(at, _)| !text[..*at].ends_with(inside))
        .map(|(at, folder)| {
            let message = format!("{folder} is a path of one machine: make it relative");
            Violation::at(path, line_of(text, at), message)
        })
        .collect()
}

/// Work that was put off is an entry in a tracker, not in the tree.
fn put_off(path: &str, text: &str) -> Vec<Violation> {
    PUT_OFF
        .iter()
        .flat_map(|word| words(text, word).map(move |at| (*word, at)))
        .map(|(word, at)| {
            let message =
                format!("{word}: do it, or leave it out; what is not there needs no mark");
            Violation::at(path, line_of(text, at), message)
        })
        .collect()
}

/// A macro that ends the process where code should stand.
fn unwritten(path: &str, source: &str) -> Vec<Violation> {
    let code = code(source);
    UNWRITTEN
        .iter()
        .flat_map(|name| words(&code, name).map(move |at| (*name, at)))
        .filter(|(name, at)| code[at + name.len()..].starts_with('!'))
        .map(|(name, at)| {
            let message = format!("{name}! stands for code: write it, or leave out what needs it");
            Violation::at(path, line_of(&code, at), message)
        })
        .collect()
}

/// A lint switched off, or a test, without saying why.
fn exemptions(path: &str, source: &str) -> Vec<Violation> {
    let code = code(source);
    attributes(&code)
        .filter_map(|(at, attribute)| {
            let remedy = exemption(attribute)?;
            Some(Violation::at(path, line_of(&code, at), remedy))
        })
        .collect()
}

/// What is wrong with an attribute, if it exempts from something.
fn exemption(attribute: &str) -> Option<&'static str> {
    let calls = |name| words(attribute, name).any(|at| attribute[at + 5..].starts_with('('));
    let expects = words(attribute, "expect").any(|at| attribute[at + 6..].starts_with('('));
    let reasoned = words(attribute, "reason").next().is_some();
    let ignored = words(attribute, "ignore").next();
    let says_why = attribute.contains('=') && !attribute.contains("\"\"");
    if (calls("allow") || expects) && !reasoned {
        Some("a lint is switched off in silence: #[expect(lint, reason = \"…\")]")
    } else if ignored.is_some_and(|at| at == 0) && !says_why {
        Some("a test is switched off in silence: #[ignore = \"…\"]")
    } else {
        None
    }
}

/// Every attribute of a file's code: its offset and what stands between the brackets.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(at, _)| {
        let open = at + 1 + usize::from(code[at + 1..].starts_with('!'));
        let inside = code[open..].starts_with('[');
        inside.then(|| (at, code[open + 1..closing(code, open).saturating_sub(1)].trim()))
    })
}

// Written in two parts, so that this file does not break its own rules.

/// Folders that only one machine has.
const MACHINE_PATHS: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
/// Marks of work put off.
const PUT_OFF: [&str; 2] = [concat!("FIX", "ME"), concat!("X", "XX")];
/// Macros that stand for code.
const UNWRITTEN: [&str; 2] = ["todo", "unimplemented"];

/// Files that are made, not written.
const GENERATED: [&str; 1] = ["Cargo.lock"];

fn every(ending: &str, rule: fn(&str, &str) -> Vec<Violation>) -> Vec<Violation> {
    let tree = Tree::open();
    tree.texts(ending)
        .into_iter()
        .filter(|(path, _)| !GENERATED.contains(path))
        .flat_map(|(path, text)| rule(path, &text))
        .collect()
}

#[test]
fn no_file_names_a_machine() {
    assert_none("paths of one machine", &every("", machine_paths));
}

#[test]
fn no_file_puts_work_off() {
    assert_none("work put off", &every("", put_off));
}

#[test]
fn no_code_is_unwritten() {
    assert_none("unwritten code", &every(".rs", unwritten));
}

#[test]
fn no_exemption_is_silent() {
    assert_none("exemptions", &every(".rs", exemptions));
}

#[test]
fn a_path_of_one_machine_is_found() {
    let [work, root, _] = MACHINE_PATHS;
    let text = format!("cd {work}main\nsee ./tests{work}a and target{root}b\nopen(\"{root}c\")\n");
    assert_eq!(lines(&machine_paths("a.md", &text)), [1, 3]);
}

#[test]
fn work_put_off_is_found() {
    let [repair, mark] = PUT_OFF;
    let text = format!("// {repair}: later\nmktemp a.{mark}{mark}\n# {mark}\n");
    assert_eq!(lines(&put_off("a.rs", &text)), [1, 3]);
}

#[test]
fn unwritten_code_is_found() {
    let source = "// todo! in a comment\nfn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\n\
                  fn todo() {}\n";
    assert_eq!(lines(&unwritten("a.rs", source)), [2, 3]);
}

#[test]
fn silent_exemptions_are_found() {
    let source = "#![allow(dead_code)]\n#[expect(unused, reason = \"shown\")]\n#[ignore]\n\
                  #[ignore = \"needs a disk of its own\"]\n#[ignore = \"\"]\n\
                  #[expect(\n    unused\n)]\n\
                  #[cfg_attr(test, allow(unused))]\n// #[allow(x)]\n\
                  #[allow(unused, reason = \"in one configuration only\")]\n\
                  fn a() { b[0].expect(\"x\") }\n";
    assert_eq!(lines(&exemptions("a.rs", source)), [1, 3, 5, 6, 9]);
}
