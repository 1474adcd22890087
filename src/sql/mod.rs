//! Flink SQL: lexer, parser and syntax tree.
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::string_slice)]

pub mod ast;
