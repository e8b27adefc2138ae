//! The pair in a world where everything that can fail does: real runners, real sessions, the real
//! store logic, over simulated time, disks and network. A seed gives everything.
//!
//! `JACKDAW_SEEDS=100..5000` runs other seeds than the gate's, one alone as `JACKDAW_SEEDS=17`.

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod directed;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod link;
#[cfg(test)]
mod log;
#[cfg(test)]
mod node;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod world;
