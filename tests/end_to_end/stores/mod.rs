//! Stores over time: what is kept and forgotten, folders that are copied, stores that go back.

mod folders;
mod keeping;
mod restores;
