//! What goes into a batch, and what does not.
