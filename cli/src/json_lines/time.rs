//! Times as RFC 3339 writes them, to milliseconds or microseconds.

use prost_types::Timestamp;

/// Reads a time like `2000-01-01T00:00:00.250Z`; none where it is not one.
///
/// Stricter than what prost takes: a date, a time and an offset all stand there, no second is
/// 60, which has no place between two others, and nothing is finer than a millisecond. What is read
/// is the time that was written, or nothing.
pub fn read_time(text: &str) -> Option<Timestamp> {
    read_time_to(text, 3)
}

/// The same of a time that may be given to the microsecond.
pub(super) fn read_micros(text: &str) -> Option<Timestamp> {
    read_time_to(text, 6)
}

/// The same of a time with at most so many digits behind the point that are not 0.
fn read_time_to(text: &str, most: usize) -> Option<Timestamp> {
    let text = text.to_ascii_uppercase();
    let rest = shaped(&text, "0000-00-00T00:00:00")?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|it: char| it.is_ascii_digit());
            let digits = &fraction[..fraction.len() - offset.len()];
            let finer = digits.get(most..).unwrap_or_default();
            if digits.is_empty() || digits.len() > 9 || finer.contains(|it| it != '0') {
                return None;
            }
            offset
        }
        None => rest,
    };
    if offset != "Z" {
        let ahead = offset.strip_prefix(['+', '-'])?;
        let is_whole = shaped(ahead, "00:00")?.is_empty();
        let (hours, minutes) = ahead.split_once(':')?;
        if !is_whole || hours > "23" || minutes > "59" {
            return None;
        }
    }
    if text.get(17..19)? > "59" {
        return None;
    }
    text.parse().ok()
}

/// What stands behind a text of this shape, in which a 0 is any digit.
fn shaped<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let fits =
        |(one, like): (u8, u8)| if like == b'0' { one.is_ascii_digit() } else { one == like };
    let begins = text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits);
    begins.then(|| text.get(shape.len()..)).flatten()
}
