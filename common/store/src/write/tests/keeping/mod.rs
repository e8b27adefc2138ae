//! What is kept for tasks although it is not current, and when it goes.

mod forgetting;
mod history;
