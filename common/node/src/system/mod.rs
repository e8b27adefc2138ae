//! What a process has of the machine it runs on: its clock, its randomness, its threads.
//!
//! The domain and the store use none of them but what is handed in; a simulation hands in its own.

pub mod clock;
pub mod entropy;
pub mod offload;
