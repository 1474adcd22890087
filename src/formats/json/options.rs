//! Options of the format (Flink's `JsonFormatOptions`).

use crate::base::Result;
use crate::options::{Opt, OptKind, OptionReader};
use crate::types::java_text::TimestampStyle;

const FAIL_ON_MISSING_FIELD: Opt = Opt::new(
    "fail-on-missing-field",
    OptKind::Bool,
    "Whether a record without a declared field fails; else the field is NULL.",
)
.default("false");

pub(super) const IGNORE_PARSE_ERRORS: Opt = Opt::new(
    "ignore-parse-errors",
    OptKind::Bool,
    "Whether fields and records that cannot be read are skipped: fields become NULL, records are dropped. Both are \
     counted.",
)
.default("false");

pub(super) const TIMESTAMP_FORMAT: Opt = Opt::new(
    "timestamp-format.standard",
    OptKind::Enum(&["SQL", "ISO-8601", "ISO-8601-WITH-OFFSET"]),
    "Text of timestamps: SQL is `2020-12-30 12:13:14.123`, ISO-8601 is `2020-12-30T12:13:14.123`, both with a `Z` for \
     TIMESTAMP_LTZ; ISO-8601-WITH-OFFSET is `2020-12-30T12:13:14.123+02:00`.",
)
.default("SQL");

pub(super) const MAP_NULL_KEY_MODE: Opt = Opt::new(
    "map-null-key.mode",
    OptKind::Enum(&["FAIL", "DROP", "LITERAL"]),
    "What to do with NULL keys when a map is written: fail, leave the entry out, or write `map-null-key.literal`.",
)
.default("FAIL");

pub(super) const MAP_NULL_KEY_LITERAL: Opt = Opt::new(
    "map-null-key.literal",
    OptKind::String,
    "What is written for a NULL key with `map-null-key.mode` = 'LITERAL'.",
)
.default("null");

pub(super) const DECIMAL_AS_PLAIN_NUMBER: Opt = Opt::new(
    "encode.decimal-as-plain-number",
    OptKind::Bool,
    "Whether DECIMALs are written with all their digits, `0.000000027`; else shortest, `2.7E-8`.",
)
.default("false");

pub(super) const IGNORE_NULL_FIELDS: Opt = Opt::new(
    "encode.ignore-null-fields",
    OptKind::Bool,
    "Whether fields that are NULL are left out when a record is written.",
)
.default("false");

const JSON_PARSER_ENABLED: Opt = Opt::new(
    "decode.json-parser.enabled",
    OptKind::Bool,
    "Whether values are converted as by Flink's parser; else as from a tree of the record: numbers in STRING columns in \
     Java's form, objects and arrays in wrong places skipped with `ignore-parse-errors`. There is one decoder.",
)
.default("true");

/// All options of the format.
pub(super) const OPTIONS: &[Opt] = &[
    FAIL_ON_MISSING_FIELD,
    IGNORE_PARSE_ERRORS,
    TIMESTAMP_FORMAT,
    MAP_NULL_KEY_MODE,
    MAP_NULL_KEY_LITERAL,
    DECIMAL_AS_PLAIN_NUMBER,
    IGNORE_NULL_FIELDS,
    JSON_PARSER_ENABLED,
];

/// What becomes of NULL keys of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NullKeys {
    /// The row fails.
    Fail,
    /// The entry is left out.
    Drop,
    /// This stands for them.
    Literal(String),
}

/// The options, read.
#[derive(Clone, Debug)]
pub(super) struct JsonOptions {
    pub(super) fail_on_missing_field: bool,
    pub(super) ignore_parse_errors: bool,
    /// Flink makes a tree of each record first.
    pub(super) tree: bool,
    pub(super) style: TimestampStyle,
    pub(super) null_keys: NullKeys,
    pub(super) plain_decimals: bool,
    pub(super) ignore_null_fields: bool,
}

impl JsonOptions {
    /// Reads and checks them.
    pub(super) fn read(options: &OptionReader<'_>) -> Result<JsonOptions> {
        options.supports(OPTIONS);
        let tree = !options.bool(&JSON_PARSER_ENABLED)?;
        let fail_on_missing_field = options.bool(&FAIL_ON_MISSING_FIELD)?;
        let read =
            JsonOptions { fail_on_missing_field, tree, ..JsonOptions::read_envelope(options)? };
        if read.fail_on_missing_field && read.ignore_parse_errors {
            return Err(options.invalid(
                &FAIL_ON_MISSING_FIELD,
                "fail-on-missing-field and ignore-parse-errors shouldn't both be true",
            ));
        }
        Ok(read)
    }

    /// Reads those that formats with JSON rows in an envelope have too.
    pub(super) fn read_envelope(options: &OptionReader<'_>) -> Result<JsonOptions> {
        let literal = options.string(&MAP_NULL_KEY_LITERAL).unwrap_or_default();
        Ok(JsonOptions {
            fail_on_missing_field: false,
            ignore_parse_errors: options.bool(&IGNORE_PARSE_ERRORS)?,
            tree: true,
            style: match options.word(&TIMESTAMP_FORMAT)? {
                Some("ISO-8601") => TimestampStyle::Iso8601,
                Some("ISO-8601-WITH-OFFSET") => TimestampStyle::Iso8601WithOffset,
                _ => TimestampStyle::Sql,
            },
            null_keys: match options.word(&MAP_NULL_KEY_MODE)? {
                Some("DROP") => NullKeys::Drop,
                Some("LITERAL") => NullKeys::Literal(literal),
                _ => NullKeys::Fail,
            },
            plain_decimals: options.bool(&DECIMAL_AS_PLAIN_NUMBER)?,
            ignore_null_fields: options.bool(&IGNORE_NULL_FIELDS)?,
        })
    }
}
