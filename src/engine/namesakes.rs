//! Statements of a script whose jobs have one name: the second one is numbered, so that only their order tells them apart.

use super::expand;
use super::session::Session;
use crate::sql::ParsedStatement;
use crate::sql::ast::{Insert, Property, Statement};
use crate::table::{Fingerprint, JobIdentity, StatementPrint};
use std::collections::{BTreeMap, BTreeSet};

/// Setting that names jobs.
const NAME: &str = "pipeline.name";

/// Hashes of statements by the name of their jobs.
#[derive(Debug, Default)]
pub(super) struct Namesakes(BTreeMap<String, Vec<u64>>);

impl Namesakes {
    /// A statement among those with its name; of one that stands in no script nothing is known.
    pub(super) fn identity(&self, name: &str, statement: u64) -> JobIdentity {
        let all = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let Some(own) = all.iter().position(|hash| *hash == statement) else {
            return JobIdentity::default();
        };
        let mut namesakes = all.to_vec();
        let hash = namesakes.remove(own);
        let among = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let statement = Some(StatementPrint { hash, among });
        JobIdentity { fingerprint: Fingerprint { targets: String::new(), statement }, namesakes }
    }
}

impl Session {
    /// The statements of a script that start jobs, as far as that can be told before it runs.
    pub(super) fn namesakes_in(&self, script: &[ParsedStatement]) -> Namesakes {
        let mut pipeline = self.options().get(NAME).map(str::to_owned);
        let mut namesakes = Namesakes::default();
        for parsed in script {
            let inserts: &[Insert] = match &parsed.result {
                Ok(Statement::Set(set)) => {
                    let of_name = set.assignment.as_ref().filter(|set| set.key.value == NAME);
                    // What cannot be expanded ends the script when it comes to it.
                    let value = |set: &Property| expand::text(&set.value.value, self.missing());
                    pipeline = of_name.and_then(|set| value(set).ok()).or(pipeline);
                    continue;
                }
                Ok(Statement::Reset(reset)) => {
                    let other = reset.key.as_ref().is_some_and(|key| key.value != NAME);
                    pipeline = pipeline.filter(|_| other);
                    continue;
                }
                Ok(Statement::Insert(insert)) => std::slice::from_ref(insert.as_ref()),
                Ok(Statement::StatementSet(set)) => &set.inserts,
                _ => continue,
            };
            let targets: BTreeSet<&str> =
                inserts.iter().map(|insert| insert.table.last()).collect();
            let name = self.job_name(pipeline.as_deref(), &targets);
            namesakes.0.entry(name).or_default().push(parsed.hash);
        }
        namesakes
    }
}
