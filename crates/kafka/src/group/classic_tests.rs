use super::super::errors::ROWS;
use super::*;
use crate::pending::Pending;
use crate::testing::{Asked as Heard, Bench, MILLI, SECOND};
use crate::topic::TopicPartition;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use crate::wire::messages::heartbeat::HeartbeatResponse;
use crate::wire::messages::join_group::JoinGroupResponseMember;
use crate::wire::messages::leave_group::LeaveGroupResponse;
use crate::wire::messages::sync_group::SyncGroupResponse;

/// A machine and the brokers, played by the test.
struct Stage {
    bench: Bench,
    machine: ClassicMember,
    heard: Vec<Heard>,
}

fn wants() -> Subscription {
    Subscription { topics: vec!["t".to_owned()], user_data: String::new() }
}

fn gets(partition: i32) -> Assignment {
    let partitions = vec![TopicPartition::new("t", partition)];
    Assignment { partitions, user_data: "slot".to_owned() }
}

impl Stage {
    fn new(instance: Option<&str>) -> Self {
        let mut bench = Bench::new(&[("session.timeout.ms", "9000")]);
        bench.topic("t", 1, &[1]);
        let instance = instance.map(str::to_owned);
        let machine = ClassicMember::new(7, "g".to_owned(), "ranges".to_owned(), instance);
        Self { bench, machine, heard: Vec::new() }
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

    /// The one request that is out; FindCoordinator is answered with broker 2.
    fn next(&mut self) -> Heard {
        let heard = std::mem::take(&mut self.heard);
        let [one] = <[Heard; 1]>::try_from(heard).unwrap();
        if one.api() != "FindCoordinator" {
            return one;
        }
        assert_eq!(one.body::<FindCoordinatorRequest>().coordinator_keys, ["g"]);
        self.bench.answer_coordinator(&one);
        self.run();
        self.next()
    }

    fn join(&mut self) -> Heard {
        self.request(Request::Join(wants()));
        self.next()
    }

    fn joined(&mut self, to: &Heard, response: JoinGroupResponse) {
        self.bench.answer::<JoinGroupRequest>(to, &response);
        self.run();
    }

    fn refuse(&mut self, code: ErrorCode) {
        let heard = self.next();
        let error_code = code.0;
        match heard.api() {
            "JoinGroup" => {
                let member_id = "given".to_owned();
                self.joined(
                    &heard,
                    JoinGroupResponse { error_code, member_id, ..Default::default() },
                );
            }
            "SyncGroup" => {
                let response = SyncGroupResponse { error_code, ..Default::default() };
                self.bench.answer::<SyncGroupRequest>(&heard, &response);
            }
            _ => {
                let response = HeartbeatResponse { error_code, ..Default::default() };
                self.bench.answer::<HeartbeatRequest>(&heard, &response);
            }
        }
        self.run();
    }

    fn generation(leads: bool) -> JoinGroupResponse {
        let member = |id: &str| JoinGroupResponseMember {
            member_id: id.to_owned(),
            metadata: wants().encode(),
            ..Default::default()
        };
        JoinGroupResponse {
            generation_id: 3,
            leader: if leads { "m" } else { "other" }.to_owned(),
            member_id: "m".to_owned(),
            members: if leads { vec![member("other"), member("m")] } else { Vec::new() },
            ..Default::default()
        }
    }

    /// A follower whose SyncGroup is out.
    fn syncing() -> Self {
        let mut stage = Self::new(None);
        let join = stage.join();
        stage.joined(&join, Self::generation(false));
        stage
    }

    fn stable() -> Self {
        let mut stage = Self::syncing();
        let sync = stage.next();
        stage.synced(&sync);
        stage
    }

    fn synced(&mut self, to: &Heard) {
        let response = SyncGroupResponse { assignment: gets(1).encode(), ..Default::default() };
        self.bench.answer::<SyncGroupRequest>(to, &response);
        self.run();
    }

    fn beaten(&mut self) {
        let heartbeat = self.next();
        self.bench.answer::<HeartbeatRequest>(&heartbeat, &HeartbeatResponse::default());
        self.run();
    }

    fn events(&mut self) -> Vec<MemberEvent> {
        self.machine.take_events()
    }

    /// Id and generation of the request that is out next.
    fn asks(&mut self, api: &str) -> (String, i32) {
        let heard = self.next();
        assert_eq!(heard.api(), api);
        match api {
            "JoinGroup" => (heard.body::<JoinGroupRequest>().member_id, -1),
            "SyncGroup" => {
                let body: SyncGroupRequest = heard.body();
                (body.member_id, body.generation_id)
            }
            _ => {
                let body: HeartbeatRequest = heard.body();
                (body.member_id, body.generation_id)
            }
        }
    }
}

#[test]
fn a_follower_joins_and_hears_what_it_reads() {
    let mut stage = Stage::new(None);
    let join = stage.join();
    let body: JoinGroupRequest = join.body();
    assert_eq!((body.group_id.as_str(), body.session_timeout_ms), ("g", 9000));
    assert_eq!((body.rebalance_timeout_ms, body.member_id.as_str()), (300_000, ""));
    assert_eq!(body.protocols[0].name, "ranges");
    // Others may take their time: no request time-out.
    stage.after(200 * SECOND);
    assert!(stage.heard.is_empty());
    stage.joined(&join, Stage::generation(false));
    let sync = stage.next();
    let body: SyncGroupRequest = sync.body();
    assert_eq!((body.member_id.as_str(), body.generation_id), ("m", 3));
    assert!(body.assignments.is_empty());
    stage.synced(&sync);
    let member = GroupMember { generation: 3, member_id: "m".to_owned(), ..GroupMember::default() };
    let assigned = MemberEvent::Assigned { member, assignment: gets(1), leads: false };
    assert_eq!(stage.events(), [assigned]);
    // A third of the session is less than heartbeat.interval.ms would be.
    stage.after(3 * SECOND);
    assert_eq!(stage.asks("Heartbeat"), ("m".to_owned(), 3));
}

#[test]
fn the_leader_assigns() {
    let mut stage = Stage::new(None);
    let join = stage.join();
    stage.joined(&join, Stage::generation(true));
    let members = ["m", "other"].map(|id| (id.to_owned(), Some(wants()))).to_vec();
    assert_eq!(stage.events(), [MemberEvent::Elected { generation: 3, members }]);
    assert!(stage.heard.is_empty());
    let assignments = vec![("m".to_owned(), gets(1).encode())];
    stage.request(Request::Assign(2, assignments.clone()));
    assert!(stage.heard.is_empty(), "of a generation that is over");
    stage.request(Request::Assign(3, assignments));
    let sync = stage.next();
    assert_eq!(sync.body::<SyncGroupRequest>().assignments.len(), 1);
    stage.synced(&sync);
    assert!(matches!(stage.events()[..], [MemberEvent::Assigned { leads: true, .. }]));
}

#[test]
fn a_leader_that_does_not_know_what_it_has_assigned_joins_again() {
    let mut stage = Stage::new(Some("lasting"));
    let join = stage.join();
    let response = JoinGroupResponse { skip_assignment: true, ..Stage::generation(true) };
    stage.joined(&join, response);
    assert!(stage.heard.is_empty() && stage.events().is_empty());
    stage.after(300 * MILLI);
    let join = stage.next();
    let body: JoinGroupRequest = join.body();
    assert_eq!(body.group_instance_id.as_deref(), Some("lasting"));
    assert_eq!(body.member_id, "m");
    stage.joined(&join, Stage::generation(true));
    assert!(matches!(stage.events()[..], [MemberEvent::Elected { .. }]));
}

#[test]
fn a_leader_that_takes_its_time_stays_in_the_group() {
    let mut stage = Stage::new(None);
    let join = stage.join();
    stage.joined(&join, Stage::generation(true));
    stage.events();
    for _ in 0..5 {
        stage.after(3 * SECOND);
        let heartbeat = stage.next();
        assert_eq!(heartbeat.body::<HeartbeatRequest>().generation_id, 3);
        let error_code = ErrorCode::REBALANCE_IN_PROGRESS.0;
        let response = HeartbeatResponse { error_code, ..Default::default() };
        stage.bench.answer::<HeartbeatRequest>(&heartbeat, &response);
        stage.run();
        assert!(stage.events().is_empty(), "it has nothing to give up");
    }
    stage.request(Request::Assign(3, vec![("m".to_owned(), gets(1).encode())]));
    let sync = stage.next();
    stage.synced(&sync);
    assert!(matches!(stage.events()[..], [MemberEvent::Assigned { leads: true, .. }]));
}

#[test]
fn a_leader_without_answers_joins_anew() {
    let mut stage = Stage::new(None);
    let join = stage.join();
    stage.joined(&join, Stage::generation(true));
    stage.events();
    stage.after(3 * SECOND);
    stage.next();
    stage.after(6 * SECOND);
    stage.after(300 * MILLI);
    assert!(stage.events().is_empty());
    assert_eq!(stage.asks("JoinGroup"), ("m".to_owned(), -1));
}

#[test]
fn each_row_for_joining() {
    for row in ROWS {
        let mut stage = Stage::new(None);
        stage.request(Request::Join(wants()));
        stage.refuse(row.code);
        if row.join != MemberAction::TakeId {
            assert!(stage.heard.is_empty(), "{:?} is retried at once", row.code);
            stage.after(300 * MILLI);
        }
        let coordinator = stage.heard[0].api() == "FindCoordinator";
        assert_eq!(coordinator, row.join == MemberAction::Rediscover, "{:?}", row.code);
        let id = if row.join == MemberAction::TakeId { "given" } else { "" };
        assert_eq!(stage.asks("JoinGroup"), (id.to_owned(), -1), "{:?}", row.code);
        assert!(stage.events().is_empty());
    }
}

#[test]
fn each_row_for_the_assignment() {
    for row in ROWS {
        let mut stage = Stage::syncing();
        stage.refuse(row.code);
        stage.after(300 * MILLI);
        let events = stage.events();
        match row.sync {
            MemberAction::Fail => {
                assert!(matches!(events[..], [MemberEvent::Failed(_)]), "{:?}", row.code);
                assert!(stage.heard.is_empty());
                continue;
            }
            MemberAction::Rediscover => {
                assert_eq!(stage.heard[0].api(), "FindCoordinator", "{:?}", row.code);
                assert_eq!(stage.asks("SyncGroup"), ("m".to_owned(), 3), "{:?}", row.code);
            }
            action => {
                let id = if action == MemberAction::Reset { "" } else { "m" };
                assert_eq!(stage.asks("JoinGroup"), (id.to_owned(), -1), "{:?}", row.code);
            }
        }
        assert!(events.is_empty(), "{:?}", row.code);
    }
}

#[test]
fn each_row_for_a_heartbeat() {
    for row in ROWS {
        let mut stage = Stage::stable();
        stage.events();
        stage.after(3 * SECOND);
        stage.refuse(row.code);
        stage.after(300 * MILLI);
        let events = stage.events();
        match row.heartbeat {
            MemberAction::Fail | MemberAction::TakeId | MemberAction::Wait => {
                assert!(matches!(events[..], [MemberEvent::Failed(_)]), "{:?}", row.code);
            }
            MemberAction::Rejoin | MemberAction::Reset => {
                assert!(matches!(events[..], [MemberEvent::Lost(_)]), "{:?}", row.code);
                assert!(stage.heard.is_empty(), "it joins when it is asked to");
                stage.request(Request::Join(wants()));
                let id = if row.heartbeat == MemberAction::Reset { "" } else { "m" };
                assert_eq!(stage.asks("JoinGroup"), (id.to_owned(), -1), "{:?}", row.code);
            }
            MemberAction::Rebalance => {
                assert_eq!(events, [MemberEvent::Revoked]);
                // It stays in the group while it gives up what it has.
                stage.after(3 * SECOND);
                assert_eq!(stage.asks("Heartbeat"), ("m".to_owned(), 3));
            }
            MemberAction::Retry | MemberAction::Rediscover => {
                let coordinator = row.heartbeat == MemberAction::Rediscover;
                assert_eq!(stage.heard[0].api() == "FindCoordinator", coordinator);
                assert_eq!(stage.asks("Heartbeat"), ("m".to_owned(), 3), "{:?}", row.code);
                assert!(events.is_empty(), "{:?}", row.code);
            }
        }
    }
}

#[test]
fn other_codes_end_the_membership() {
    let others = (-1..140).map(ErrorCode).filter(|code| !code.is_ok());
    for code in others.filter(|code| ROWS.iter().all(|row| row.code != *code)) {
        let mut joining = Stage::new(None);
        joining.request(Request::Join(wants()));
        let mut stable = Stage::stable();
        stable.events();
        stable.after(3 * SECOND);
        for stage in [&mut joining, &mut Stage::syncing(), &mut stable] {
            stage.refuse(code);
            stage.after(SECOND);
            let events = stage.events();
            assert!(matches!(&events[..], [MemberEvent::Failed(_)]), "{code:?}: {events:?}");
            // For ever.
            stage.request(Request::Join(wants()));
            assert!(stage.heard.is_empty() && stage.events().is_empty(), "{code:?}");
        }
    }
}

#[test]
fn a_rebalance_is_joined_when_everything_is_given_up() {
    let mut stage = Stage::stable();
    stage.events();
    stage.after(3 * SECOND);
    stage.refuse(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(stage.events(), [MemberEvent::Revoked]);
    stage.after(3 * SECOND);
    // The answer to a heartbeat that is out comes first.
    stage.request(Request::Join(wants()));
    stage.refuse(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(stage.events().is_empty(), "it was told");
    assert_eq!(stage.asks("JoinGroup"), ("m".to_owned(), -1));
}

#[test]
fn a_session_without_answers_is_lost() {
    let mut stage = Stage::stable();
    stage.events();
    stage.after(3 * SECOND);
    stage.beaten();
    stage.after(3 * SECOND);
    let unanswered = stage.next();
    stage.after(5 * SECOND);
    assert!(stage.events().is_empty());
    stage.after(SECOND);
    assert!(matches!(stage.events()[..], [MemberEvent::Lost(_)]));
    // Whatever comes late means nothing any more.
    stage.bench.answer::<HeartbeatRequest>(&unanswered, &HeartbeatResponse::default());
    stage.after(SECOND);
    assert!(stage.events().is_empty() && stage.heard.is_empty());
}

#[test]
fn a_broken_connection_is_no_loss() {
    let mut stage = Stage::stable();
    stage.events();
    stage.after(3 * SECOND);
    let heartbeat = stage.next();
    stage.bench.break_off(heartbeat.conn);
    stage.run();
    stage.after(300 * MILLI);
    assert_eq!(stage.heard[0].api(), "FindCoordinator");
    assert_eq!(stage.asks("Heartbeat"), ("m".to_owned(), 3));
    assert!(stage.events().is_empty());
}

fn leave(stage: &mut Stage) -> Pending<()> {
    let (promise, pending) = Promise::new(|| ());
    stage.request(Request::Leave(promise));
    pending
}

#[test]
fn leaving_waits_for_no_rebalance() {
    let mut stage = Stage::new(None);
    stage.request(Request::Join(wants()));
    stage.refuse(ErrorCode::MEMBER_ID_REQUIRED);
    let join = stage.next();
    assert_eq!(join.api(), "JoinGroup");
    let left = leave(&mut stage);
    let asked = stage.next();
    assert_ne!(asked.conn, join.conn, "the answer to JoinGroup may take minutes");
    assert_eq!(asked.body::<LeaveGroupRequest>().members[0].member_id, "given");
    assert_eq!(left.try_take(), None);
    stage.bench.answer::<LeaveGroupRequest>(&asked, &LeaveGroupResponse::default());
    stage.run();
    assert_eq!(left.try_take(), Some(()));
}

#[test]
fn who_is_no_member_or_has_a_lasting_name_has_nothing_to_leave() {
    let mut stage = Stage::new(None);
    assert_eq!(leave(&mut stage).try_take(), Some(()));
    let mut stage = Stage::new(Some("lasting"));
    let join = stage.join();
    stage.joined(&join, Stage::generation(false));
    stage.next();
    assert_eq!(leave(&mut stage).try_take(), Some(()));
    assert!(stage.heard.is_empty());
}
