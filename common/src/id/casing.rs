//! The one lower-casing by which names are equal, and a text that keeps both its casings.
//!
//! Two names are the same name when their keys are. Storage keys are made of keys, so a change of
//! the mapping would be a change of format: a test pins the whole of it, and a toolchain with a
//! newer Unicode that changes it fails there first.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use std::borrow::Cow;
use std::sync::Arc;

/// The text in lower case, by Unicode's simple mapping, character by character.
///
/// No locale ("I" is "i" also in Turkish) and no normalisation (a composed letter and the same
/// letter decomposed stay different). Borrows when nothing changes. The result may be longer than
/// the text: two characters of two bytes, 'Ⱥ' and 'Ⱦ', have lower cases of three.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    match text.char_indices().find(|&(_, character)| lower_char(character) != character) {
        None => Cow::Borrowed(text),
        Some((at, _)) => {
            let (unchanged, rest) = text.split_at(at);
            let mut key = String::with_capacity(text.len() + 1);
            key.push_str(unchanged);
            key.extend(rest.chars().map(lower_char));
            Cow::Owned(key)
        }
    }
}

/// The simple lower case of a character.
///
/// The standard library has the full mapping. It differs in one character, 'İ': there it gives
/// two characters, of which the first is the simple mapping.
fn lower_char(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// A text in its original casing together with its key, in one allocation.
///
/// Equality, order and hash are the key's.
#[derive(Clone, Default)]
pub(crate) struct CasedText {
    /// The original; behind it its key, if that is another text.
    texts: Arc<str>,
    /// Bytes of the original.
    original_bytes: usize,
}

impl CasedText {
    pub(crate) fn new(text: &str) -> Self {
        Self { texts: with_key(text), original_bytes: text.len() }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.texts.get(..self.original_bytes).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &str {
        match self.texts.get(self.original_bytes..) {
            None | Some("") => &self.texts,
            Some(key) => key,
        }
    }
}

impl PartialEq for CasedText {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for CasedText {}

impl PartialOrd for CasedText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CasedText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

impl Hash for CasedText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The text and behind it its key, when that is another text; else the text alone.
fn with_key(text: &str) -> Arc<str> {
    // Ids like "users/1-A" are what is seen most: the stack spares them a second allocation.
    if text.is_ascii() && text.len() <= JOINED_ON_STACK_BYTES_MAX / 2 {
        let Some(changes_at) = text.bytes().position(|byte| byte.is_ascii_uppercase()) else {
            return Arc::from(text);
        };
        let mut buffer = [0; JOINED_ON_STACK_BYTES_MAX];
        let joined = buffer.split_at_mut(2 * text.len()).0;
        let (original, key) = joined.split_at_mut(text.len());
        original.copy_from_slice(text.as_bytes());
        key.copy_from_slice(text.as_bytes());
        key.split_at_mut(changes_at).1.make_ascii_lowercase();
        if let Ok(joined) = core::str::from_utf8(joined) {
            return Arc::from(joined);
        }
    }
    match lower(text) {
        Cow::Borrowed(_) => Arc::from(text),
        Cow::Owned(key) => Arc::from([text, &key].concat()),
    }
}

/// Bytes of an id and its key that are put together on the stack.
const JOINED_ON_STACK_BYTES_MAX: usize = 256;

/// The first character of the text that is a control character, and its byte position.
///
/// Those are U+0000 to U+001F and U+007F to U+009F.
pub(super) fn control_character(text: &str) -> Option<(usize, char)> {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte);
    if text.bytes().all(plain) {
        return None;
    }
    text.char_indices().find(|(_, character)| character.is_control())
}
