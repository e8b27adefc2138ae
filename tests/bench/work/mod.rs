//! What is measured: each work has its arguments, its run, and what came of it.

pub(crate) mod mixed;
pub(crate) mod one;
mod operations;
pub(crate) mod w1;
pub(crate) mod w2;
pub(crate) mod w3;
pub(crate) mod w4;
