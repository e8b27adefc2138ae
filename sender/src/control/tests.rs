//! What `control` promises, tried out.

mod fixture;
mod strings;
mod tasks;
mod view;
