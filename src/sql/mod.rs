//! Flink SQL: lexer, parser, syntax tree and printer.
//!
//! [`parse_script`] splits a script and parses each statement; [`ast`] is what comes out;
//! [`ToSql`] prints it again. The grammar is that of Flink 2.1's parser (Calcite with Flink's
//! statements); what is recognised but not taken apart is [`ast::Statement::Unsupported`].
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::string_slice)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::string_slice
    )
)]

pub mod ast;
pub mod binder;
pub mod changelog;
mod error;
mod keyword;
mod lexer;
mod parser;
mod precedence;
mod print;
mod script;
mod secrets;
#[cfg(test)]
mod tests;
mod token;

pub use error::ParseError;
pub use keyword::{Keyword, is_reserved, keyword, keywords};
pub use lexer::tokenize;
pub use parser::{parse_data_type, parse_expression, parse_statement};
pub use print::{ToSql, expanded_expr, expanded_query};
pub use script::{ParsedStatement, is_complete, parse_script, parse_script_from};
pub use secrets::{secret_places, without_secrets};
pub use token::{Invalid, Symbol, Token, TokenKind};
