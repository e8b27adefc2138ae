//! Tidiness as a test: what the compiler and clippy cannot say about the tree, said here.
//!
//! Each rule is a function over text, which two tests call: one on the work tree, where it must
//! find nothing, and one on a planted sample, where it must find what was planted. A rule that
//! fails names the file, the line and the remedy. Nothing outside this folder is needed but git,
//! and without git the tree is walked.
//!
//! ```text
//!   tree ──► files, as git sees them       code ──► Rust without comments and literals
//!     │                                      │
//!     └──────────────► the rules ◄───────────┘
//!        shape      heads, lengths, columns          manifests  who may depend on whom
//!        folders    entries, the top level           layers     who may name what
//!        words      what must not be written         links      Markdown leads somewhere
//!        index      every heading of the reference document has its place in docs/README.md
//!        scope      what travels, as it is shown, is what services answer
//! ```

#[cfg(test)]
mod code;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod index;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod links;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod violation;
#[cfg(test)]
mod words;
