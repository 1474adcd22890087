//! Named limits of the client: each has a unit and a reason.

use std::time::Duration;

// ---- messages ----

/// Bytes of one frame (request or response) behind its length prefix. Kafka's own default of
/// `socket.request.max.bytes` is 100 MiB; the length is checked before a buffer is made.
pub const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Bytes reserved for a frame of which nothing has arrived yet. Above every answer to a fetch with
/// the default budget, so that those are never copied; far below what a lie could announce.
pub const FRAME_RESERVE_MAX: usize = 16 * 1024 * 1024;

/// Bytes reserved for a frame per byte that has arrived, once that is [`FRAME_RESERVE_MAX`]: enough for the longest
/// frame, so that only its beginning is ever copied. What is reserved becomes memory when bytes arrive.
pub const FRAME_RESERVE_RATIO: usize = 8;

/// Bytes from which on a field is sent from where it lies instead of being copied into its frame:
/// below, one more piece in the system call costs as much as the copy.
pub const SHARED_BYTES_MIN: usize = 4 * 1024;

/// Elements for which an array reserves memory before the first one is decoded. A count is also
/// bounded by the bytes that remain; this keeps a lie within that bound cheap.
pub const ARRAY_RESERVE_MAX: usize = 1024;

/// Bytes of decoded array elements that one message may occupy in memory (record bytes are slices
/// of the frame and do not count). An empty string is 1 byte on the wire and 24 in memory, so the
/// frame limit alone would let a peer multiply its input. Metadata of a million partitions with three
/// replicas has less.
pub const MESSAGE_ELEMENT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Bytes of a string: Kafka limits every string of the protocol, compact or not, to an `int16`.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Bytes of a topic's name, all of them ASCII (`org.apache.kafka.common.internals.Topic`): it is the name of a directory,
/// which has 255, behind a dot and the number of a partition.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

// ---- client ----

/// Longest time for which a broker's `throttle_time_ms` keeps a connection silent. Brokers ask for at most the window of
/// their quotas, 11 s by default; more, from a broker with a fault, would hold a job up without a word.
pub const THROTTLE_MAX: Duration = Duration::from_secs(60);

/// Requests on the wire per connection; brokers handle them one after another, so more only
/// lengthens the list of requests whose fate is unknown when the connection breaks.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 5;

/// Batches in flight per partition: brokers remember the last five sequences per producer.
pub const BATCHES_IN_FLIGHT_MAX: usize = 5;

/// Which part of `buffer.memory` open batches may take, as a divisor; the rest is for sealed ones, which wait for a round
/// trip.
pub const OPEN_BATCHES_PART: usize = 4;

/// Bytes of fetched data that the process holds when nobody sets a budget.
pub const FETCH_BUDGET_BYTES_DEFAULT: usize = 18 * 1024 * 1024;

/// Smallest `max_bytes` of a fetch: below it the cost of a request outweighs its data.
pub const FETCH_BYTES_MIN: usize = 64 * 1024;

/// Bytes that the offsets of one OffsetCommit take in the coordinator's log, which writes them as one batch: half of the
/// default of `message.max.bytes`.
pub const OFFSET_COMMIT_BYTES_MAX: usize = 512 * 1024;

/// Bytes of an offset in the coordinator's log beside the names and the string: keys and headers of the record, numbers,
/// and, twice, the length of the topic's name.
pub const OFFSET_RECORD_BYTES: usize = 100;

/// Bytes of the string that OffsetCommit stores beside an offset (`offset.metadata.max.bytes`).
pub const OFFSET_METADATA_BYTES_MAX: usize = 4096;

/// How long a topic may be unknown after it was known (creation and deletion take seconds to
/// reach every broker) before a consumer or a producer is told.
pub const TOPIC_UNKNOWN_MAX: Duration = Duration::from_secs(10);

/// Highest epoch of a producer id (16 bit, KIP-360); the next bump asks for a new id.
pub const PRODUCER_EPOCH_MAX: i16 = i16::MAX;

/// Extra time over a fetch's own long poll, or an admin call's own time-out, before the
/// connection counts as dead.
pub const BROKER_GRACE: Duration = Duration::from_secs(1);

/// Extra time over `max.poll.interval.ms` before the connection counts as dead on which a member waits for the others of
/// its group (Java's `JOIN_GROUP_TIMEOUT_LAPSE`).
pub const JOIN_GRACE: Duration = Duration::from_secs(5);

/// How long a lasting name may be another process' before a member that has it gives up: twice the longest session that
/// brokers allow by default (`group.consumer.max.session.timeout.ms`, 60 s), which a killed process leaves behind.
pub const INSTANCE_WAIT_MAX: Duration = Duration::from_secs(120);

/// An unknown property gets a "did you mean" where at most one of this many characters is wrong, or one at all: `abc` is
/// no `acks`, and a long name may have several slips.
pub const NEAREST_CHARACTERS_PER_EDIT: usize = 4;

/// Bytes of the records of a control batch: one marker of a few dozen bytes.
pub const CONTROL_BATCH_BYTES_MAX: usize = 64 * 1024;

/// Pieces of frames per write call: the kernel takes no more slices at once (`IOV_MAX` is 1024), and
/// requests that pile up beyond this wait for the socket anyway.
pub const SOCKET_WRITE_SLICES_MAX: usize = 64;

/// How long an address of a broker's name is waited for before the next one is tried beside it
/// (RFC 8305 §8).
pub const ADDRESS_HEAD_START: Duration = Duration::from_millis(250);

// ---- security ----

/// Bytes of one SASL message of a broker. SCRAM's are some hundred; an OAuth refusal explains
/// itself in JSON.
pub const SASL_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Rounds of one authentication: SCRAM takes two.
pub const SASL_ROUNDS_MAX: u32 = 8;

/// Fewest iterations that a broker may ask SCRAM for: below, a listener could guess the password
/// from the proof (RFC 7677, and Kafka's own minimum).
pub const SCRAM_ITERATIONS_MIN: u32 = 4096;

/// Most iterations: eight times Kafka's own maximum, a tenth of a second of the I/O thread. More
/// would let a hostile broker stop the process.
pub const SCRAM_ITERATIONS_MAX: u32 = 8 * 16_384;

/// Random bytes of a nonce: 144 bits, so that none ever comes twice.
pub const NONCE_BYTES: usize = 18;

/// Bytes of a file with certificates or keys; the largest CA bundles have some hundred KiB.
pub const STORE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of a file with a token, and of a token endpoint's answer.
pub const TOKEN_BYTES_MAX: usize = 1024 * 1024;

/// Part of a token's lifetime after which a new one is fetched, percent (Java's
/// `sasl.login.refresh.window.factor`).
pub const TOKEN_REFRESH_PERCENT: u64 = 80;

/// Authorities between a broker's certificate and the trusted one; rustls has the same limit.
pub const CHAIN_ISSUERS_MAX: u32 = 6;

/// Signatures that are checked for one chain, whatever a broker sends; rustls has the same limit.
pub const CHAIN_SIGNATURES_MAX: u32 = 100;
