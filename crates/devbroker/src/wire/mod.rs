//! Frames: request header, structure check, hand-over to the codec, response framing.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

pub(crate) mod layout;
pub(crate) mod tables;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::broker::CloseReason;
use layout::Malformed;
use tables::{Api, ApiKey};

/// The header of a request whose API and version the broker answers, with its checked body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) api: &'static Api,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// What the client calls itself; empty when it does not.
    pub(crate) client_id: String,
    /// The request after its header, structurally sound.
    pub(crate) body: Bytes,
}

/// What the first bytes of a frame ask for.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request to decode.
    Request(Request),
    /// ApiVersions in a version the broker does not know: answered in version 0 (KIP-511).
    UnknownApiVersions { correlation_id: i32 },
}

/// Reads the header of `frame` and checks the structure of the whole request.
pub(crate) fn read(frame: &Bytes, elements_max: usize) -> Result<Incoming, CloseReason> {
    let (key, version, correlation_id) = fixed_header(frame).ok_or(CloseReason::ShortFrame)?;
    let api = tables::api(key).ok_or(CloseReason::UnsupportedApi { key })?;
    if version < lowest_answered(api) || version > api.max {
        if api.key == ApiKey::ApiVersions {
            return Ok(Incoming::UnknownApiVersions { correlation_id });
        }
        return Err(CloseReason::UnsupportedVersion { key, version });
    }
    let flexible = version >= api.flexible_since;
    let malformed = |error: Malformed| CloseReason::Malformed { key, detail: error.to_string() };
    let body_at = header_length(frame, flexible, elements_max).map_err(malformed)?;
    let body = frame.slice(body_at..);
    layout::check(&body, &api.request, version, flexible, elements_max).map_err(malformed)?;
    let client_id = client_id(frame).unwrap_or_default();
    Ok(Incoming::Request(Request { api, version, correlation_id, client_id, body }))
}

/// The lowest version that the broker answers: Produce 0–2 carry message formats it cannot store.
fn lowest_answered(api: &Api) -> i16 {
    if api.key == ApiKey::Produce { 3 } else { api.min }
}

fn fixed_header(frame: &[u8]) -> Option<(i16, i16, i32)> {
    let (key, rest) = frame.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (correlation_id, _) = rest.split_first_chunk()?;
    Some((
        i16::from_be_bytes(*key),
        i16::from_be_bytes(*version),
        i32::from_be_bytes(*correlation_id),
    ))
}

/// The client id of a header whose length has been found.
fn client_id(frame: &[u8]) -> Option<String> {
    let (length, rest) = frame.get(FIXED_HEADER..)?.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
    Some(String::from_utf8_lossy(rest.get(..length)?).into_owned())
}

/// Bytes of API key, version and correlation id.
const FIXED_HEADER: usize = 8;

/// The client id is a STRING with a two-byte length even in flexible headers.
fn header_length(frame: &[u8], flexible: bool, elements_max: usize) -> Result<usize, Malformed> {
    const CLIENT_ID: layout::Shape = layout::Shape::of(&[layout::Field::new(layout::Kind::Text)]);
    let after_fixed = frame.get(FIXED_HEADER..).ok_or(Malformed::Truncated)?;
    let client_id = layout::check(after_fixed, &CLIENT_ID, 0, false, elements_max)?;
    let mut length = FIXED_HEADER.saturating_add(client_id);
    if flexible {
        let rest = frame.get(length..).ok_or(Malformed::Truncated)?;
        length = length.saturating_add(layout::check_tags(rest, elements_max)?);
    }
    Ok(length)
}

impl Request {
    /// Decodes the body as the request of this API.
    pub(crate) fn decode<T: Decodable>(&self) -> Result<T, CloseReason> {
        let mut body = self.body.clone();
        T::decode(&mut body, self.version).map_err(|error| CloseReason::Malformed {
            key: self.api.key as i16,
            detail: error.to_string(),
        })
    }

    /// The reply slot of this request, for a response that is built later.
    pub(crate) fn reply(&self) -> Reply {
        Reply {
            key: self.api.key,
            version: self.version,
            correlation_id: self.correlation_id,
            // ApiVersions is answered with the old header so that a client of any age can read it.
            flexible_header: self.version >= self.api.flexible_since
                && self.api.key != ApiKey::ApiVersions,
        }
    }
}

/// How the response of one request is framed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) flexible_header: bool,
}

impl Reply {
    /// Encodes header and body, without the length prefix.
    pub(crate) fn encode<T: Encodable>(
        &self,
        body: &T,
        bytes_max: usize,
    ) -> Result<Bytes, CloseReason> {
        let key = self.key as i16;
        let internal = |error: String| CloseReason::Internal { key, detail: error };
        let size = body.compute_size(self.version).map_err(|e| internal(e.to_string()))?;
        if size > bytes_max {
            return Err(CloseReason::ResponseTooLarge { key, bytes: size });
        }
        let mut frame = BytesMut::with_capacity(size.saturating_add(5));
        frame.put_i32(self.correlation_id);
        if self.flexible_header {
            frame.put_u8(0);
        }
        body.encode(&mut frame, self.version).map_err(|e| internal(e.to_string()))?;
        Ok(frame.freeze())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
