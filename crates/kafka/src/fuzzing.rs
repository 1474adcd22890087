//! Entry points of the fuzz targets: total functions of any bytes. They panic only when a codec
//! breaks its promise that what was decoded encodes again to an equal message.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};

use crate::wire::frame::{
    RequestHeader, correlation_id, decode_request, decode_response, encode_request,
    encode_response, take_frame,
};
use crate::wire::{Message, Reader, Request, Writer};

/// A stream that a broker receives: frames, headers, and requests of every known API.
pub fn frame(data: &[u8]) {
    let mut received = BytesMut::from(data);
    while let Ok(Some(frame)) = take_frame(&mut received) {
        let header = RequestHeader::decode(&mut Reader::new(frame.clone()));
        assert!(correlation_id(&frame).is_ok(), "a frame holds 4 bytes at least");
        if let Ok(header) = header {
            request(&header, &frame);
        }
    }
}

fn request(header: &RequestHeader, frame: &Bytes) {
    macro_rules! visit {
        ($request:ty) => {
            if header.api_key == <$request as Request>::KEY {
                request_again::<$request>(header, frame);
            }
        };
    }
    crate::for_each_request!(visit);
}

fn request_again<R: Request + PartialEq + Debug>(header: &RequestHeader, frame: &Bytes) {
    let Ok((same, request)) = decode_request::<R>(frame.clone()) else { return };
    assert_eq!(&same, header);
    body_again(&request, header.api_version);
    let client_id = header.client_id.as_deref();
    let sealed = encode_request(header.correlation_id, client_id, header.api_version, &request);
    let mut received = BytesMut::from(sealed.expect("smaller than what arrived").as_ref());
    let again = take_frame(&mut received).expect("our prefix").expect("our whole frame");
    assert_eq!(decode_request::<R>(again), Ok((same, request)));
}

/// Messages of a broker during a SCRAM login, separated by NUL. Nobody who does not know the
/// password gets in, except by the one exchange of RFC 7677 that is part of the corpus.
pub fn scram(data: &[u8]) {
    use crate::sasl::{Exchange, Hash, Next, Scram};
    let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
    let password = crate::config::Secret::new("pencil");
    let scram = Scram::new(Hash::Sha256, "user", password, nonce, false);
    let mut exchange = Exchange::scram("user".to_owned(), scram);
    drop(exchange.first());
    for message in data.split(|byte| *byte == 0) {
        match exchange.next(message) {
            Ok(Next::Send(_)) => {}
            Ok(Next::Done) => {
                let proof = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
                assert!(data.windows(proof.len()).any(|part| part == proof));
                return;
            }
            Err(_) => return,
        }
    }
}

/// Everything that is read out of properties and of the files that they name.
pub fn key_stores(data: &[u8]) {
    crate::tls::read_any(data);
    if let Ok(text) = std::str::from_utf8(data) {
        crate::config::read_jaas(text);
    }
}

/// A response frame that a client receives: one byte picks the API, one the version.
pub fn responses(data: &[u8]) {
    let Some(([key, version], frame)) = data.split_first_chunk::<2>() else { return };
    let (key, version) = (i16::from(*key), i16::from(*version));
    let frame = Bytes::copy_from_slice(frame);
    macro_rules! visit {
        ($request:ty) => {
            if key == <$request as Request>::KEY {
                response_again::<$request>(version, frame.clone());
            }
        };
    }
    crate::for_each_request!(visit);
}

fn response_again<R: Request>(version: i16, frame: Bytes)
where
    R::Response: PartialEq + Debug,
{
    let Ok((id, response)) = decode_response::<R>(frame, version) else { return };
    body_again(&response, version);
    let sealed = encode_response::<R>(id, version, &response).expect("smaller than what arrived");
    let mut received = BytesMut::from(sealed.as_ref());
    let again = take_frame(&mut received).expect("our prefix").expect("our whole frame");
    assert_eq!(decode_response::<R>(again, version), Ok((id, response)));
}

/// The decoded message, encoded, is canonical: decoding and encoding it changes nothing.
fn body_again<M: Message + PartialEq + Debug>(message: &M, version: i16) {
    let mut writer = Writer::new();
    message.encode(&mut writer, version).expect("what was decoded has no other fields");
    let bytes = writer.into_bytes().freeze();
    let mut reader = Reader::new(bytes.clone());
    let again = M::decode(&mut reader, version).expect("our own bytes");
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(&again, message);
    let mut writer = Writer::new();
    again.encode(&mut writer, version).expect("the same message");
    assert_eq!(writer.into_bytes(), bytes);
}
