//! Stores over time: what is kept and forgotten, folders that are copied, stores that go back,
//! incarnations that are retired.

mod folders;
mod keeping;
mod restores;
mod retiring;
