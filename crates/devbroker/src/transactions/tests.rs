use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Bench {
    all: Transactions,
    ids: i64,
    now: Duration,
}

impl Bench {
    fn new(epoch_max: i16) -> Self {
        let all = Transactions::new(&Limits::default(), epoch_max, Duration::ZERO);
        Self { all, ids: 100, now: Duration::from_secs(1) }
    }

    fn init(&mut self, expected: Option<Identity>) -> Result<Identity, ResponseError> {
        let answer = self.all.init("t", MINUTE, expected, &mut self.ids, self.now);
        self.complete();
        answer
    }

    fn ready(&mut self) -> Identity {
        self.init(None).unwrap()
    }

    fn complete(&mut self) -> Option<Ending> {
        let ending = self.all.complete(self.now);
        assert!(self.all.complete(self.now).is_none());
        ending
    }

    fn open(&mut self, from: Identity) -> Result<(), ResponseError> {
        self.all.add("t", from, [("a".to_owned(), 0)], None, self.now)
    }

    fn end(&mut self, from: Identity, commit: bool, v2: bool) -> Result<Identity, ResponseError> {
        let answer = self.all.end("t", from, commit, v2, &mut self.ids, self.now);
        self.complete();
        answer
    }
}

fn at(from: Identity, epoch: i16) -> Identity {
    Identity { epoch, ..from }
}

/// Table 2.2 of what the coordinator answers to a commit with a stored identity.
#[test]
fn answers_to_a_commit_by_state() {
    use ResponseError::{InvalidProducerIdMapping, InvalidTxnState, ProducerFenced};
    for v2 in [false, true] {
        let bump = i16::from(v2);
        let mut bench = Bench::new(i16::MAX);
        let own = bench.ready();
        assert_eq!(bench.end(own, true, v2), Err(InvalidTxnState), "empty");
        bench.open(own).unwrap();
        let next = at(own, own.epoch + bump);
        assert_eq!(bench.end(own, true, v2), Ok(next), "ongoing");
        assert_eq!(bench.end(own, true, v2), Ok(next), "repeated");
        assert_eq!(bench.end(own, false, v2), Err(InvalidTxnState), "the other way");

        bench.open(next).unwrap();
        if v2 {
            assert_eq!(bench.end(own, true, v2), Err(ProducerFenced), "a late repetition");
        }
        bench.now += MINUTE;
        bench.all.expire(bench.now);
        assert!(bench.complete().is_some());
        bench.all.expire(bench.now);
        assert!(bench.complete().is_none());
        let timed_out = if v2 { InvalidTxnState } else { ProducerFenced };
        assert_eq!(bench.end(next, true, v2), Err(timed_out), "timed out");

        bench.ready();
        assert_eq!(bench.end(next, true, v2), Err(ProducerFenced), "started again");
        let foreign = Identity { id: 7, epoch: 0 };
        assert_eq!(bench.end(foreign, true, v2), Err(InvalidProducerIdMapping));
    }
}

#[test]
fn taking_over_an_open_transaction_needs_a_second_request() {
    let mut bench = Bench::new(i16::MAX);
    let first = bench.ready();
    bench.open(first).unwrap();
    let answer = bench.all.init("t", MINUTE, None, &mut bench.ids, bench.now);
    assert_eq!(answer, Err(ResponseError::ConcurrentTransactions));
    let ending = bench.complete().unwrap();
    assert_eq!((ending.commit, ending.marker.epoch), (false, first.epoch + 1));
    assert_eq!(ending.partitions.len(), 1);
    assert_eq!(bench.ready().epoch, first.epoch + 2);
    assert_eq!(bench.open(first), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_producer_that_goes_on_is_told_apart_from_a_rival() {
    let mut bench = Bench::new(i16::MAX);
    let first = bench.ready();
    let second = bench.init(Some(first)).unwrap();
    assert_eq!(second.epoch, first.epoch + 1);
    assert_eq!(bench.init(Some(first)), Ok(second), "a repeated request moves nothing");
    bench.ready();
    assert_eq!(bench.init(Some(second)), Err(ResponseError::ProducerFenced));
}

#[test]
fn the_producer_id_is_exchanged_at_the_end_of_its_epochs() {
    let mut bench = Bench::new(3);
    let mut own = bench.ready();
    for _ in 0..2 {
        bench.open(own).unwrap();
        own = bench.end(own, true, true).unwrap();
    }
    assert_eq!(own.epoch, 2);
    bench.open(own).unwrap();
    let next = bench.end(own, true, true).unwrap();
    assert_ne!(next.id, own.id);
    assert_eq!(next.epoch, 0);
    assert_eq!(bench.end(own, true, true), Ok(next), "a repeated end after the exchange");
    bench.open(next).unwrap();
    assert!(bench.end(next, false, true).is_ok());
}

#[test]
fn version_2_aborts_what_has_no_partition() {
    let mut bench = Bench::new(i16::MAX);
    let own = bench.ready();
    assert_eq!(bench.end(own, false, false), Err(ResponseError::InvalidTxnState));
    let next = bench.end(own, false, true).unwrap();
    assert_eq!(next.epoch, own.epoch + 1);
    assert_eq!(bench.end(own, false, true), Ok(next));
}

#[test]
fn ids_and_members_are_bounded() {
    let limits =
        Limits { transactional_ids_max: 2, transaction_members_max: 3, ..Limits::default() };
    let mut all = Transactions::new(&limits, i16::MAX, Duration::ZERO);
    let mut ids = 0;
    let now = Duration::from_secs(1);
    let mut init = |all: &mut Transactions, id: &str| all.init(id, MINUTE, None, &mut ids, now);
    let a = init(&mut all, "a").unwrap();
    all.add("a", a, [("x".to_owned(), 0)], Some("g"), now).unwrap();
    let full = all.add("a", a, (0..3).map(|i| ("y".to_owned(), i)), None, now);
    assert_eq!(full, Err(ResponseError::PolicyViolation));
    init(&mut all, "b").unwrap();
    let c = init(&mut all, "c").unwrap();
    assert!(all.get("b").is_none(), "the idle one gave way");
    all.add("c", c, [("x".to_owned(), 0)], None, now).unwrap_err();
    let mut ids = 9;
    all.end("a", a, true, true, &mut ids, now).unwrap();
    all.complete(now).unwrap();
    all.add("c", c, [("x".to_owned(), 0)], None, now).unwrap();
    assert_eq!(all.next_deadline(), Some(now + MINUTE));
}

/// What Kafka's coordinator answers between a decision and its markers.
#[test]
fn producers_wait_for_delayed_markers() {
    use ResponseError::{ConcurrentTransactions, ProducerFenced};
    let delay = Duration::from_secs(1);
    for v2 in [false, true] {
        let mut bench = Bench::new(i16::MAX);
        bench.all.delay_markers(delay);
        let own = bench.ready();
        bench.open(own).unwrap();
        let next = bench.end(own, true, v2).unwrap();
        assert_eq!(bench.all.get("t").unwrap().state, State::PrepareCommit);
        assert_eq!(bench.end(own, true, v2), Err(ConcurrentTransactions), "repeated");
        assert_eq!(bench.end(own, false, v2), Err(ConcurrentTransactions), "the other way");
        let early = if v2 { ProducerFenced } else { ConcurrentTransactions };
        assert_eq!(bench.end(next, true, v2), Err(early), "the next one");
        assert_eq!(bench.open(next), Err(ConcurrentTransactions));
        assert_eq!(bench.all.verify("t", next, None, None), Err(ConcurrentTransactions));
        assert_eq!(bench.init(None), Err(ConcurrentTransactions));
        assert_eq!(bench.init(Some(Identity { id: 7, epoch: 0 })), Err(ConcurrentTransactions));
        assert_eq!(bench.all.next_deadline(), Some(bench.now + delay));
        bench.now += delay / 2;
        bench.all.reload(bench.now);
        bench.now += delay / 2;
        assert!(bench.complete().is_none(), "it began anew");
        bench.now += delay / 2;
        let ending = bench.complete().unwrap();
        assert_eq!((ending.commit, ending.writer, ending.partitions.len()), (true, own.id, 1));
        assert_eq!(bench.end(own, true, v2), Ok(next), "repeated");
        bench.open(next).unwrap();
        bench.now += MINUTE;
        bench.all.expire(bench.now);
        assert_eq!(bench.all.get("t").unwrap().state, State::PrepareAbort);
        assert_eq!(bench.all.next_deadline(), Some(bench.now + delay), "it times out once");
        bench.now += delay;
        assert!(!bench.complete().unwrap().commit);
    }
}
