//! A broker that forges some of its answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brooklet_kafka::transport::{BrokerEvent, Responder};
use bytes::Bytes;

use crate::client_support::memory::InMemory;

/// What is done to an answer at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// The answer ends there.
    Cut,
    /// The largest 32-bit count.
    Huge,
    /// A count of −1.
    Negative,
    /// The smallest 32-bit count.
    Smallest,
    /// The largest unsigned varint.
    HugeVarint,
    /// A varint that does not end.
    EndlessVarint,
    /// One byte.
    Zero,
    /// Bytes behind the end.
    Longer,
}

impl Forgery {
    pub(crate) const ALL: [Self; 8] = [
        Self::Cut,
        Self::Huge,
        Self::Negative,
        Self::Smallest,
        Self::HugeVarint,
        Self::EndlessVarint,
        Self::Zero,
        Self::Longer,
    ];

    fn apply(self, frame: &Bytes, place: usize) -> Bytes {
        let mut bytes = frame.to_vec();
        let place = place.min(bytes.len());
        let patch: &[u8] = match self {
            Self::Cut => {
                bytes.truncate(place);
                &[]
            }
            Self::Huge => &[0x7f, 0xff, 0xff, 0xff],
            Self::Negative => &[0xff; 4],
            Self::Smallest => &[0x80, 0, 0, 0],
            Self::HugeVarint => &[0xff, 0xff, 0xff, 0xff, 0x0f],
            Self::EndlessVarint => &[0xff; 10],
            Self::Zero => &[0],
            Self::Longer => {
                bytes.extend_from_slice(&[1; 100]);
                &[]
            }
        };
        let end = (place + patch.len()).min(bytes.len());
        bytes.splice(place..end, patch.iter().copied());
        bytes.into()
    }
}

/// API key and bytes of each answer, in their order.
pub(crate) type Answers = Arc<Mutex<Vec<(i16, usize)>>>;

enum Plan {
    Honest,
    Once { index: usize, place: usize, forgery: Forgery },
    From { index: usize, forgery: Forgery },
    Often { state: u64 },
}

/// See the module.
pub(crate) struct Liar {
    broker: InMemory,
    plan: Plan,
    /// Keys of the requests of a connection that wait for their answers.
    asked: BTreeMap<u64, VecDeque<i16>>,
    answers: Answers,
}

impl Liar {
    fn new(broker: InMemory, plan: Plan) -> Self {
        Self { broker, plan, asked: BTreeMap::new(), answers: Answers::default() }
    }

    /// Notes its answers and leaves them alone.
    pub(crate) fn honest(broker: InMemory) -> (Self, Answers) {
        let liar = Self::new(broker, Plan::Honest);
        let answers = Arc::clone(&liar.answers);
        (liar, answers)
    }

    /// Forges one answer.
    pub(crate) fn once(broker: InMemory, index: usize, place: usize, forgery: Forgery) -> Self {
        Self::new(broker, Plan::Once { index, place, forgery })
    }

    /// Forges every answer from one on, in its middle.
    pub(crate) fn from(broker: InMemory, index: usize, forgery: Forgery) -> Self {
        Self::new(broker, Plan::From { index, forgery })
    }

    /// Forges every other answer, somewhere.
    pub(crate) fn often(broker: InMemory, seed: u64) -> Self {
        Self::new(broker, Plan::Often { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 })
    }

    fn answer(&mut self, conn: u64, frame: Bytes) -> Bytes {
        let api = self.asked.get_mut(&conn).and_then(VecDeque::pop_front).unwrap_or(-1);
        let mut answers = self.answers.lock().expect("no panic");
        let now = answers.len();
        answers.push((api, frame.len()));
        match &mut self.plan {
            Plan::Once { index, place, forgery } if *index == now => forgery.apply(&frame, *place),
            Plan::From { index, forgery } if *index <= now => {
                forgery.apply(&frame, frame.len() / 2)
            }
            Plan::Often { state } => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                let draw = *state as usize;
                if draw.is_multiple_of(2) {
                    return frame;
                }
                let forgery = Forgery::ALL[(draw >> 8) % Forgery::ALL.len()];
                forgery.apply(&frame, (draw >> 16) % frame.len().max(1))
            }
            Plan::Once { .. } | Plan::From { .. } | Plan::Honest => frame,
        }
    }
}

impl Responder for Liar {
    fn connect(&mut self, host: &str, port: u16, now: Duration) -> Option<u64> {
        self.broker.connect(host, port, now)
    }

    fn request(&mut self, conn: u64, frame: Bytes, now: Duration) {
        let key = frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key));
        self.asked.entry(conn).or_default().push_back(key);
        self.broker.request(conn, frame, now);
    }

    fn disconnect(&mut self, conn: u64) {
        self.asked.remove(&conn);
        self.broker.disconnect(conn);
    }

    fn poll(&mut self, now: Duration) -> Vec<BrokerEvent> {
        let events = self.broker.poll(now);
        let forged = events.into_iter().map(|event| match event {
            BrokerEvent::Frame(conn, frame) => BrokerEvent::Frame(conn, self.answer(conn, frame)),
            close @ BrokerEvent::Close(_) => close,
        });
        forged.collect()
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.broker.next_deadline()
    }
}
