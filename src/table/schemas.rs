//! Schemas that records name by an id: what a format asks, and who answers.

use super::Waker;
use crate::base::Error;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Opens schema registries. Formats ask it for theirs when a table is opened; nothing is contacted then.
pub trait SchemaRegistries: Send + Sync + Debug {
    /// The registry. All who name the same one with the same credentials share what it answered.
    fn open(&self, access: RegistryAccess) -> Result<Arc<dyn SchemaResolver>, WrongProperty>;
}

/// A property of [`RegistryAccess::tls`] that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongProperty {
    /// Its name, under which it need not be set.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}

/// Where a schema registry is and how to get in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RegistryAccess {
    /// Base URLs, tried in turn.
    pub urls: Vec<String>,
    /// Value of the `Authorization` header.
    pub authorization: Option<String>,
    /// Time for one request, its connection included.
    pub timeout: Option<Duration>,
    /// TLS by the properties of the Java client, `ssl.*`.
    pub tls: BTreeMap<String, String>,
}

/// Without its secrets.
impl Debug for RegistryAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryAccess").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Key of a JSON object that lists schemas: the last one is meant, the others declare what it refers to, each behind what
/// it needs itself. [`SchemaResolver::schema`] answers with such a one where a schema has references.
pub const DECLARED_SCHEMAS: &str = "brooklet.declared";

/// A schema registry as decoders and encoders see it: asked, never waited for.
pub trait SchemaResolver: Send + Sync + Debug {
    /// The Avro schema of an id.
    fn schema(&self, id: u32, waker: &Waker) -> Answer<Arc<str>>;

    /// The id of a schema under a subject; it is registered there first if `register` allows.
    fn id(&self, subject: &str, schema: &Arc<str>, register: bool, waker: &Waker) -> Answer<u32>;
}

/// What a registry says.
#[derive(Debug)]
pub enum Answer<T> {
    /// It was asked; the waker will be called.
    Pending,
    /// This.
    Ready(T),
    /// It could not say. Asked again, it tries again.
    Failed(Error),
}

/// Whether a decoder can go on.
#[derive(Debug)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It waits for an answer from outside; the waker will be called.
    Waiting,
    /// What it needs for some payloads cannot be had, by their positions among those asked about, ascending. Where all
    /// these errors are the records' fault ([`ErrorKind::Data`](crate::base::ErrorKind)), it can go on with the others.
    Failed(Vec<(usize, Error)>),
}
