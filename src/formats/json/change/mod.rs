//! Changes of database rows in JSON envelopes: `debezium-json`, `canal-json`, `maxwell-json` and `ogg-json` (Flink's
//! `DebeziumJsonFormatFactory` and its likes). The rows inside are read and written as those of `json`.

mod decode;
mod dialect;
mod metadata;
#[cfg(test)]
mod tests;

use self::decode::{ChangeDecoder, Include};
use self::dialect::Dialect;
use super::check_types;
use super::encode::JsonEncoder;
use super::options::{
    DECIMAL_AS_PLAIN_NUMBER, IGNORE_NULL_FIELDS, IGNORE_PARSE_ERRORS, JsonOptions,
    MAP_NULL_KEY_LITERAL, MAP_NULL_KEY_MODE, TIMESTAMP_FORMAT,
};
use crate::base::Result;
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};
use crate::types::{ChangelogMode, DataType};

const SCHEMA_INCLUDE: Opt = Opt::new(
    "schema-include",
    OptKind::Bool,
    "Whether records carry their schema beside the payload, as Kafka Connect writes them with \
     `value.converter.schemas.enable`. Only for reading.",
)
.default("false");

const DATABASE_INCLUDE: Opt = Opt::new(
    "database.include",
    OptKind::String,
    "Regular expression for the whole name of the databases whose changes are read; others are passed over.",
);

const TABLE_INCLUDE: Opt = Opt::new(
    "table.include",
    OptKind::String,
    "Regular expression for the whole name of the tables whose changes are read; others are passed over.",
);

/// The options that all of the formats have.
const ALL_OPTIONS: [Opt; 6] = [
    IGNORE_PARSE_ERRORS,
    TIMESTAMP_FORMAT,
    MAP_NULL_KEY_MODE,
    MAP_NULL_KEY_LITERAL,
    DECIMAL_AS_PLAIN_NUMBER,
    IGNORE_NULL_FIELDS,
];
const DEBEZIUM_OPTIONS: &[Opt] = {
    let [a, b, c, d, e, f] = ALL_OPTIONS;
    &[SCHEMA_INCLUDE, a, b, c, d, e, f]
};
const CANAL_OPTIONS: &[Opt] = {
    let [a, b, c, d, e, f] = ALL_OPTIONS;
    &[DATABASE_INCLUDE, TABLE_INCLUDE, a, b, c, d, e, f]
};

/// One of the formats.
#[derive(Clone, Copy, Debug)]
pub struct ChangeJsonFormat(Dialect);

impl ChangeJsonFormat {
    /// `debezium-json`
    pub const DEBEZIUM: ChangeJsonFormat = ChangeJsonFormat(Dialect::Debezium);
    /// `canal-json`
    pub const CANAL: ChangeJsonFormat = ChangeJsonFormat(Dialect::Canal);
    /// `maxwell-json`
    pub const MAXWELL: ChangeJsonFormat = ChangeJsonFormat(Dialect::Maxwell);
    /// `ogg-json`
    pub const OGG: ChangeJsonFormat = ChangeJsonFormat(Dialect::Ogg);

    fn reads_schema(self, options: &OptionReader<'_>) -> Result<bool> {
        match self.0 {
            Dialect::Debezium => options.bool(&SCHEMA_INCLUDE),
            _ => Ok(false),
        }
    }

    fn include(self, options: &OptionReader<'_>) -> Result<Include> {
        if self.0 != Dialect::Canal {
            return Ok(Include::default());
        }
        let (database, table) =
            (options.pattern(&DATABASE_INCLUDE)?, options.pattern(&TABLE_INCLUDE)?);
        Ok(Include { database, table })
    }
}

impl Format for ChangeJsonFormat {
    fn identifier(&self) -> &'static str {
        match self.0 {
            Dialect::Debezium => "debezium-json",
            Dialect::Canal => "canal-json",
            Dialect::Maxwell => "maxwell-json",
            Dialect::Ogg => "ogg-json",
        }
    }

    fn options(&self) -> &'static [Opt] {
        match self.0 {
            Dialect::Debezium => DEBEZIUM_OPTIONS,
            Dialect::Canal => CANAL_OPTIONS,
            Dialect::Maxwell | Dialect::Ogg => &ALL_OPTIONS,
        }
    }

    fn changelog(&self) -> ChangelogMode {
        ChangelogMode::ALL
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        self.0.metadata().iter().map(|metadata| (metadata.key, metadata.data_type())).collect()
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        options.supports(self.options());
        let json = JsonOptions::read_envelope(options)?;
        let schema = self.reads_schema(options)?;
        let include = self.include(options)?;
        check_types(&request.fields)?;
        Ok(Box::new(ChangeDecoder::new(self.0, &json, schema, include, request)?))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        options.supports(self.options());
        let json = JsonOptions::read_envelope(options)?;
        self.include(options)?;
        if self.reads_schema(options)? {
            return Err(options.invalid(
                &SCHEMA_INCLUDE,
                "Debezium JSON serialization doesn't support 'debezium-json.schema-include' option been set to true",
            ));
        }
        check_types(&request.fields)?;
        let envelopes = self.0.envelopes(json.ignore_null_fields);
        Ok(Box::new(JsonEncoder::new(json, request).with_envelopes(envelopes)))
    }
}
