use super::*;
use crate::table::EpochEnd;
use std::sync::Mutex;

const MINUTE: Duration = Duration::from_secs(60);

/// Finds nothing beyond what it is restored with.
#[derive(Debug, Default)]
struct Quiet {
    found: bool,
}

impl Enumerator for Quiet {
    fn start(&mut self, _restored: Option<&Progress>) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<Discovered>> {
        let first = !std::mem::replace(&mut self.found, true);
        Ok(first.then(Discovered::default))
    }

    fn next_deadline(&self) -> Option<Duration> {
        None
    }
}

/// A store that notes what it is given.
#[derive(Debug, Default)]
struct Store {
    event: Option<DomainEvent>,
    held: Option<Progress>,
    commits: Arc<Mutex<Vec<Progress>>>,
    /// Other processes count this one in.
    joined: bool,
}

impl CommitDomain for Store {
    fn joined(&self) -> bool {
        self.joined
    }

    fn recover(&mut self, _from: Recovery) {
        let epoch = self.held.as_ref().map_or(0, |held| held.epoch);
        self.event = Some(DomainEvent::Recovered { epoch, scans: vec![self.held.clone()] });
    }

    fn commit(&mut self, end: &EpochEnd<'_>) {
        if end.store {
            self.commits.lock().unwrap().extend_from_slice(end.scans);
        }
        self.event = Some(DomainEvent::Committed(end.epoch));
    }

    fn abort(&mut self) {
        self.event = Some(DomainEvent::Aborted);
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<DomainEvent>> {
        Ok(self.event.take())
    }
}

fn progress(offsets: &[(i32, i64)]) -> Progress {
    let split = |index| SplitId { name: "quiet".into(), index };
    let positions = offsets.iter().map(|(index, at)| (split(*index), Position::at(*at))).collect();
    Progress { epoch: 4, positions }
}

/// The minutes at which a job in which nothing moves stores its progress, and whether that stays what it was.
fn stores(held: &Progress, minutes: u32) -> (Vec<u32>, bool) {
    let commits = Arc::<Mutex<Vec<Progress>>>::default();
    let store =
        Store { held: Some(held.clone()), commits: Arc::clone(&commits), ..Store::default() };
    let scan = CoordinatedScan { name: "quiet".to_owned(), enumerator: Box::new(Quiet::default()) };
    let domain = CoordinatedDomain { domain: Box::new(store), scans: vec![0] };
    let (reports, worker) = (Mailbox::new(), Mailbox::new());
    let mut coordinator = Coordinator::new(
        vec![scan],
        Stores { domains: vec![domain], ..Stores::default() },
        Arc::clone(&reports),
        JobControl::new(),
        MINUTE * 10,
        None,
        false,
    )
    .unwrap();
    let mut at = Vec::new();
    for minute in 0..=minutes {
        let now = MINUTE * minute;
        let before = commits.lock().unwrap().len();
        loop {
            match coordinator.step(now).unwrap() {
                Outcome::StartWorkers { .. } => {
                    coordinator.workers_started(vec![Arc::clone(&worker)], now);
                }
                Outcome::Step(Step::Busy) => {}
                other => {
                    assert!(matches!(other, Outcome::Step(Step::Idle(_))), "{other:?}");
                    let mut told = false;
                    while let Some(command) = worker.take() {
                        if let Command::Barrier { epoch, .. } = command {
                            reports.send(Report::Barrier { epoch, positions: vec![Vec::new()] });
                            reports.send(Report::Flushed { epoch });
                            told = true;
                        }
                    }
                    if !told {
                        break;
                    }
                }
            }
        }
        let stored = commits.lock().unwrap().len() - before;
        at.extend(std::iter::repeat_n(minute, stored));
    }
    assert!(coordinator.completed >= u64::from(minutes / 10));
    let same = commits.lock().unwrap().iter().all(|stored| stored.positions == held.positions);
    (at, same)
}

/// Finds nothing at first, and later a split that another look would start elsewhere.
#[derive(Debug, Default)]
struct Late {
    looks: u32,
}

impl Enumerator for Late {
    fn start(&mut self, _restored: Option<&Progress>) -> Result<()> {
        Ok(())
    }

    fn poll(&mut self, now: Duration) -> Result<Option<Discovered>> {
        if now < MINUTE * self.looks {
            return Ok(None);
        }
        self.looks += 1;
        let id = Arc::new(SplitId { name: "quiet".into(), index: 0 });
        let split = crate::table::Split { id, start: Position::at(7), end: None };
        Ok(match self.looks {
            1 => Some(Discovered { volatile: true, ..Discovered::default() }),
            2 => Some(Discovered { added: vec![split], volatile: true, ..Discovered::default() }),
            _ => None,
        })
    }

    fn next_deadline(&self) -> Option<Duration> {
        Some(MINUTE * self.looks)
    }
}

#[test]
fn a_start_that_could_move_is_stored_before_it_is_read_from_also_when_it_is_found_late() {
    let commits = Arc::<Mutex<Vec<Progress>>>::default();
    let store = Store { commits: Arc::clone(&commits), ..Store::default() };
    let domain = CoordinatedDomain { domain: Box::new(store), scans: vec![0] };
    let scan = CoordinatedScan { name: "quiet".to_owned(), enumerator: Box::new(Late::default()) };
    let (reports, worker) = (Mailbox::new(), Mailbox::new());
    let stores = Stores { domains: vec![domain], ..Stores::default() };
    let (scans, control) = (vec![scan], JobControl::new());
    let inbox = Arc::clone(&reports);
    let mut coordinator =
        Coordinator::new(scans, stores, inbox, control, MINUTE * 10, None, false).unwrap();
    let mut now = Duration::ZERO;
    while now < MINUTE * 3 {
        match coordinator.step(now).unwrap() {
            Outcome::StartWorkers { splits } => {
                assert_eq!(splits, 0);
                coordinator.workers_started(vec![Arc::clone(&worker)], now);
            }
            Outcome::Step(Step::Idle(next)) => {
                let Some(command) = worker.take() else {
                    now = next.unwrap();
                    continue;
                };
                match command {
                    Command::Barrier { epoch, .. } => {
                        reports.send(Report::Barrier { epoch, positions: vec![Vec::new()] });
                        reports.send(Report::Flushed { epoch });
                    }
                    Command::Assign { splits, .. } => {
                        assert_eq!((now, splits.len()), (MINUTE, 1));
                        let stored = commits.lock().unwrap().pop().unwrap();
                        assert_eq!(stored.positions, progress(&[(0, 7)]).positions);
                        return;
                    }
                    Command::Stop => unreachable!(),
                }
            }
            outcome => assert!(matches!(outcome, Outcome::Step(Step::Busy)), "{outcome:?}"),
        }
    }
    panic!("the split is not read");
}

#[test]
fn quiet_progress_is_stored_again_before_it_can_expire() {
    assert_eq!(stores(&progress(&[(0, 7), (1, 0)]), 200), (vec![1, 61, 121, 181], true));
}

#[test]
fn no_progress_is_not_stored() {
    assert_eq!(stores(&progress(&[]), 200), (vec![], true));
}

#[test]
fn the_first_epoch_of_a_job_that_goes_on_is_short() {
    let first = |epoch| {
        let held = Progress { epoch, ..progress(&[(0, 7)]) };
        let within = |minutes| !stores(&held, minutes).0.is_empty();
        (1..20).find(|minutes| within(*minutes))
    };
    assert_eq!(first(4), Some(1));
    // Nothing was written before.
    assert_eq!(first(0), Some(10));
}

#[test]
fn a_process_that_others_count_in_may_try_again_before_it_has_recovered() {
    for joined in [false, true] {
        let store = Store { joined, ..Store::default() };
        let enumerator = Box::new(Quiet::default());
        let coordinator = Coordinator::new(
            vec![CoordinatedScan { name: "quiet".to_owned(), enumerator }],
            Stores {
                domains: vec![CoordinatedDomain { domain: Box::new(store), scans: vec![0] }],
                ..Stores::default()
            },
            Mailbox::new(),
            JobControl::new(),
            MINUTE,
            None,
            false,
        );
        assert_eq!(coordinator.unwrap().can_ask(), joined);
    }
}
