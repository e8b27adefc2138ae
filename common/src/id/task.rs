//! The number of a replication task.

use core::fmt;
use core::num::NonZeroU64;
use core::str::FromStr;

use thiserror::Error;

/// The number of a task within its database, 1 and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(NonZeroU64);

impl TaskId {
    /// The id of this number; an error when it is zero.
    pub const fn new(id: u64) -> Result<Self, TaskIdError> {
        match NonZeroU64::new(id) {
            Some(id) => Ok(Self(id)),
            None => Err(TaskIdError::Zero),
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    /// Reads decimal digits and nothing else.
    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        if text.is_empty() {
            return Err(TaskIdError::Empty);
        }
        let mut id = 0_u64;
        for (at, character) in text.char_indices() {
            let digit = character.to_digit(10).ok_or(TaskIdError::NotADigit { character, at })?;
            let next = id.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit)));
            id = next.ok_or(TaskIdError::TooLarge { at })?;
        }
        Self::new(id)
    }
}

/// Why a number or text is not a task id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TaskIdError {
    /// Tasks are numbered from one.
    #[error("task id is zero")]
    Zero,
    /// Nothing there.
    #[error("task id is empty")]
    Empty,
    /// A sign, a blank or a letter.
    #[error("character {character:?} at byte {at} of the task id is not a digit 0-9")]
    NotADigit {
        /// The character.
        character: char,
        /// Its byte position.
        at: usize,
    },
    /// More than 64 bits.
    #[error("task id exceeds 64 bits from byte {at} on")]
    TooLarge {
        /// The byte position of the digit that makes it too large.
        at: usize,
    },
}
