//! A client that begins when it is first used: tables are opened to be checked, too, and a client wakes the thread of
//! the network.

use brooklet_kafka::{Client, ClientConfig, Network};
use std::sync::OnceLock;

/// What a client is made of, and the client once somebody asked for it.
pub(super) struct LazyClient {
    config: ClientConfig,
    network: Network,
    client: OnceLock<Client>,
}

impl LazyClient {
    pub(super) fn new(config: ClientConfig, network: &Network) -> LazyClient {
        LazyClient { config, network: network.clone(), client: OnceLock::new() }
    }

    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// The one client of all who ask.
    pub(super) fn shared(&self) -> &Client {
        self.client.get_or_init(|| Client::new(self.config.clone(), &self.network))
    }

    /// A client of the caller's own, with `config`.
    pub(super) fn another(&self, config: ClientConfig) -> Client {
        Client::new(config, &self.network)
    }
}
