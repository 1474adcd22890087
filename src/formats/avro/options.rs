//! Options of the format (Flink's `AvroFormatOptions`).

use crate::base::Result;
use crate::options::{Opt, OptKind, OptionReader};

const ENCODING: Opt = Opt::new(
    "encoding",
    OptKind::Enum(&["binary", "json"]),
    "Avro's binary encoding, or its JSON encoding, in which unions name their branch: `{\"a\":{\"int\":1}}`.",
)
.default("binary");

const LEGACY_TIMESTAMPS: Opt = Opt::new(
    "timestamp_mapping.legacy",
    OptKind::Bool,
    "Whether TIMESTAMP is Avro's `timestamp-millis`, as before Flink 1.19, and TIMESTAMP_LTZ not there; else TIMESTAMP is \
     `local-timestamp-millis` or `-micros` and TIMESTAMP_LTZ `timestamp-millis` or `-micros`.",
)
.default("true");

const CODEC: Opt = Opt::new(
    "codec",
    OptKind::String,
    "Compression of Avro files; only for the filesystem connector.",
);

/// All options of the format.
pub(super) const OPTIONS: &[Opt] = &[ENCODING, LEGACY_TIMESTAMPS, CODEC];

/// The options, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct AvroOptions {
    pub(super) json: bool,
    pub(super) legacy_timestamps: bool,
}

impl AvroOptions {
    /// Reads them.
    pub(super) fn read(options: &OptionReader<'_>) -> Result<AvroOptions> {
        options.supports(OPTIONS);
        if options.is_set(&CODEC) {
            return Err(options
                .invalid(&CODEC, "it is for files; records of Kafka are compressed by the producer")
                .with_hint("Use 'properties.compression.type'"));
        }
        Ok(AvroOptions {
            json: options.word(&ENCODING)? == Some("json"),
            legacy_timestamps: options.bool(&LEGACY_TIMESTAMPS)?,
        })
    }
}
