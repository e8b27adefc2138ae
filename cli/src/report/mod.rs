//! What a command tells: data and messages, resources as they are shown, refusals in words, and
//! the exit code.
//!
//! Decides nothing about what a command does.

pub(crate) mod exit;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod refusal;
pub(crate) mod view;

#[cfg(test)]
mod tests;
