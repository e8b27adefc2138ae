//! Counters: a number that many databases add to at once.
//!
//! A counter is the sum of one partial value for each incarnation that has added to it. Each keeps
//! the entry under which it was last written, so that a merge is a function of what both sides have
//! seen: the newer of two partial values of one incarnation counts, and one that is absent where
//! its entry was seen was deleted there. An increment that a deletion has not seen survives it
//! (semantics 7.3).

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::context::Context;
use crate::{
    Entry,
    id::CasedText,
    limits::{CHANGE_VECTOR_ENTRIES_MAX, COUNTER_NAME_BYTES_MAX},
};

/// The name of a counter: 1 to 512 bytes of UTF-8 without control characters.
///
/// Keeps its casing, and is equal, ordered and hashed by its [lower case](crate::id::lower).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterName(CasedText);

impl CounterName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, CounterNameError> {
        match text.len() {
            0 => Err(CounterNameError::Empty),
            bytes if bytes > COUNTER_NAME_BYTES_MAX => Err(CounterNameError::TooLong { bytes }),
            _ if text.contains(char::is_control) => Err(CounterNameError::Control),
            _ => Ok(Self(CasedText::new(text))),
        }
    }

    /// The name in its original casing.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name in lower case.
    pub fn key(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CounterName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CounterName {
    type Err = CounterNameError;

    fn from_str(text: &str) -> Result<Self, CounterNameError> {
        Self::new(text)
    }
}

/// Why a text is not the name of a counter.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CounterNameError {
    /// Nothing there.
    #[error("counter name is empty")]
    Empty,
    /// Longer than a name may be.
    #[error("counter name has {bytes} bytes, more than {COUNTER_NAME_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a character that nobody can read.
    #[error("counter name has a control character")]
    Control,
}

/// What one incarnation has added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Who, and the write that left it like this.
    pub origin: Entry,
    /// All that it has added since the counter was deleted last.
    pub value: i64,
}

/// The partial values of one counter, by ascending incarnation; none: it was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partials(Option<Arc<[Partial]>>);

/// A list that is not the partial values of a counter.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PartialsError {
    /// Two are of one incarnation, or they do not ascend.
    #[error("partial values do not ascend by incarnation")]
    Order,
    /// One says that nothing has written it.
    #[error("a partial value has etag 0")]
    Etag,
    /// More than a change vector has entries.
    #[error("{count} partial values are more than {CHANGE_VECTOR_ENTRIES_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

/// The value of a counter is beyond 64 bits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the value is beyond 64 bits")]
pub struct CounterOverflow;

impl Partials {
    /// Takes a list that ascends by incarnation.
    pub fn new(list: Vec<Partial>) -> Result<Self, PartialsError> {
        let ascends =
            |one: &Partial, next: &Partial| one.origin.incarnation < next.origin.incarnation;
        if !list.is_sorted_by(ascends) {
            return Err(PartialsError::Order);
        }
        if list.iter().any(|one| one.origin.etag.is_zero()) {
            return Err(PartialsError::Etag);
        }
        Ok(Self::sorted(list))
    }

    fn sorted(list: Vec<Partial>) -> Self {
        Self(if list.is_empty() { None } else { Some(list.into()) })
    }

    /// All of them, by ascending incarnation.
    pub fn as_slice(&self) -> &[Partial] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none: the counter was deleted.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Their sum.
    pub fn value(&self) -> Result<i64, CounterOverflow> {
        self.sum().try_into().map_err(|_| CounterOverflow)
    }

    /// Their sum, which no number of them takes beyond 128 bits.
    fn sum(&self) -> i128 {
        self.as_slice().iter().map(|one| i128::from(one.value)).sum()
    }

    /// The same with `delta` added by the write that mints `origin`.
    ///
    /// # Errors
    ///
    /// It would lead beyond 64 bits, or further beyond: what other databases have added may have
    /// led there, and the way back is open.
    pub fn incremented(&self, delta: i64, origin: Entry) -> Result<Self, CounterOverflow> {
        let sum = self.sum();
        let after = sum + i128::from(delta);
        let beyond = i64::try_from(after).is_err();
        if beyond && after.unsigned_abs() >= sum.unsigned_abs() {
            return Err(CounterOverflow);
        }
        let mut list = self.as_slice().to_vec();
        match list.binary_search_by_key(&origin.incarnation, |one| one.origin.incarnation) {
            Ok(at) => {
                let value = list[at].value.checked_add(delta).ok_or(CounterOverflow)?;
                list[at] = Partial { origin, value };
            }
            Err(at) => list.insert(at, Partial { origin, value: delta }),
        }
        Ok(Self::sorted(list))
    }

    /// The same, each written under the entry that `origin` answers for its own.
    #[must_use]
    pub fn with_origins(&self, origin: impl Fn(&Entry) -> Entry) -> Self {
        let list = self.as_slice().iter();
        let list = list.map(|one| Partial { origin: origin(&one.origin), ..*one });
        let mut list: Vec<_> = list.collect();
        list.sort_by_key(|one| one.origin.incarnation);
        Self::sorted(list)
    }

    /// What is left when two states of one counter meet, in any order.
    #[must_use]
    pub fn merged(one: (&Self, Context<'_>), other: (&Self, Context<'_>)) -> Self {
        let mut list: Vec<Partial> = Vec::new();
        let lives = (one.1.outlives(&other.1), other.1.outlives(&one.1));
        match lives {
            (true, true) => {}
            (true, false) => return one.0.clone(),
            (false, true) => return other.0.clone(),
            (false, false) => return Self::default(),
        }
        for ((here, _), (there, seen)) in [(one, other), (other, one)] {
            let kept = |partial: &&Partial| {
                !seen.has_seen(partial.origin) || there.as_slice().contains(partial)
            };
            list.extend(here.as_slice().iter().filter(kept));
        }
        // Of one incarnation the newer one is left; one that both have stands there twice.
        list.sort_by_key(|one| (one.origin.incarnation, std::cmp::Reverse(one.origin.etag)));
        list.dedup_by_key(|one| one.origin.incarnation);
        Self::sorted(list)
    }
}

/// One counter of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: CounterName,
    /// What it is the sum of.
    pub partials: Partials,
}

impl Counter {
    /// Feeds what it says to a hash.
    pub(super) fn hash_into(&self, hasher: &mut Xxh3) {
        hasher.update(self.name.key().as_bytes());
        for Partial { origin, value } in self.partials.as_slice() {
            hasher.update(origin.incarnation.as_bytes());
            hasher.update(&origin.etag.to_be_bytes());
            hasher.update(&value.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
