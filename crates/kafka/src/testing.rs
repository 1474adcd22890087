//! A cluster whose brokers are the test: it sees decoded requests and answers them by hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::{Action, Cluster, Completion, ConnId, Owner};
use crate::config::ClientConfig;
use crate::wire::frame::{self, PREFIX_BYTES, RequestHeader};
use crate::wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey,
};
use crate::wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use crate::wire::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use crate::wire::messages::{APIS, api};
use crate::wire::{Request, Uuid};

pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A request as a broker gets it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) conn: ConnId,
    pub(crate) header: RequestHeader,
    frame: Bytes,
}

impl Asked {
    pub(crate) fn api(&self) -> &'static str {
        api(self.header.api_key).map_or("?", |api| api.name)
    }

    pub(crate) fn body<R: Request>(&self) -> R {
        frame::decode_request(self.frame.clone()).unwrap().1
    }
}

/// See the module.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) now: Duration,
    /// Metadata requests that were asked; they are answered at once.
    pub(crate) refreshes: usize,
    /// Level of the feature `transaction.version` that brokers tell.
    pub(crate) transaction_version: i16,
    topics: Vec<(String, u8, Vec<i32>)>,
}

impl Bench {
    /// Brokers 1 and 2; `pairs` are client properties.
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Self {
        let bootstrap = ("bootstrap.servers", "b1:1");
        let (config, _) = ClientConfig::parse([bootstrap].iter().chain(pairs).copied()).unwrap();
        Self {
            cluster: Cluster::new(Arc::new(config), 1),
            now: SECOND,
            refreshes: 0,
            transaction_version: 0,
            topics: vec![],
        }
    }

    /// Tells the cache about a topic: the leader of each partition, −1 for none.
    pub(crate) fn topic(&mut self, name: &str, id: u8, leaders: &[i32]) {
        self.topics.retain(|topic| topic.0 != name);
        self.topics.push((name.to_owned(), id, leaders.to_vec()));
        self.cluster.metadata.merge(&metadata(&self.topics), self.now);
    }

    /// From now on the brokers know no such topic.
    pub(crate) fn delete(&mut self, name: &str) {
        self.topics.retain(|topic| topic.0 != name);
    }

    /// Requests since the last call, those for metadata apart. Connections open and agree on versions by themselves.
    pub(crate) fn asked(&mut self) -> Vec<Asked> {
        let mut out = Vec::new();
        while let Some(action) = self.cluster.poll_action() {
            match action {
                Action::Connect { conn, .. } => self.cluster.connected(conn, None, self.now),
                Action::Send { conn, frame } => {
                    let frame = Bytes::from(frame.concat()).slice(PREFIX_BYTES..);
                    let mut reader = crate::wire::Reader::new(frame.clone());
                    let header = RequestHeader::decode(&mut reader).unwrap();
                    let asked = Asked { conn, header, frame };
                    if asked.api() == "ApiVersions" {
                        self.answer::<ApiVersionsRequest>(
                            &asked,
                            &versions(self.transaction_version),
                        );
                    } else if asked.api() == "Metadata" {
                        self.refreshes += 1;
                        self.answer::<MetadataRequest>(&asked, &metadata(&self.topics));
                    } else {
                        out.push(asked);
                    }
                }
                Action::Close { .. } => {}
            }
        }
        out
    }

    pub(crate) fn answer<R: Request>(&mut self, to: &Asked, response: &R::Response) {
        let (id, version) = (to.header.correlation_id, to.header.api_version);
        let frame = frame::encode_response::<R>(id, version, response).unwrap();
        self.cluster.received(to.conn, frame.slice(PREFIX_BYTES..), self.now);
    }

    /// Answers a FindCoordinator: it is broker 2.
    pub(crate) fn answer_coordinator(&mut self, to: &Asked) {
        let keys = to.body::<FindCoordinatorRequest>().coordinator_keys;
        let coordinator = |key| Coordinator {
            key,
            node_id: 2,
            host: "b2".to_owned(),
            port: 2,
            ..Default::default()
        };
        let coordinators = keys.into_iter().map(coordinator).collect();
        let response = FindCoordinatorResponse { coordinators, ..Default::default() };
        self.answer::<FindCoordinatorRequest>(to, &response);
    }

    pub(crate) fn break_off(&mut self, conn: ConnId) {
        self.cluster.disconnected(conn, &crate::connection::Problem::broken("gone"), self.now);
    }

    pub(crate) fn completions(&mut self) -> Vec<Completion> {
        let mut out = Vec::new();
        while let Some(done) = self.cluster.poll_completion() {
            match done.owner {
                Owner::Metadata => self.cluster.metadata_answered(done.result, self.now),
                _ => out.push(done),
            }
        }
        out
    }
}

fn metadata(topics: &[(String, u8, Vec<i32>)]) -> MetadataResponse {
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: format!("b{node_id}"),
        port: node_id,
        rack: None,
    };
    let topic = |(name, id, leaders): &(String, u8, Vec<i32>)| MetadataResponseTopic {
        name: Some(name.clone()),
        topic_id: Uuid([*id; 16]),
        partitions: leaders
            .iter()
            .zip(0..)
            .map(|(leader_id, partition_index)| MetadataResponsePartition {
                partition_index,
                leader_id: *leader_id,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker(1), broker(2)],
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

fn versions(transaction_version: i16) -> ApiVersionsResponse {
    let level = FinalizedFeatureKey {
        name: "transaction.version".to_owned(),
        min_version_level: transaction_version,
        max_version_level: transaction_version,
    };
    let all = APIS.iter().map(|api| ApiVersion {
        api_key: api.key,
        min_version: api.version_min,
        max_version: api.version_max,
    });
    ApiVersionsResponse {
        api_keys: all.collect(),
        finalized_features: vec![level],
        ..Default::default()
    }
}
