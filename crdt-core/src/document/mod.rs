//! One document, as a server holds it.

pub mod chunk;
