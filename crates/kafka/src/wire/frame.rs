//! Frames: a length prefix, a header, one message.
//!
//! Request headers are version 1, or 2 with tagged fields when the API version is flexible;
//! response headers are 0 or 1 likewise. `ApiVersions` always answers with header 0, so that a
//! client can read "unsupported version" from any broker (KIP-511).

use bytes::{Buf, Bytes, BytesMut};

use crate::limits::FRAME_BYTES_MAX;
use crate::wire::error::{DecodeError, DecodeFault, EncodeError, EncodeFault};
use crate::wire::layout::{Message, Request};
use crate::wire::messages::{api, api_versions};
use crate::wire::reader::Reader;
use crate::wire::writer::Writer;

/// Bytes of the length prefix.
pub const PREFIX_BYTES: usize = 4;

/// What comes before the body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API.
    pub api_key: i16,
    /// Version of the body.
    pub api_version: i16,
    /// Returned in the response.
    pub correlation_id: i32,
    /// `client.id`.
    pub client_id: Option<String>,
}

impl RequestHeader {
    fn flexible(&self) -> bool {
        api(self.api_key).is_some_and(|api| self.api_version >= api.flexible_from)
    }

    /// Reads a header; of an API that this crate lacks, all but the tagged fields.
    ///
    /// # Errors
    /// When the bytes are not a request header.
    pub fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.enter("request header");
        let mut header = Self {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: None,
        };
        // The client id keeps its classic length in header 2, so that a broker can read it before
        // it knows the version.
        if let Some(length) = reader.length(false, true)? {
            header.client_id = Some(reader.string(length)?);
        }
        if header.flexible() {
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header.
    ///
    /// # Errors
    /// When the client id is too long.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.enter("request header", self.api_version);
        writer.i16(self.api_key);
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        match &self.client_id {
            Some(id) => {
                writer.length(id.len(), false, true)?;
                writer.raw(id.as_bytes());
            }
            None => writer.null(false, true, true)?,
        }
        if self.flexible() {
            writer.uvarint(0);
        }
        Ok(())
    }
}

fn response_header_flexible<R: Request>(version: i16) -> bool {
    version >= R::FLEXIBLE_FROM && R::KEY != api_versions::API.key
}

/// A request with header and length prefix, ready to be sent.
///
/// # Errors
/// When the version cannot carry the request, or the frame exceeds [`FRAME_BYTES_MAX`].
pub fn encode_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<Bytes, EncodeError> {
    let writer = write_request(correlation_id, client_id, version, request)?;
    Ok(writer.into_bytes().freeze())
}

/// As [`encode_request`], in pieces for a vectored write: records are not copied.
///
/// # Errors
/// As [`encode_request`].
pub fn encode_request_pieces<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    Ok(write_request(correlation_id, client_id, version, request)?.into_pieces())
}

fn write_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<Writer, EncodeError> {
    let header = RequestHeader {
        api_key: R::KEY,
        api_version: version,
        correlation_id,
        client_id: client_id.map(str::to_owned),
    };
    let mut writer = Writer::new();
    writer.i32(0);
    header.encode(&mut writer)?;
    request.encode(&mut writer, version)?;
    seal(writer, R::NAME, version)
}

/// A response with header and length prefix, ready to be sent.
///
/// # Errors
/// When the version cannot carry the response, or the frame exceeds [`FRAME_BYTES_MAX`].
pub fn encode_response<R: Request>(
    correlation_id: i32,
    version: i16,
    response: &R::Response,
) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i32(0);
    writer.i32(correlation_id);
    if response_header_flexible::<R>(version) {
        writer.uvarint(0);
    }
    response.encode(&mut writer, version)?;
    Ok(seal(writer, R::NAME, version)?.into_bytes().freeze())
}

/// Fills in the length prefix.
fn seal(mut writer: Writer, api: &'static str, version: i16) -> Result<Writer, EncodeError> {
    let length = writer.len().saturating_sub(PREFIX_BYTES);
    writer.enter(api, version);
    match i32::try_from(length) {
        Ok(prefix) if length <= FRAME_BYTES_MAX => writer.patch_i32(0, prefix),
        _ => return Err(writer.error(EncodeFault::TooLong(length))),
    }
    Ok(writer)
}

/// The length that a prefix announces.
///
/// # Errors
/// When it is negative or exceeds `bytes_max`; a response is 4 bytes at least, a request 8.
pub fn frame_length(prefix: [u8; PREFIX_BYTES], bytes_max: usize) -> Result<usize, DecodeError> {
    let length = i32::from_be_bytes(prefix);
    match usize::try_from(length) {
        Ok(bytes) if (4..=bytes_max).contains(&bytes) => Ok(bytes),
        _ => Err(DecodeError {
            field: "length prefix",
            offset: 0,
            fault: DecodeFault::FrameLength(length),
        }),
    }
}

/// Takes one whole frame, without its prefix, off the front of what has been received; `None`
/// until it is there.
///
/// # Errors
/// As [`frame_length`], with [`FRAME_BYTES_MAX`].
pub fn take_frame(received: &mut BytesMut) -> Result<Option<Bytes>, DecodeError> {
    let Some(prefix) = received.first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    let length = frame_length(*prefix, FRAME_BYTES_MAX)?;
    if received.len().saturating_sub(PREFIX_BYTES) < length {
        return Ok(None);
    }
    received.advance(PREFIX_BYTES);
    Ok(Some(received.split_to(length).freeze()))
}

/// The correlation id of a response frame (without prefix): enough to find out which request it
/// answers.
///
/// # Errors
/// When the frame is shorter than that.
pub fn correlation_id(frame: &[u8]) -> Result<i32, DecodeError> {
    match frame.first_chunk::<4>() {
        Some(bytes) => Ok(i32::from_be_bytes(*bytes)),
        None => Err(DecodeError {
            field: "response header",
            offset: 0,
            fault: DecodeFault::Truncated { needed: 4, remaining: frame.len() },
        }),
    }
}

/// Reads a response frame (without prefix): correlation id and body. Record bytes are slices of
/// the frame.
///
/// # Errors
/// When the frame is not such a response, or has bytes behind it.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), DecodeError> {
    let mut reader = Reader::new(frame);
    reader.enter("response header");
    let correlation_id = reader.i32()?;
    if response_header_flexible::<R>(version) {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    let response = R::Response::decode(&mut reader, version)?;
    reader.enter(R::NAME);
    reader.finish()?;
    Ok((correlation_id, response))
}

/// Reads a request frame (without prefix) of a known API: header and body.
///
/// # Errors
/// When the frame is not such a request, or has bytes behind it.
pub fn decode_request<R: Request>(frame: Bytes) -> Result<(RequestHeader, R), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader)?;
    if header.api_key != R::KEY {
        return Err(reader.error(DecodeFault::ApiKey(header.api_key)));
    }
    let request = R::decode(&mut reader, header.api_version)?;
    reader.enter(R::NAME);
    reader.finish()?;
    Ok((header, request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SHARED_BYTES_MIN;
    use crate::wire::messages::api_versions::{
        ApiVersion, ApiVersionsRequest, ApiVersionsResponse,
    };
    use crate::wire::messages::fetch::{FetchRequest, FetchResponse};
    use crate::wire::messages::list_offsets::ListOffsetsRequest;
    use crate::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

    #[test]
    fn header_two_has_tags_and_a_classic_client_id() {
        let frame = encode_request(7, Some("me"), 3, &ApiVersionsRequest::default()).unwrap();
        assert_eq!(
            frame[..],
            // length | key 18, version 3 | correlation | client id | no tags | two empty strings | no tags
            [0, 0, 0, 16, 0, 18, 0, 3, 0, 0, 0, 7, 0, 2, b'm', b'e', 0, 1, 1, 0]
        );
        let (header, request) =
            decode_request::<ApiVersionsRequest>(frame.slice(PREFIX_BYTES..)).unwrap();
        assert_eq!(header.client_id.as_deref(), Some("me"));
        assert_eq!((header.api_version, header.correlation_id), (3, 7));
        assert_eq!(request, ApiVersionsRequest::default());
    }

    #[test]
    fn api_versions_answers_with_header_zero_at_every_version() {
        let response = ApiVersionsResponse {
            error_code: 35,
            api_keys: vec![ApiVersion { api_key: 18, min_version: 0, max_version: 4 }],
            ..ApiVersionsResponse::default()
        };
        for version in ApiVersionsRequest::VERSIONS {
            let frame = encode_response::<ApiVersionsRequest>(1, version, &response).unwrap();
            // Behind prefix and correlation id comes the error code at once.
            assert_eq!(frame[8..10], [0, 35]);
            let body = frame.slice(PREFIX_BYTES..);
            let (id, decoded) = decode_response::<ApiVersionsRequest>(body, version).unwrap();
            assert_eq!((id, decoded), (1, response.clone()));
        }
    }

    #[test]
    fn other_flexible_responses_have_header_one() {
        let response = FetchResponse::default();
        let old = encode_response::<FetchRequest>(1, 11, &response).unwrap();
        let new = encode_response::<FetchRequest>(1, 12, &response).unwrap();
        assert_eq!(old[8..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(new[8..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn long_records_are_shared_and_short_ones_copied() {
        let long = Bytes::from(vec![7; SHARED_BYTES_MIN]);
        let short = Bytes::from(vec![8; 9]);
        let data =
            |index, records: &Bytes| PartitionProduceData { index, records: Some(records.clone()) };
        let topic = TopicProduceData {
            name: "t".to_owned(),
            partition_data: vec![data(0, &long), data(1, &short), data(2, &long)],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest { topic_data: vec![topic], ..ProduceRequest::default() };
        for version in [3, 9, 12] {
            let whole = encode_request(1, Some("me"), version, &request).unwrap();
            let pieces = encode_request_pieces(1, Some("me"), version, &request).unwrap();
            assert_eq!(pieces.concat(), whole);
            let shared = pieces.iter().filter(|piece| piece.as_ptr() == long.as_ptr()).count();
            assert_eq!(shared, 2, "version {version}");
            let (_, decoded) =
                decode_request::<ProduceRequest>(whole.slice(PREFIX_BYTES..)).unwrap();
            assert_eq!(decoded.topic_data[0].partition_data, request.topic_data[0].partition_data);
        }
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let frame = encode_response::<FetchRequest>(1, 12, &FetchResponse::default()).unwrap();
        let mut longer = frame[PREFIX_BYTES..].to_vec();
        longer.push(0);
        let error = decode_response::<FetchRequest>(longer.into(), 12).unwrap_err();
        assert_eq!(error.fault, DecodeFault::Trailing(1));
    }

    #[test]
    fn a_set_field_that_the_version_lacks_is_an_error() {
        let request = ListOffsetsRequest { isolation_level: 1, ..ListOffsetsRequest::default() };
        let error = encode_request(1, None, 1, &request).unwrap_err();
        assert_eq!(error.field, "ListOffsetsRequest.isolation_level");
        assert_eq!(error.fault, EncodeFault::Absent);
        assert!(encode_request(1, None, 2, &request).is_ok());
        // An ignorable one is dropped.
        let request = ListOffsetsRequest { timeout_ms: 9, ..ListOffsetsRequest::default() };
        assert!(encode_request(1, None, 9, &request).is_ok());
        // And there is no version 12.
        assert_eq!(encode_request(1, None, 12, &request).unwrap_err().fault, EncodeFault::Version);
    }

    #[test]
    fn frames_are_taken_off_a_stream_one_by_one() {
        let frame = encode_request(1, None, 4, &ApiVersionsRequest::default()).unwrap();
        let mut received = BytesMut::new();
        for byte in frame.iter().chain(&frame) {
            assert_eq!(take_frame(&mut received), Ok(None));
            received.extend_from_slice(&[*byte]);
            if received.len() == frame.len() {
                let taken = take_frame(&mut received).unwrap().unwrap();
                assert_eq!(taken, frame[PREFIX_BYTES..]);
            }
        }
        assert!(received.is_empty());
    }

    #[test]
    fn length_prefixes_are_bounded() {
        for length in [i32::MIN, -1, 0, 3, FRAME_BYTES_MAX as i32 + 1, i32::MAX] {
            let error = frame_length(length.to_be_bytes(), FRAME_BYTES_MAX).unwrap_err();
            assert_eq!(error.fault, DecodeFault::FrameLength(length));
        }
        assert_eq!(frame_length([0, 0, 0, 4], FRAME_BYTES_MAX), Ok(4));
    }
}
