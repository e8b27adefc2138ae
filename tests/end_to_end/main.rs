//! The release binaries, end to end: two processes, real mTLS, real disks.

mod access;
mod conflicts;
mod copy;
mod crash;
mod kills;
mod quickstart;
mod setup;
