//! Tests of lexer, parser and printer together.

mod messages;
mod scripts;
mod trees;
mod verdicts;
