//! Random histories: of one database against a recount, of several against a model of what each
//! has seen.

mod convergence;
mod recount;
