//! The shape of a Rust file: a head, a length, functions of a length, a width.

use crate::code::{closing, code, is_word, line_of, words};
use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// Every file says at its top what it is.
fn heads(path: &str, source: &str) -> Vec<Violation> {
    let head: Vec<&str> =
        source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let words = head.iter().flat_map(|line| line.split_whitespace()).count();
    let remedy = "open with `//!`: what the module owns, what it never does, who calls it";
    if words >= HEAD_WORDS_MIN { Vec::new() } else { vec![Violation::at(path, 1, remedy)] }
}

/// A file that is too long lacks a noun.
fn file_lengths(path: &str, source: &str) -> Vec<Violation> {
    let max = if is_test(path) { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    let lines = lines_before_tests(source);
    if lines <= max {
        return Vec::new();
    }
    let message = format!("{lines} lines, at most {max}: look for the noun that is missing");
    vec![Violation::of(path, message)]
}

/// A function that is too long hides a step that has a name.
fn function_lengths(path: &str, source: &str) -> Vec<Violation> {
    functions(&code(source))
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|Function { name, line, lines }| {
            let message = format!(
                "fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}: name a step of it"
            );
            Violation::at(path, line, message)
        })
        .collect()
}

/// Lines fit into the columns, but for those that a long address makes.
fn columns(path: &str, source: &str) -> Vec<Violation> {
    let wide = |line: &str| line.chars().count() > COLUMNS_MAX && !line.contains("://");
    source
        .lines()
        .enumerate()
        .filter(|(_, line)| wide(line))
        .map(|(at, line)| {
            let message =
                format!("{} columns, at most {COLUMNS_MAX}: break it", line.chars().count());
            Violation::at(path, at + 1, message)
        })
        .collect()
}

/// Whether a file holds tests only: a `tests.rs`, a folder of them, or the crate of them.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests" || part == "benches")
}

/// The lines above an inline `mod tests`, all lines where there is none.
fn lines_before_tests(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    let inline = |pair: &[&str]| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    lines.windows(2).position(inline).unwrap_or(lines.len())
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    /// From `fn` to the closing brace, both counted.
    lines: usize,
}

/// Every function of a file's code, nested ones too.
fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|at| function_at(code, at)).collect()
}

/// The function whose `fn` stands here, if it has a name and a body.
fn function_at(code: &str, at: usize) -> Option<Function> {
    let name: String = code[at + 2..]
        .trim_start()
        .chars()
        .take_while(|&character| is_word(character) || matches!(character, '$' | '#'))
        .collect();
    let open = body_start(code, at).filter(|_| !name.is_empty())?;
    let end = closing(code, open).saturating_sub(1);
    let (line, last) = (line_of(code, at), line_of(code, end));
    Some(Function { name, line, lines: last - line + 1 })
}

/// The brace that opens the body of the function at `at`; nothing for a declaration.
fn body_start(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, character) in code[at..].char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at + offset),
            _ => {}
        }
    }
    None
}

/// Words of a head below which it says nothing.
const HEAD_WORDS_MIN: usize = 2;
/// Lines of a file without its tests: about ten screens.
const FILE_LINES_MAX: usize = 500;
/// Lines of a file of tests: cases may be many.
const TEST_FILE_LINES_MAX: usize = 800;
/// Lines of a function: one screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line: two files side by side.
const COLUMNS_MAX: usize = 100;

fn every(rule: fn(&str, &str) -> Vec<Violation>) -> Vec<Violation> {
    let tree = Tree::open();
    tree.texts(".rs").into_iter().flat_map(|(path, source)| rule(path, &source)).collect()
}

#[test]
fn every_module_has_a_head() {
    assert_none("module heads", &every(heads));
}

#[test]
fn every_file_is_short() {
    assert_none("lengths of files", &every(file_lengths));
}

#[test]
fn every_function_is_short() {
    assert_none("lengths of functions", &every(function_lengths));
}

#[test]
fn every_line_is_short() {
    assert_none("columns", &every(columns));
}

#[test]
fn a_missing_or_empty_head_is_found() {
    assert_eq!(heads("a.rs", "//! What this module is for.\nfn a() {}").len(), 0);
    assert_eq!(lines(&heads("a.rs", "// A comment.\n//! Too late to be one.")), [1]);
    assert_eq!(lines(&heads("a.rs", "//! Skeleton.\nfn main() {}")), [1]);
    assert_eq!(lines(&heads("a.rs", "")), [1]);
}

#[test]
fn a_long_file_is_found() {
    let long = "//! x\n".repeat(FILE_LINES_MAX + 1);
    assert_eq!(file_lengths("common/src/a.rs", &long).len(), 1);
    assert_eq!(file_lengths("common/src/a/tests.rs", &long).len(), 0);
    assert_eq!(file_lengths("tests/tidy/a.rs", &long).len(), 0);
    let longer = "//! x\n".repeat(TEST_FILE_LINES_MAX + 1);
    assert_eq!(file_lengths("common/src/a/tests.rs", &longer).len(), 1);
    let inline = "x\n".repeat(FILE_LINES_MAX) + "#[cfg(test)]\nmod tests {\n" + &long + "}\n";
    assert_eq!(file_lengths("common/src/a.rs", &inline).len(), 0);
}

#[test]
fn a_long_function_is_found() {
    let body = |lines: usize| "    // { a brace in a comment\n".repeat(lines);
    let fits = format!("fn a<const N: usize>(b: [u8; 2])\n{{\n{}}}\n", body(67));
    assert_eq!(function_lengths("a.rs", &fits), []);
    let long = format!("struct A;\nimpl A {{\n    fn b() {{\n{}    }}\n}}\n", body(69));
    let found = function_lengths("a.rs", &long);
    assert_eq!(lines(&found), [3]);
    assert!(found[0].message.contains("fn b has 71 lines"), "{}", found[0]);
}

#[test]
fn declarations_and_function_pointers_are_no_functions() {
    let code = "trait A { fn a(&self); fn b() { } }\ntype B = fn(u8) -> u8;\nstruct C { d: fn() }";
    let names: Vec<String> = functions(code).into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_wide_line_is_found() {
    let wide = format!("a\n{}\n// https://{}\n", "é".repeat(101), "x".repeat(200));
    assert_eq!(lines(&columns("a.rs", &wide)), [2]);
    assert_eq!(columns("a.rs", &"é".repeat(100)), []);
}
