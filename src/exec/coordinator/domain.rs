//! A commit domain as the coordinator drives it.

use super::{CoordinatedDomain, ScanState};
use crate::base::Result;
use crate::base::limits::PROGRESS_REFRESH;
use crate::table::{CommitDomain, DomainEvent, Epoch, EpochEnd, Progress, Recovery};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) struct DomainState {
    domain: Box<dyn CommitDomain>,
    scans: Vec<usize>,
    /// When this attempt last stored progress; what an earlier one stored may be of any age.
    committed_at: Option<Duration>,
    committing: bool,
    aborted: bool,
    left: bool,
}

impl DomainState {
    pub(super) fn new(given: CoordinatedDomain) -> DomainState {
        let CoordinatedDomain { domain, scans } = given;
        DomainState {
            domain,
            scans,
            committed_at: None,
            committing: false,
            aborted: false,
            left: false,
        }
    }

    pub(super) fn scans(&self) -> impl Iterator<Item = usize> + use<> {
        self.scans.clone().into_iter()
    }

    pub(super) fn decides(&self) -> bool {
        self.domain.decides()
    }

    pub(super) fn shares(&self) -> bool {
        self.domain.shares()
    }

    pub(super) fn joined(&self) -> bool {
        self.domain.joined()
    }

    pub(super) fn keeps(&self) -> bool {
        self.domain.keeps()
    }

    pub(super) fn leave(&mut self) {
        self.left = !self.shares();
        self.domain.leave();
    }

    /// Whether nobody is left to be told; a failure ends the wait as well.
    pub(super) fn left(&mut self, now: Duration) -> bool {
        while !self.left {
            match self.domain.poll(now) {
                Ok(None) => return false,
                Ok(Some(DomainEvent::Left)) | Err(_) => self.left = true,
                Ok(Some(_)) => {}
            }
        }
        true
    }

    /// The scans whose progress is decided here.
    pub(super) fn deciding(&self) -> impl Iterator<Item = usize> + use<> {
        self.scans().filter({
            let decides = self.decides();
            move |_| decides
        })
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.domain.wake_at()
    }

    pub(super) fn is_committing(&self) -> bool {
        self.committing
    }

    pub(super) fn recover(&mut self, from: Recovery) {
        self.domain.recover(from);
    }

    /// Ends an epoch. What is stored is stored again when it is no longer recent ([`PROGRESS_REFRESH`]).
    pub(super) fn end_epoch(
        &mut self,
        epoch: Epoch,
        scans: &[ScanState],
        finished: bool,
        now: Duration,
    ) {
        let recent = self.committed_at.is_some_and(|at| now.saturating_sub(at) < PROGRESS_REFRESH);
        let of_domain = || self.scans.iter().filter_map(|scan| scans.get(*scan));
        let moved = of_domain().any(|scan| scan.positions != scan.stored);
        let any = of_domain().any(|scan| !scan.positions.is_empty());
        self.commit(epoch, scans, moved || finished || (!recent && any), finished, now);
    }

    pub(super) fn commit(
        &mut self,
        epoch: Epoch,
        scans: &[ScanState],
        store: bool,
        finished: bool,
        now: Duration,
    ) {
        let of_scan = |scan: &ScanState| Progress { epoch, positions: scan.positions.clone() };
        let of_domain = self.scans.iter().filter_map(|scan| scans.get(*scan));
        let progress: Vec<Progress> = of_domain.map(of_scan).collect();
        if store {
            self.committed_at = Some(now);
        }
        self.committing = true;
        self.domain.commit(&EpochEnd { epoch, scans: &progress, store, finished });
    }

    pub(super) fn poll(&mut self, now: Duration) -> Result<Option<DomainEvent>> {
        let event = self.domain.poll(now)?;
        if let Some(DomainEvent::Committed(_)) = event {
            self.committing = false;
        }
        Ok(event)
    }

    pub(super) fn abort(&mut self) {
        self.domain.abort();
    }

    /// Whether nothing is left to be taken back; a failure ends the wait as well.
    pub(super) fn aborted(&mut self, now: Duration) -> bool {
        while !self.aborted {
            match self.domain.poll(now) {
                Ok(None) => return false,
                Ok(Some(DomainEvent::Aborted)) | Err(_) => self.aborted = true,
                Ok(Some(_)) => {}
            }
        }
        true
    }
}
