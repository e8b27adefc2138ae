//! The release binaries, end to end: two processes, real mTLS, real disks.

mod access;
mod both_ways;
mod conflicts;
mod control;
mod copy;
mod copying;
mod crash;
mod kills;
mod machine;
mod quickstart;
mod serving;
mod setup;
mod stores;
