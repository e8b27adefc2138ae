//! A service as whoever runs it sees it: how it is set up, and how it ends.

mod deploy;
mod drain;
