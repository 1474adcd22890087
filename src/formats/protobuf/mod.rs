//! `protobuf`: a message per record (Flink's `PbFormatFactory`), described by a .proto file or a descriptor set that is
//! read when the table is opened; Flink has Java classes instead.
//!
//! A record is walked once, which checks all of it and leaves a token, the place of the value, per wanted column
//! ([`schema`]); the filter's columns are read and the filter is evaluated; the other columns are read for the rows that
//! are left ([`convert`]), by a plan made once ([`plan`]). No tree of values is made.

mod convert;
mod cursor;
mod decode;
mod descriptors;
mod encode;
mod options;
mod plan;
mod schema;

use crate::base::Result;
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};
use protox::prost_reflect::MessageDescriptor;

/// The format.
#[derive(Clone, Debug, Default)]
pub struct ProtobufFormat {
    /// The message of every table, whatever its options say.
    message: Option<MessageDescriptor>,
}

impl ProtobufFormat {
    /// For tables of one message of a .proto's text, which may import Google's own files.
    ///
    /// # Errors
    /// Where the text is no .proto, or has no such message.
    pub fn of_source(text: &str, message: &str) -> Result<ProtobufFormat> {
        Ok(ProtobufFormat { message: Some(descriptors::of_source(text, message)?) })
    }

    fn message(&self, options: &OptionReader<'_>) -> Result<MessageDescriptor> {
        self.message.clone().map_or_else(|| descriptors::message(options), Ok)
    }
}

impl Format for ProtobufFormat {
    fn identifier(&self) -> &'static str {
        "protobuf"
    }

    fn options(&self) -> &'static [Opt] {
        options::OPTIONS
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let read = options::ProtobufOptions::read(options)?;
        let message = self.message(options)?;
        let decoder = decode::ProtobufDecoder::new(request, &message, &read);
        Ok(Box::new(decoder.map_err(|error| of(error, options))?))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let read = options::ProtobufOptions::read(options)?;
        let message = self.message(options)?;
        let encoder = encode::ProtobufEncoder::new(request, &message, &read);
        Ok(Box::new(encoder.map_err(|error| of(error, options))?))
    }
}

/// Says which table does not go with its message.
fn of(error: crate::base::Error, options: &OptionReader<'_>) -> crate::base::Error {
    error.context(format!("fitting {} to its message", options.subject()))
}

#[cfg(test)]
mod tests;
