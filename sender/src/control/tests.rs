//! What `control` promises, tried out.

mod editing;
mod fixture;
mod strings;
mod tasks;
mod view;
