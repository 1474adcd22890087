//! What the progress of a job belongs to, beside the job's id: its script may change under it, and another script may have
//! its name (decision 9).

/// Bytes of [`Fingerprint::targets`]: they are stored with every position, and a coordinator takes 4,096 bytes beside an
/// offset (`offset.metadata.max.bytes`). A job that writes to more topics is known by its id alone.
const TARGETS_BYTES_MAX: usize = 1024;

/// What is stored with a job's progress to know it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Where its rows go (Kafka: topics), sorted, with commas between them; empty where that is not known.
    pub targets: String,
    /// The statement; `None` where it stands in no script.
    pub statement: Option<StatementPrint>,
}

/// A statement among those whose jobs have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementPrint {
    /// Of its text, without blanks and comments.
    pub hash: u64,
    /// How many there are: their order tells them apart.
    pub among: u32,
}

/// A job as its progress knows it.
#[derive(Clone, Debug, Default)]
pub struct JobIdentity {
    /// Of the job itself.
    pub fingerprint: Fingerprint,
    /// Hashes of the script's other statements whose jobs have the same name.
    pub namesakes: Vec<u64>,
}

/// Why stored progress is not a job's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is of a job that writes elsewhere: where that wrote, and where this one does.
    Targets(String, String),
    /// It is of another statement of the script.
    Namesake,
    /// It may be of another statement of the script as it was.
    Ambiguous,
}

impl Fingerprint {
    /// [`Fingerprint::targets`] of these names.
    pub fn targets_of(mut names: Vec<String>) -> String {
        names.sort();
        names.dedup();
        let targets = names.join(",");
        if targets.len() > TARGETS_BYTES_MAX { String::new() } else { targets }
    }
}

impl JobIdentity {
    /// Whether progress with this fingerprint can be the job's: an edited statement goes on, unless it may be that another
    /// one has come to its name.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn owns(&self, stored: &Fingerprint) -> Result<(), Misfit> {
        let own = &self.fingerprint;
        let known = !own.targets.is_empty() && !stored.targets.is_empty();
        let common =
            || own.targets.split(',').any(|name| stored.targets.split(',').any(|s| s == name));
        if known && !common() {
            return Err(Misfit::Targets(stored.targets.clone(), own.targets.clone()));
        }
        match (own.statement, stored.statement) {
            (Some(own), Some(stored)) if own.hash != stored.hash => {
                if self.namesakes.contains(&stored.hash) {
                    return Err(Misfit::Namesake);
                }
                if own.among == stored.among { Ok(()) } else { Err(Misfit::Ambiguous) }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jobs of a script with these statements, in their order.
    fn script(statements: &[u64]) -> Vec<JobIdentity> {
        let job = |at: usize| {
            let mut namesakes = statements.to_vec();
            let hash = namesakes.remove(at);
            let among = u32::try_from(statements.len()).unwrap();
            let statement = Some(StatementPrint { hash, among });
            let fingerprint = Fingerprint { targets: "t".to_owned(), statement };
            JobIdentity { fingerprint, namesakes }
        };
        (0..statements.len()).map(job).collect()
    }

    #[test]
    fn an_edit_goes_on_and_another_statement_does_not() {
        let first =
            |before: &[u64], after: &[u64]| script(after)[0].owns(&script(before)[0].fingerprint);
        let (a, b, edited) = (1, 2, 3);
        assert_eq!(first(&[a], &[a]), Ok(()));
        assert_eq!(first(&[a], &[edited]), Ok(()));
        assert_eq!(first(&[a, b], &[edited, b]), Ok(()));
        // One behind it changes nothing; one before it has come to its name.
        assert_eq!(first(&[a], &[a, b]), Ok(()));
        assert_eq!(first(&[a], &[b, a]), Err(Misfit::Namesake));
        assert_eq!(first(&[a, b], &[b, a]), Err(Misfit::Namesake));
        // Removed, or edited as well.
        assert_eq!(first(&[a, b], &[b]), Err(Misfit::Ambiguous));
        assert_eq!(first(&[a], &[b, edited]), Err(Misfit::Ambiguous));
        // Equal statements may stand for each other.
        assert_eq!(first(&[a, a], &[a]), Ok(()));
    }

    #[test]
    fn rows_that_go_elsewhere_are_another_job() {
        let writes = |targets: &[&str]| Fingerprint {
            targets: Fingerprint::targets_of(targets.iter().map(|t| (*t).to_owned()).collect()),
            statement: None,
        };
        let goes_on = |stored: &[&str], own: &[&str]| {
            let identity = JobIdentity { fingerprint: writes(own), namesakes: Vec::new() };
            identity.owns(&writes(stored))
        };
        assert_eq!(goes_on(&["a"], &["a"]), Ok(()));
        assert_eq!(goes_on(&["a", "b"], &["c", "b"]), Ok(()));
        let elsewhere = Misfit::Targets("a,ab".to_owned(), "b".to_owned());
        assert_eq!(goes_on(&["ab", "a", "a"], &["b"]), Err(elsewhere));
        // Of earlier programs, or of too many topics, nothing is known.
        assert_eq!(goes_on(&[], &["b"]), Ok(()));
        assert_eq!(writes(&["t".repeat(1025).as_str()]).targets, "");
    }
}
