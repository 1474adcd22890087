//! Marks from when a job that is exactly-once now was not: it goes on from them where they are newer than its record.

use super::super::error::contact;
use super::{Fetched, GroupProgress};
use crate::base::Result;
use crate::table::{Fingerprint, Former, FormerProgress, Progress};
use brooklet_kafka::ErrorKind;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Looks at every group that may carry the marks of a scan; see the module.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct FormerMarks {
    marks: GroupProgress,
    /// The job's own group first.
    left: VecDeque<(String, Fetched)>,
    own: bool,
    found: Option<(Progress, Fingerprint)>,
}

impl FormerMarks {
    pub(in crate::connectors::kafka) fn new(mut marks: GroupProgress) -> FormerMarks {
        // What others keep in the user's group is none of this job's business: it stores nothing there.
        let shared = marks.user_group.take();
        let own = marks.groups.front().cloned().into_iter();
        let groups = own.chain([marks.former.clone()]).chain(shared);
        let left = groups.map(|group| (group.clone(), marks.fetch(&group))).collect();
        FormerMarks { marks, left, own: true, found: None }
    }
}

impl FormerProgress for FormerMarks {
    fn poll(&mut self, _now: Duration) -> Result<Option<Former>> {
        while let Some((group, pending)) = self.left.front() {
            let Some(answer) = pending.try_take() else { return Ok(None) };
            let group = group.clone();
            self.left.pop_front();
            let own = std::mem::take(&mut self.own);
            match answer {
                Ok(offsets) => {
                    // In the job's own group whatever scan is marked is the scan; elsewhere it has to be this one.
                    self.marks.former = if own { String::new() } else { group.clone() };
                    let found = self.marks.stored(&group, &offsets)?;
                    let found = Some(found).filter(|(found, _)| !found.positions.is_empty());
                    let all = self.found.take().into_iter().chain(found);
                    self.found = all.max_by_key(|(found, _)| found.epoch);
                }
                // Without permission the job cannot have stored anything there.
                Err(error) if matches!(error.kind(), ErrorKind::NotAuthorized) => {}
                Err(error) => {
                    let error = contact(&error, &self.marks.client);
                    return Err(error.context(
                        "looking where the job stood, if it was not exactly-once earlier",
                    ));
                }
            }
        }
        let Some((Progress { epoch, positions }, fingerprint)) = self.found.take() else {
            return Ok(Some(Former { epoch: 0, scans: vec![None], caveat: None }));
        };
        // Of no interest where the job's record turns out to be newer.
        let (positions, caveat) = match self.marks.fit(positions, &fingerprint) {
            Ok((positions, line)) => (positions, line.map(Ok)),
            Err(error) => (BTreeMap::new(), Some(Err(error))),
        };
        Ok(Some(Former { epoch, scans: vec![Some(Progress { epoch, positions })], caveat }))
    }
}
