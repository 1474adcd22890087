//! `brooklet run` from outside: results, messages and exit codes.

mod errors;
mod jobs;
mod script;
mod tables;
