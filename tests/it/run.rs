//! `brooklet run` from outside: results, messages and exit codes.

mod bad_input;
mod changes;
mod errors;
mod failures;
mod identity;
mod jobs;
mod metrics;
mod options;
mod progress;
mod registry;
mod registry_options;
mod registry_tls;
mod script;

pub(crate) use script::{ALL, ENDLESS, JSON, kafka};
mod tables;
mod topic_change;
