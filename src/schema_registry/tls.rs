//! TLS below HTTP: the client of Kafka's, with its stores and checks.

use crate::table::WrongProperty;
use brooklet_kafka::{ErrorKind, TlsClient, TlsProblem, TlsStream};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// Opens sessions over connected transports.
#[derive(Clone, Debug)]
pub(super) struct Tls(TlsClient);

impl Tls {
    /// From properties under Java's names, `ssl.*`.
    pub(super) fn new(properties: &BTreeMap<String, String>) -> Result<Tls, WrongProperty> {
        let lookup = |key: &str| properties.get(key).map(String::as_str);
        match TlsClient::new(&lookup) {
            Ok((client, _)) => Ok(Tls(client)),
            Err(error) => {
                let key = match error.kind() {
                    ErrorKind::Config { key } => key.clone(),
                    _ => String::new(),
                };
                let message = error.message();
                let problem = message.strip_prefix(&format!("{key}: ")).unwrap_or(message);
                Err(WrongProperty { problem: problem.to_owned(), key })
            }
        }
    }
}

/// What TLS says is wrong inside of an error, and whether another attempt is pointless.
pub(super) fn problem(error: &ureq::Error) -> Option<&TlsProblem> {
    match error {
        ureq::Error::Io(error) => TlsProblem::of(error),
        _ => None,
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Session>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let clock = Arc::clone(&details.current_time);
        let mut socket = TransportAdapter::new(transport.boxed(), clock);
        socket.set_timeout(details.timeout);
        let stream = self.0.connect(host, socket)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Session { buffers, stream })))
    }
}

/// A session.
pub(super) struct Session {
    buffers: LazyBuffers,
    stream: TlsStream<TransportAdapter>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Transport for Session {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        self.stream.flush()?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
