//! Lines out.

use serde_json::value::RawValue;
use thiserror::Error;

use super::Kind;

/// Appends a document's line, with its line end.
///
/// Reading the line gives the body byte for byte. Nothing is appended in case of an error.
pub fn write_document(out: &mut Vec<u8>, id: &str, body: &[u8]) -> Result<(), BodyNotJson> {
    let (field, value) = body_field(id, body)?;
    let id = json_string(id);
    let value = value.get();
    out.reserve(value.len() + id.len() + 64);
    out.extend_from_slice(
        format!("{{\"kind\":\"{}\",\"id\":{id},\"{field}\":", Kind::Document).as_bytes(),
    );
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// The field in which a body stands, and what stands there.
pub(super) fn body_field(
    id: &str,
    body: &[u8],
) -> Result<(&'static str, Box<RawValue>), BodyNotJson> {
    let not_json = |reason: String| BodyNotJson { id: id.to_owned(), reason };
    let text = std::str::from_utf8(body).map_err(|error| not_json(error.to_string()))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
    // The parser passes over blanks around the value.
    if raw.get().len() == text.len() && !text.contains(['\n', '\r']) {
        return Ok(("body", raw.to_owned()));
    }
    let value = RawValue::from_string(json_string(text));
    Ok(("body_text", value.map_err(|error| not_json(error.to_string()))?))
}

/// A document's body is not JSON, so no line can have it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the body of document {id:?} is not JSON: {reason}")]
pub struct BodyNotJson {
    /// The document.
    pub id: String,
    /// What the parser says.
    pub reason: String,
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
