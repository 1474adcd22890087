use super::super::errors::CONSUMER_ROWS;
use super::super::protocol::Subscription;
use super::*;
use crate::pending::Pending;
use crate::testing::{Asked as Heard, Bench, MILLI, SECOND};
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;

/// What brokers ask for here.
const INTERVAL: Duration = Duration::from_secs(3);

/// A machine and the brokers, played by the test.
struct Stage {
    bench: Bench,
    machine: ConsumerMember,
    heard: Vec<Heard>,
}

fn wants() -> Subscription {
    Subscription { topics: vec!["t".to_owned()], user_data: String::new() }
}

/// Partitions of the topic `t`.
fn of(partitions: &[i32]) -> Partitions {
    partitions.iter().map(|p| (Uuid([1; 16]), *p)).collect()
}

impl Stage {
    fn new(instance: Option<&str>) -> Self {
        let mut bench = Bench::new(&[("group.protocol", "consumer")]);
        bench.topic("t", 1, &[1, 1, 1]);
        let machine = ConsumerMember::new(7, "g".to_owned(), "stem", instance.map(str::to_owned));
        Self { bench, machine, heard: Vec::new() }
    }

    /// A member with these partitions in epoch 5.
    fn stable(partitions: &[i32]) -> Self {
        let mut stage = Self::new(None);
        stage.request(Request::Join(wants()));
        stage.answer(5, Some(of(partitions)));
        assert_eq!(stage.says().topic_partitions, Some(grouped(&of(partitions))));
        stage.answer(5, None);
        stage.events();
        stage
    }

    fn run(&mut self) {
        loop {
            self.bench.cluster.tick(self.bench.now);
            self.machine.poll(&mut self.bench.cluster, self.bench.now);
            let asked = self.bench.asked();
            let mut quiet = asked.is_empty();
            self.heard.extend(asked);
            for done in self.bench.completions() {
                quiet = false;
                let cluster = &mut self.bench.cluster;
                self.machine.answered(done.call, done.result, cluster, self.bench.now);
            }
            if quiet {
                return;
            }
        }
    }

    fn request(&mut self, request: Request) {
        self.machine.request(request, &mut self.bench.cluster, self.bench.now);
        self.run();
    }

    fn after(&mut self, time: Duration) {
        self.bench.now += time;
        self.run();
    }

    /// The one request that is out; FindCoordinator is answered.
    fn heard(&mut self) -> Heard {
        if self.heard[0].api() == "FindCoordinator" {
            let asked = self.heard.remove(0);
            assert_eq!(asked.body::<FindCoordinatorRequest>().coordinator_keys, ["g"]);
            self.bench.answer_coordinator(&asked);
            self.run();
        }
        assert_eq!(self.heard.len(), 1);
        self.heard[0].clone()
    }

    fn says(&mut self) -> ConsumerGroupHeartbeatRequest {
        self.heard().body()
    }

    fn respond(&mut self, response: &ConsumerGroupHeartbeatResponse) {
        let heard = self.heard();
        self.heard.clear();
        self.bench.answer::<ConsumerGroupHeartbeatRequest>(&heard, response);
        self.run();
    }

    fn answer(&mut self, epoch: i32, assignment: Option<Partitions>) {
        let assignment =
            assignment.map(|all| heartbeat::Assignment { topic_partitions: grouped(&all) });
        self.respond(&ConsumerGroupHeartbeatResponse {
            member_epoch: epoch,
            heartbeat_interval_ms: i32::try_from(INTERVAL.as_millis()).unwrap(),
            assignment,
            ..Default::default()
        });
    }

    fn refuse(&mut self, code: ErrorCode) {
        let error_code = code.0;
        self.respond(&ConsumerGroupHeartbeatResponse { error_code, ..Default::default() });
    }

    fn events(&mut self) -> Vec<MemberEvent> {
        self.machine.take_events()
    }

    /// Epoch and partitions of the one event, which is an assignment.
    fn assigned(&mut self) -> (i32, Vec<i32>) {
        match &self.events()[..] {
            [MemberEvent::Assigned { member, assignment, leads: false }] => {
                let numbers = assignment.partitions.iter().map(|tp| tp.partition);
                (member.generation, numbers.collect())
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_member_says_everything_to_join_and_little_afterwards() {
    let mut stage = Stage::new(Some("lasting"));
    stage.request(Request::Join(wants()));
    let says = stage.says();
    assert_eq!((says.group_id.as_str(), says.member_epoch), ("g", 0));
    assert_eq!((&says.member_id[..5], says.member_id.len()), ("stem-", 37));
    assert_eq!(says.instance_id.as_deref(), Some("lasting"));
    assert_eq!(says.rebalance_timeout_ms, 300_000);
    assert_eq!(says.subscribed_topic_names, Some(vec!["t".to_owned()]));
    assert_eq!(says.topic_partitions, Some(vec![]));
    stage.answer(5, Some(of(&[0, 2])));
    assert_eq!(stage.assigned(), (5, vec![0, 2]));
    // It acknowledges at once.
    assert_eq!(stage.says().topic_partitions, Some(grouped(&of(&[0, 2]))));
    stage.answer(5, None);
    stage.after(INTERVAL - MILLI);
    assert!(stage.heard.is_empty());
    stage.after(MILLI);
    let light = stage.says();
    assert_eq!((light.member_id, light.member_epoch), (says.member_id, 5));
    assert_eq!(light.instance_id.as_deref(), Some("lasting"));
    assert_eq!((light.rebalance_timeout_ms, light.subscribed_topic_names), (-1, None));
    assert_eq!(light.topic_partitions, None);
    stage.answer(5, None);
    assert!(stage.events().is_empty());
}

#[test]
fn two_members_have_two_ids() {
    let mut ids = Vec::new();
    for seed in [1, 2] {
        let mut stage = Stage::new(None);
        stage.bench.cluster.rng = crate::rng::Rng::new(seed);
        stage.request(Request::Join(wants()));
        ids.push(stage.says().member_id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_assignment_is_handed_out_once_its_topics_have_names() {
    let mut stage = Stage::new(None);
    stage.request(Request::Join(wants()));
    let made_anew = Uuid([9; 16]);
    stage.answer(5, Some(Partitions::from([(made_anew, 0)])));
    assert!(stage.events().is_empty());
    assert_ne!(stage.bench.refreshes, 0);
    // It stays in the group meanwhile.
    stage.answer(5, None);
    stage.after(INTERVAL);
    stage.answer(6, None);
    assert!(stage.events().is_empty());
    stage.bench.topic("t", 9, &[1]);
    stage.run();
    assert_eq!(stage.assigned(), (6, vec![0]));
}

#[test]
fn what_goes_is_given_up_before_it_is_said() {
    let mut stage = Stage::stable(&[0, 1]);
    stage.after(INTERVAL);
    stage.answer(5, Some(of(&[1])));
    assert_eq!(stage.events(), [MemberEvent::Revoked]);
    // Not said yet: the other member waits.
    stage.after(INTERVAL);
    assert_eq!(stage.says().topic_partitions, None);
    stage.answer(5, None);
    stage.request(Request::Join(wants()));
    let says = stage.says();
    assert_eq!((says.member_epoch, says.topic_partitions), (5, Some(grouped(&of(&[1])))));
    stage.answer(6, Some(of(&[1, 2])));
    assert_eq!(stage.assigned(), (6, vec![1, 2]));
    assert_eq!(stage.says().topic_partitions, Some(grouped(&of(&[1, 2]))));
}

#[test]
fn what_comes_is_taken_when_everything_is_given_up() {
    let mut stage = Stage::stable(&[0]);
    stage.after(INTERVAL);
    stage.answer(6, Some(of(&[0, 1])));
    let events = stage.events();
    assert!(
        matches!(&events[..], [MemberEvent::Advanced(member), MemberEvent::Revoked] if member.generation == 6),
        "{events:?}"
    );
    // The answer to what was asked before is no answer to joining.
    stage.after(INTERVAL);
    let before = stage.heard();
    stage.heard.clear();
    stage.request(Request::Join(wants()));
    assert!(stage.heard.is_empty());
    stage.heard.push(before);
    stage.answer(6, Some(of(&[0, 2])));
    assert!(stage.events().is_empty());
    assert_eq!(stage.says().topic_partitions, Some(grouped(&of(&[0, 2]))));
    stage.answer(6, Some(of(&[0, 2])));
    assert_eq!(stage.assigned(), (6, vec![0, 2]));
    assert!(stage.heard.is_empty(), "that was said");
}

#[test]
fn an_epoch_that_rises_alone_is_told() {
    let mut stage = Stage::stable(&[0]);
    stage.after(INTERVAL);
    stage.answer(7, None);
    let events = stage.events();
    assert!(
        matches!(&events[..], [MemberEvent::Advanced(member)] if member.generation == 7),
        "{events:?}"
    );
    stage.after(INTERVAL);
    assert_eq!(stage.says().member_epoch, 7);
}

#[test]
fn each_row_for_who_joins() {
    for (code, action) in CONSUMER_ROWS {
        let mut stage = Stage::new(None);
        stage.request(Request::Join(wants()));
        let id = stage.says().member_id;
        stage.refuse(*code);
        assert!(stage.heard.is_empty(), "{code:?} is retried at once");
        stage.after(300 * MILLI);
        if *action == MemberAction::Fail || *code == ErrorCode::GROUP_ID_NOT_FOUND {
            assert!(matches!(stage.events()[..], [MemberEvent::Failed(_)]), "{code:?}");
            stage.request(Request::Join(wants()));
            assert!(stage.heard.is_empty(), "{code:?}: for ever");
            continue;
        }
        let coordinator = stage.heard[0].api() == "FindCoordinator";
        assert_eq!(coordinator, *action == MemberAction::Rediscover, "{code:?}");
        let says = stage.says();
        assert_eq!((says.member_id, says.member_epoch), (id, 0), "{code:?}");
        assert_eq!(says.topic_partitions, Some(vec![]));
        let waits = matches!(stage.events()[..], [MemberEvent::Waits(_)]);
        assert_eq!(waits, *action == MemberAction::Wait, "{code:?}");
    }
}

#[test]
fn each_row_for_who_has_partitions() {
    for (code, action) in CONSUMER_ROWS {
        let mut stage = Stage::stable(&[0]);
        stage.after(INTERVAL);
        let id = stage.says().member_id;
        stage.refuse(*code);
        stage.after(300 * MILLI);
        let events = stage.events();
        match action {
            MemberAction::Fail => {
                assert!(matches!(events[..], [MemberEvent::Failed(_)]), "{code:?}");
            }
            MemberAction::Reset => {
                assert!(matches!(events[..], [MemberEvent::Lost(_)]), "{code:?}");
                assert!(stage.heard.is_empty(), "it joins when it is asked to");
                stage.request(Request::Join(wants()));
                let says = stage.says();
                assert_eq!((says.member_id, says.member_epoch), (id, 0), "{code:?}");
                assert_eq!(says.topic_partitions, Some(vec![]));
            }
            _ => {
                let waits = matches!(events[..], [MemberEvent::Waits(_)]);
                assert!(waits == (*action == MemberAction::Wait), "{code:?}");
                assert!(waits || events.is_empty(), "{code:?}");
                let says = stage.says();
                assert_eq!(says.member_epoch, 5, "{code:?}");
                // Said in full: the coordinator may be another one.
                assert_eq!(says.topic_partitions, Some(grouped(&of(&[0]))), "{code:?}");
            }
        }
    }
}

#[test]
fn a_lasting_name_is_waited_for_as_long_as_a_session_may_last() {
    let mut stage = Stage::new(Some("lasting"));
    stage.request(Request::Join(wants()));
    let (start, mut events) = (stage.bench.now, Vec::new());
    while !matches!(events.last(), Some(MemberEvent::Failed(_))) {
        stage.refuse(ErrorCode::UNRELEASED_INSTANCE_ID);
        events.extend(stage.events());
        stage.after(2 * SECOND);
    }
    assert!(matches!(events[..], [MemberEvent::Waits(_), MemberEvent::Failed(_)]), "{events:?}");
    assert!(stage.bench.now - start >= INSTANCE_WAIT_MAX);
    // Who is in waits no more.
    let mut stage = Stage::new(Some("lasting"));
    stage.request(Request::Join(wants()));
    stage.refuse(ErrorCode::UNRELEASED_INSTANCE_ID);
    stage.after(SECOND);
    stage.answer(5, Some(of(&[0])));
    assert!(stage.machine.named_by.is_none());
}

#[test]
fn other_codes_end_the_membership() {
    let others = (-1..140).map(ErrorCode).filter(|code| !code.is_ok());
    for code in others.filter(|code| CONSUMER_ROWS.iter().all(|row| row.0 != *code)) {
        let mut stage = Stage::stable(&[0]);
        stage.after(INTERVAL);
        stage.refuse(code);
        let events = stage.events();
        assert!(matches!(&events[..], [MemberEvent::Failed(_)]), "{code:?}: {events:?}");
    }
}

#[test]
fn a_broker_without_the_protocol_is_told_with_the_property() {
    let mut stage = Stage::new(None);
    stage.request(Request::Join(wants()));
    stage.refuse(ErrorCode::UNSUPPORTED_VERSION);
    match &stage.events()[..] {
        [MemberEvent::Failed(error)] => assert!(error.to_string().contains("'group.protocol'")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broken_connection_is_no_loss() {
    let mut stage = Stage::stable(&[0]);
    stage.after(INTERVAL);
    let heard = stage.heard();
    stage.heard.clear();
    stage.bench.break_off(heard.conn);
    stage.run();
    stage.after(300 * MILLI);
    assert_eq!(stage.heard[0].api(), "FindCoordinator");
    assert_eq!(stage.says().topic_partitions, Some(grouped(&of(&[0]))));
    stage.answer(5, Some(of(&[0])));
    assert!(stage.events().is_empty());
}

fn leave(stage: &mut Stage) -> Pending<()> {
    let (promise, pending) = Promise::new(|| ());
    stage.request(Request::Leave(promise));
    pending
}

#[test]
fn good_bye_is_an_epoch() {
    let mut stage = Stage::stable(&[0]);
    let left = leave(&mut stage);
    assert_eq!(stage.says().member_epoch, -1);
    assert_eq!(left.try_take(), None);
    stage.answer(-1, None);
    assert_eq!(left.try_take(), Some(()));
    // With a lasting name it is another one.
    let mut stage = Stage::new(Some("lasting"));
    stage.request(Request::Join(wants()));
    stage.answer(5, Some(of(&[0])));
    stage.answer(5, None);
    leave(&mut stage);
    assert_eq!(stage.says().member_epoch, -2);
}

#[test]
fn who_never_asked_to_join_has_nothing_to_leave() {
    let mut stage = Stage::new(None);
    assert_eq!(leave(&mut stage).try_take(), Some(()));
    assert!(stage.heard.is_empty());
}

#[test]
fn topics_are_kept_fresh_as_long_as_they_are_wanted() {
    let mut stage = Stage::stable(&[0]);
    let other = Subscription { topics: vec!["u".to_owned()], user_data: String::new() };
    stage.request(Request::Join(other));
    assert_eq!(stage.says().subscribed_topic_names, Some(vec!["u".to_owned()]));
    assert_eq!(stage.machine.topics, BTreeSet::from(["u".into()]));
    stage.machine.close(&mut stage.bench.cluster, stage.bench.now);
    assert!(stage.machine.topics.is_empty());
}

#[test]
fn there_is_a_pause_between_heartbeats() {
    // The interval comes from the coordinator: none at all is no reason to ask without a pause.
    let mut stage = Stage::new(None);
    stage.request(Request::Join(wants()));
    stage.respond(&ConsumerGroupHeartbeatResponse { member_epoch: 1, ..Default::default() });
    stage.after(MILLI);
    assert!(stage.heard.is_empty());
    stage.after(SECOND);
    assert_eq!(stage.says().member_epoch, 1);
}
