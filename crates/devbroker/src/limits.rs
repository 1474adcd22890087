//! Named limits of the broker: what one process may make it hold.

use std::time::Duration;

/// Bounds on everything a client can make the broker allocate.
///
/// The defaults suit a laptop: a job and its broker share one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest request frame, bytes without the length prefix. Kafka's `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// Largest response frame, bytes. A reply above it closes the connection.
    pub response_bytes_max: usize,
    /// Record bytes in one fetch response, except that a first larger batch is still returned
    /// whole (KIP-74). Kafka's `fetch.max.bytes` of the broker is 55 MiB; here every connection
    /// may hold one response, so it is smaller.
    pub fetch_bytes_max: usize,
    /// Array elements plus tagged fields in one request. An element of a few bytes on the wire
    /// becomes a struct of up to about 200 bytes, so this bounds decoding to some 40 MB.
    pub request_elements_max: usize,
    /// Request bytes being read or waiting at once, over all connections.
    pub in_flight_bytes_max: usize,
    /// Requests that may wait on one connection behind a parked fetch.
    pub queued_requests_max: usize,
    /// Open connections.
    pub connections_max: usize,
    /// Stored batch bytes over all partitions, bookkeeping included. Beyond it the oldest batches
    /// of the broker go and the log start of their partitions moves.
    pub stored_bytes_max: usize,
    /// Topics.
    pub topics_max: usize,
    /// Partitions over all topics.
    pub partitions_max: usize,
    /// Producers whose sequence numbers one partition remembers; the least recently used goes.
    pub producers_per_partition_max: usize,
    /// Incremental fetch sessions (KIP-227). Kafka's `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: usize,
    /// Partitions over all fetch sessions.
    pub fetch_session_partitions_max: usize,
    /// A session idle for this long gives way to a new one when the cache is full. Kafka's
    /// `min.incremental.fetch.session.eviction.ms`.
    pub fetch_session_idle_min: Duration,
    /// Longest time a fetch is parked: a vanished peer is noticed after at most this long.
    pub fetch_wait_max: Duration,
    /// Consumer groups that hold committed offsets, and as many with members.
    pub groups_max: usize,
    /// Members over all groups. Kafka's `group.max.size` bounds one group only.
    pub group_members_max: usize,
    /// Bytes of what members say and are assigned, over all groups.
    pub group_bytes_max: usize,
    /// Longest time a member waits for the others: Kafka's clients give up after `max.poll.interval.ms`.
    pub rebalance_max: Duration,
    /// Committed offsets over all groups.
    pub committed_offsets_max: usize,
    /// Bytes of the metadata text of one committed offset. Kafka's `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// Bytes of a group id. Kafka has no limit below that of a string.
    pub group_id_bytes_max: usize,
    /// Transactional ids; beyond it the least recently used one without an open transaction goes.
    /// Kafka forgets them after `transactional.id.expiration.ms`.
    pub transactional_ids_max: usize,
    /// Bytes of a transactional id. Kafka has no limit below that of a string.
    pub transactional_id_bytes_max: usize,
    /// Partitions and groups over all open transactions.
    pub transaction_members_max: usize,
    /// Longest time a peer may take to send the rest of a frame it began.
    pub frame_read_max: Duration,
    /// Bytes of one batch after decompression, when a timestamp is searched inside it.
    pub decompressed_bytes_max: usize,
}

const MIB: usize = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 100 * MIB,
            response_bytes_max: 128 * MIB,
            fetch_bytes_max: 16 * MIB,
            request_elements_max: 200_000,
            in_flight_bytes_max: 128 * MIB,
            queued_requests_max: 64,
            connections_max: 512,
            stored_bytes_max: 512 * MIB,
            topics_max: 2_000,
            partitions_max: 20_000,
            producers_per_partition_max: 1_000,
            fetch_sessions_max: 1_000,
            fetch_session_partitions_max: 200_000,
            fetch_session_idle_min: Duration::from_secs(120),
            fetch_wait_max: Duration::from_secs(30),
            groups_max: 2_000,
            group_members_max: 10_000,
            group_bytes_max: 32 * MIB,
            rebalance_max: Duration::from_secs(10 * 60),
            committed_offsets_max: 100_000,
            offset_metadata_bytes_max: 4096,
            group_id_bytes_max: 1024,
            transactional_ids_max: 10_000,
            transactional_id_bytes_max: 1024,
            transaction_members_max: 100_000,
            frame_read_max: Duration::from_secs(30),
            decompressed_bytes_max: 128 * MIB,
        }
    }
}
