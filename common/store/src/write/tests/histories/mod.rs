//! Random histories: of one database against a recount, of several against a model of what each
//! has seen, also when one of them goes back; and single ones that once broke the writer.

mod convergence;
mod midway;
mod parts;
mod recount;
mod regressions;
mod restores;
mod revisions;
