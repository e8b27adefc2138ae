//! The body of a document at the edge: is it one JSON object, which collection is it in, and what
//! of its metadata is the database's own.
//!
//! It is kept byte for byte and never becomes a tree: numbers of any size and any number of digits,
//! the order of keys and all blanks stay as they came. Only where "@metadata" has keys that the
//! database makes itself is the body written anew, without those keys and otherwise unchanged. A
//! second "@metadata", or a second "@collection" in it, is refused: readers would not agree on
//! which of them counts.
//!
//! Values that are of no document are any JSON: [`check_value`].

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use jackdaw_common::{
    Collection,
    id::CollectionError,
    limits::{DOCUMENT_BYTES_MAX, JSON_DEPTH_MAX},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use thiserror::Error;

/// A body that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// The JSON.
    pub(super) json: Bytes,
    /// From "@metadata"."@collection"; empty when there is none.
    pub(super) collection: Collection,
}

/// Why a body may not be stored.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    /// Larger than a body may be.
    #[error("has {bytes} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// Not JSON, or not an object, or with metadata that is none.
    #[error("is not a JSON object that can be stored: {0}")]
    Json(#[from] serde_json::Error),
    /// Not JSON at all.
    #[error("is not JSON: {0}")]
    Value(serde_json::Error),
    /// Nested deeper than a body may be.
    #[error("is nested more than {JSON_DEPTH_MAX} levels deep at byte {at}")]
    TooDeep {
        /// Where the level too many begins.
        at: usize,
    },
    /// The collection's name.
    #[error("has a wrong \"@collection\": {0}")]
    Collection(#[from] CollectionError),
}

impl Body {
    /// Checks a body as a client sent it.
    ///
    /// # Errors
    ///
    /// [`BodyError`], the first thing that is wrong.
    pub(super) fn check(json: Bytes) -> Result<Self, BodyError> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(BodyError::TooLarge { bytes: json.len() });
        }
        let text = utf8(&json)?;
        let Object { metadata } = serde_json::from_str(text)?;
        check_depth(text)?;
        let Some(raw) = metadata else {
            return Ok(Self { json, collection: Collection::default() });
        };
        let metadata: Metadata<'_> = serde_json::from_str(raw.get())?;
        let collection = Collection::new(metadata.collection.as_deref().unwrap_or_default())?;
        if !metadata.derived {
            return Ok(Self { json, collection });
        }
        let json = with_metadata(text, raw.get(), &metadata.kept)?;
        Ok(Self { json, collection })
    }
}

/// Checks a value that may be any JSON: an object or not, with metadata that mean nothing.
///
/// # Errors
///
/// [`BodyError`], the first thing that is wrong.
pub(super) fn check_value(json: &[u8]) -> Result<(), BodyError> {
    let text = utf8(json)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(BodyError::Value)?;
    check_depth(text)
}

fn utf8(json: &[u8]) -> Result<&str, BodyError> {
    std::str::from_utf8(json).map_err(|error| BodyError::NotUtf8 { at: error.valid_up_to() })
}

/// A body as it is kept, with more members in its metadata.
///
/// # Errors
///
/// [`BodyError`], for what is no body.
pub(super) fn with_derived(json: &Bytes, members: &[String]) -> Result<Bytes, BodyError> {
    if members.is_empty() {
        return Ok(json.clone());
    }
    let text = utf8(json)?;
    let Object { metadata } = serde_json::from_str(text)?;
    let derived = members.join(",");
    if let Some(raw) = metadata {
        let metadata: Metadata<'_> = serde_json::from_str(raw.get())?;
        let kept: Vec<_> =
            metadata.kept.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        let all = kept.into_iter().chain([derived]).collect::<Vec<_>>().join(",");
        return in_place_of(text, raw.get(), &all);
    }
    // Behind the brace it begins with, before what it has.
    let Some((before, after)) = text.split_once('{') else {
        return Err(serde_json::Error::custom("is not an object").into());
    };
    let comma = if after.trim_start().starts_with('}') { "" } else { "," };
    Ok(Bytes::from(format!("{before}{{\"@metadata\":{{{derived}}}{comma}{after}")))
}

/// `text` with other metadata in the place of `metadata`, which is a part of it.
fn with_metadata(text: &str, metadata: &str, kept: &[Member<'_>]) -> Result<Bytes, BodyError> {
    let members: Vec<_> = kept.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    in_place_of(text, metadata, &members.join(","))
}

fn in_place_of(text: &str, metadata: &str, members: &str) -> Result<Bytes, BodyError> {
    let start = metadata.as_ptr().addr() - text.as_ptr().addr();
    let (before, after) = (text.get(..start), text.get(start + metadata.len()..));
    let (Some(before), Some(after)) = (before, after) else {
        return Err(serde_json::Error::custom("\"@metadata\" is not where it was read").into());
    };
    Ok(Bytes::from(format!("{before}{{{members}}}{after}")))
}

/// Refuses what is nested too deep. The text is JSON: it has been read.
fn check_depth(text: &str) -> Result<(), BodyError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(BodyError::TooDeep { at });
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A body, of which nothing is kept but where its metadata are.
struct Object<'a> {
    metadata: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = None;
        while let Some(Text(key)) = map.next_key()? {
            if key != METADATA {
                map.next_value::<IgnoredAny>()?;
            } else if metadata.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("it has \"@metadata\" twice"));
            }
        }
        Ok(Object { metadata })
    }
}

/// A key and its value, as they stand in the body.
type Member<'a> = (&'a str, &'a str);

/// What "@metadata" says to the database.
struct Metadata<'a> {
    collection: Option<Cow<'a, str>>,
    /// Whether there are keys that the database makes itself.
    derived: bool,
    /// The other members.
    kept: Vec<Member<'a>>,
}

impl<'de> Deserialize<'de> for Metadata<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object as \"@metadata\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = Metadata { collection: None, derived: false, kept: Vec::new() };
        let mut collections = 0;
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let Text(name) = serde_json::from_str(key.get()).map_err(A::Error::custom)?;
            if DERIVED.contains(&&*name) {
                metadata.derived = true;
                continue;
            }
            if name == COLLECTION {
                collections += 1;
                metadata.collection = serde_json::from_str::<Option<Text<'_>>>(value.get())
                    .map_err(|error| A::Error::custom(format!("\"@collection\": {error}")))?
                    .map(|Text(collection)| collection);
            }
            metadata.kept.push((key.get(), value.get()));
        }
        if collections > 1 {
            return Err(A::Error::custom("\"@metadata\" has \"@collection\" twice"));
        }
        Ok(metadata)
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

const METADATA: &str = "@metadata";
const COLLECTION: &str = "@collection";

/// What the database makes at read, and nobody writes.
const DERIVED: [&str; 4] = ["@attachments", "@counters", "@timeseries", "@flags"];
