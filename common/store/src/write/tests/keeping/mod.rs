//! What is kept for tasks although it is not current, and when it goes; and what is known of
//! databases that are gone.

mod forgetting;
mod history;
mod parts;
mod retiring;
