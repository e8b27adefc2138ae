//! Rust source reduced to code: comments, strings and characters blanked, everything else in its
//! place, so that a rule can look for words and count braces without being fooled.
//!
//! Not a parser. It knows as much of the language as the rules need.

/// The code of a source text: same lines, same columns, literals and comments turned to spaces.
/// The quotes of a string stay, so that an empty one can be told from none.
pub(crate) fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(blanked(&chars[at..end]));
        at = end;
    }
    out
}

/// Spaces for a comment or literal, but for its line breaks and the quotes around a string.
fn blanked(literal: &[char]) -> impl Iterator<Item = char> + '_ {
    let string = !matches!(literal[0], '/' | '\'');
    let first = literal.iter().position(|&c| c == '"').filter(|_| string);
    let last = literal.iter().rposition(|&c| c == '"').filter(|_| string);
    literal.iter().enumerate().map(move |(at, &character)| {
        let keep = character == '\n' || Some(at) == first || Some(at) == last;
        if keep { character } else { ' ' }
    })
}

/// Where the comment or literal that starts here ends; `at` itself when none starts here.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        '\'' => character_end(chars, at),
        'r' | 'b' | 'c' if !follows_word(chars, at) => prefixed_end(chars, at),
        _ => at,
    }
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `b'x'` and their like.
fn prefixed_end(chars: &[char], at: usize) -> usize {
    let letters = chars[at..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = chars[at + letters..].iter().take_while(|&&c| c == '#').count();
    let quote = at + letters + hashes;
    let raw = chars[at..at + letters].contains(&'r');
    match chars.get(quote) {
        Some('"') if raw => raw_string_end(chars, quote, hashes),
        Some('"') if hashes == 0 => string_end(chars, quote),
        Some('\'') if hashes == 0 && letters == 1 && !raw => character_end(chars, quote),
        _ => at,
    }
}

fn raw_string_end(chars: &[char], quote: usize, hashes: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        let closing = &chars[at + 1..chars.len().min(at + 1 + hashes)];
        if chars[at] == '"' && closing.len() == hashes && closing.iter().all(|&c| c == '#') {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn string_end(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    chars.len().min(at + 1)
}

/// A character's end; a lifetime has none and starts nothing.
fn character_end(chars: &[char], quote: usize) -> usize {
    match (chars.get(quote + 1), chars.get(quote + 2)) {
        (Some('\\'), Some(_)) => chars.len().min(find(chars, quote + 3, |c| c == '\'') + 1),
        (Some(_), Some('\'')) => quote + 3,
        _ => quote,
    }
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    at
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&at| wanted(chars[at])).unwrap_or(chars.len())
}

fn follows_word(chars: &[char], at: usize) -> bool {
    at > 0 && is_word(chars[at - 1])
}

/// Whether a character may stand in an identifier.
pub(crate) fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The byte offsets at which `word` stands by itself.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
    })
}

/// The line of a byte offset, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The byte offset just behind the bracket that closes the one at `open`; the end when none does.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[open..].char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    code.len()
}

/// What follows `root::` wherever `root` is named in code: the line and the first segment of each
/// path, also inside braces. `use root as other` gives the segment `as`.
pub(crate) fn first_segments(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        let rest = code[at + root.len()..].trim_start();
        if let Some(path) = rest.strip_prefix("::") {
            let path = path.trim_start();
            let start = code.len() - path.len();
            if path.starts_with('{') {
                let group = &code[start + 1..closing(code, start).saturating_sub(1)];
                found.extend(
                    split_group(group)
                        .map(|(offset, segment)| (line_of(code, start + 1 + offset), segment)),
                );
            } else {
                found.push((line_of(code, start), leading_word(path)));
            }
        } else if words(rest, "as").next() == Some(0) {
            found.push((line_of(code, at), "as".to_owned()));
        }
    }
    found
}

/// The leading word of each comma-separated part of a `use` group, with its byte offset.
fn split_group(group: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut depth = 0_usize;
    let mut begins = vec![0];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => begins.push(at + 1),
            _ => {}
        }
    }
    begins.into_iter().filter_map(|begin| {
        let part = group[begin..].trim_start();
        let word = leading_word(part);
        (!word.is_empty()).then(|| (group.len() - part.len(), word))
    })
}

fn leading_word(text: &str) -> String {
    text.chars().take_while(|&character| is_word(character)).collect()
}

#[test]
fn comments_and_literals_are_blanked_in_place() {
    let source =
        "let a = \"x{\\\"y\"; // {\nlet b = '{'; /* { /* } */ { */ let c: &'a str = r#\"\"{\"#;";
    let code = code(source);
    assert_eq!(code.chars().count(), source.chars().count());
    assert_eq!(code.matches('{').count(), 0, "{code}");
    assert!(code.contains("let c: &'a str ="), "{code}");
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn prefixed_literals_are_literals_and_raw_identifiers_are_not() {
    assert_eq!(code("b'{' br\"{\" c\"{\" b\"{\"").matches('{').count(), 0);
    assert_eq!(code("r#fn {").trim(), "r#fn {");
    assert_eq!(code("'\\'' { '\\u{7b}' '\"' }").replace(' ', ""), "{}");
    assert!(code("x = \"\"").contains("\"\""));
}

#[test]
fn words_stand_alone() {
    assert_eq!(words("Instant Instants a_Instant (Instant)", "Instant").count(), 2);
}

#[test]
fn first_segments_are_found_in_every_form() {
    let code = "use p::{a, b::{c, d},\n e as f};\nlet x = p::g::h; use p as q; op::z";
    let expected = [(1, "a"), (1, "b"), (2, "e"), (3, "g"), (3, "as")];
    let expected: Vec<_> = expected.into_iter().map(|(n, s)| (n, s.to_owned())).collect();
    assert_eq!(first_segments(code, "p"), expected);
}
