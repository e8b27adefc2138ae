//! Ids: what is refused and where, what is one id and what is two, forms that must not change.

mod compare_exchange;
mod database;
mod document;
mod identity;
mod incarnation;
mod lower;
