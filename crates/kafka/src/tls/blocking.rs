//! TLS over blocking streams, for what stands beside a cluster and speaks another protocol, such as
//! a schema registry: the same properties, stores and checks.

use std::fmt;
use std::io::{self, Read, Write};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Error as TlsError, StreamOwned};

use super::Tls;
use super::problem::explain;
use crate::config::{Given, Warning};
use crate::error::Result;

/// What sessions need to know beforehand.
#[derive(Debug, Clone)]
pub struct TlsClient(Tls);

impl TlsClient {
    /// Reads the `ssl.*` properties that `lookup` finds, and the files that they name; the warnings
    /// are about those without effect.
    ///
    /// # Errors
    /// A property that cannot be used, a file that cannot be read or opened: each names the
    /// property.
    pub fn new<'a>(lookup: &'a dyn Fn(&str) -> Option<&'a str>) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let tls = Tls::load(&Given::new(lookup), &mut warnings)?;
        Ok((Self(tls), warnings))
    }

    /// Opens a session over a connected stream.
    ///
    /// # Errors
    /// Those of the stream as they are; those of TLS with a [`TlsProblem`] inside.
    pub fn connect<S: Read + Write>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let text = format!("'{host}' is no host name");
            io::Error::other(TlsProblem { text, refused: true })
        })?;
        let session = ClientConnection::new(self.0.config(), name);
        let mut session =
            session.map_err(|error| explained(io::Error::other(error), host, true))?;
        let mut stream = stream;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|error| explained(error, host, true))?;
        }
        Ok(TlsStream { stream: StreamOwned::new(session, stream), host: host.to_owned() })
    }
}

/// Why a session was not opened or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsProblem {
    text: String,
    refused: bool,
}

impl TlsProblem {
    /// The one inside of an error of a stream.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether one side does not accept the other, so that another attempt is pointless.
    pub const fn is_refusal(&self) -> bool {
        self.refused
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsProblem {}

/// A session over a stream.
#[derive(Debug)]
pub struct TlsStream<S: Read + Write> {
    stream: StreamOwned<ClientConnection, S>,
    host: String,
}

impl<S: Read + Write> TlsStream<S> {
    /// The stream below.
    pub fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut()
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            // Many servers do not say goodbye in TLS.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(explained(error, &self.host, false)),
            Ok(bytes) => Ok(bytes),
        }
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer).map_err(|error| explained(error, &self.host, false))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().map_err(|error| explained(error, &self.host, false))
    }
}

fn explained(error: io::Error, host: &str, handshake: bool) -> io::Error {
    let of_tls = error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TlsError>);
    let closed = handshake && error.kind() == io::ErrorKind::UnexpectedEof;
    if !of_tls && !closed {
        return error;
    }
    let problem = explain(&error, host, handshake, "server");
    io::Error::other(TlsProblem { text: problem.text, refused: problem.refused })
}
