//! What of a job's stored progress counts, now that its source reads what it reads.

use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, ErrorKind, Result};
use crate::table::{Fingerprint, JobIdentity, Misfit, Position};
use crate::types::SplitId;
use std::collections::BTreeMap;

/// Positions by partition.
pub(super) type Positions = BTreeMap<SplitId, Position>;

/// A scan of a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) job: &'a str,
    /// Whether several processes run it.
    pub(super) shared: bool,
    pub(super) scan: &'a str,
}

impl Of<'_> {
    /// Leaves out positions in topics that the source no longer reads; the text says so, where there are some.
    ///
    /// # Errors
    /// Nothing but such positions: the script has changed under its progress.
    pub(super) fn still_read(
        self,
        positions: Positions,
        reads: &dyn Fn(&SplitId) -> bool,
    ) -> Result<(Positions, Option<String>)> {
        let (kept, gone): (Positions, Positions) =
            positions.into_iter().partition(|(split, _)| reads(split));
        let mut names: Vec<String> = gone.keys().map(|split| format!("'{}'", split.name)).collect();
        names.dedup();
        let (job, names) = (self.job, names.join(", "));
        match (kept.is_empty(), names.is_empty()) {
            (_, true) => Ok((kept, None)),
            (false, false) => Ok((
                kept,
                Some(format!(
                    "job '{job}' no longer reads topic {names}: its progress there is left out"
                )),
            )),
            (true, false) => Err(self.does_not_fit(&format!(
                "has progress in topic {names}, which its source '{}' no longer reads",
                self.scan
            ))),
        }
    }

    /// Checks that progress with this fingerprint is the job's.
    pub(super) fn belongs(self, identity: &JobIdentity, stored: &Fingerprint) -> Result<()> {
        let Err(misfit) = identity.owns(stored) else { return Ok(()) };
        let quoted = |targets: &str| format!("'{}'", targets.replace(',', "', '"));
        let why = match &misfit {
            Misfit::Targets(stored, own) => {
                let (stored, own) = (quoted(stored), quoted(own));
                format!("has the progress of one that writes to topic {stored}, and this one writes to {own}")
            }
            Misfit::Namesake => "has the progress of another statement of the script, and only their order tells \
                                 statements with jobs of one name apart"
                .to_owned(),
            Misfit::Ambiguous => "may have the progress of another statement: the script had another number of statements \
                                  with jobs of this name, which only their order tells apart"
                .to_owned(),
        };
        let refused = self.does_not_fit(&why);
        if let Misfit::Targets(..) = misfit {
            return Err(refused);
        }
        let job = self.job;
        Err(refused.with_hint(format!(
            "put new statements behind those that there were; or give each a name of its own before it, \
             SET 'pipeline.name' = '{job}' where this progress belongs and another one elsewhere; or {}",
            self.anew()
        )))
    }

    /// How the job forgets its progress.
    fn anew(self) -> String {
        match self.shared {
            // Other processes may be at work, so that there is no --fresh.
            true => {
                let reset = commands::job_reset(self.job, SOME_BROKERS);
                format!("stop all processes and let the job begin anew with \"{reset}\"")
            }
            false => "start over with --fresh".to_owned(),
        }
    }

    /// The script has changed under its progress.
    pub(super) fn does_not_fit(self, why: &str) -> Error {
        let job = self.job;
        let anew = self.anew();
        Error::new(ErrorKind::Schema, format!("job '{job}' {why}")).with_hint(format!(
            "{anew}, or give the changed job a name of its own: SET 'pipeline.name' = '…'"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_read_is_left_out_unless_it_is_all() {
        let positions = |topics: &[&str]| -> Positions {
            let split = |topic: &&str| SplitId { name: (*topic).into(), index: 0 };
            topics.iter().map(|topic| (split(topic), Position::at(7))).collect()
        };
        let of = |shared| Of { job: "j", shared, scan: "s" };
        let read =
            |topics: &[&str]| of(false).still_read(positions(topics), &|split| &*split.name == "a");
        assert_eq!(read(&[]).unwrap(), (positions(&[]), None));
        assert_eq!(read(&["a"]).unwrap(), (positions(&["a"]), None));
        let (kept, line) = read(&["a", "b", "c"]).unwrap();
        assert_eq!(kept, positions(&["a"]));
        assert!(line.unwrap().contains("no longer reads topic 'b', 'c'"));
        let none = read(&["b"]).unwrap_err().to_string();
        assert!(none.contains("progress in topic 'b', which its source 's' no longer"), "{none}");
        for (shared, hint) in [(false, "--fresh"), (true, "brooklet job reset j")] {
            let error = of(shared).does_not_fit("has changed");
            assert!(error.hint().is_some_and(|text| text.contains(hint)), "{error:?}");
        }
    }
}
