//! Options of the format (Flink's `PbFormatOptions`), and where the message is described: Flink loads a Java class.

use crate::base::Result;
use crate::options::{Opt, OptKind, OptionReader};

pub(super) const MESSAGE: Opt = Opt::new(
    "message-class-name",
    OptKind::String,
    "The message: its name in Protobuf (`shop.Order`), or that of its Java class (`com.shop.Orders$Order`).",
);

pub(super) const PROTO_FILE: Opt = Opt::new(
    "proto-file",
    OptKind::String,
    "The .proto file that describes the message. Not in Flink, where the Java class does.",
);

pub(super) const PROTO_PATH: Opt = Opt::new(
    "proto-path",
    OptKind::String,
    "Folders, separated by `;`, in which imports of the .proto file are looked for; its own folder comes last.",
);

pub(super) const DESCRIPTOR_FILE: Opt = Opt::new(
    "descriptor-file",
    OptKind::String,
    "Instead of `proto-file`: a descriptor set, as of `protoc --include_imports --descriptor_set_out`.",
);

const IGNORE_ERRORS: Opt = Opt::new(
    "ignore-parse-errors",
    OptKind::Bool,
    "Whether records that are no such message are left out; else they fail.",
)
.default("false");

const READ_DEFAULTS: Opt = Opt::new(
    "read-default-values",
    OptKind::Bool,
    "Whether what a record does not hold is read as its default instead of NULL. In proto3 that is always so for values \
     that are no messages, lists or maps.",
)
.default("false");

const NULL_LITERAL: Opt = Opt::new(
    "write-null-string-literal",
    OptKind::String,
    "What is written for a NULL string inside of an array or map.",
)
.default("");

/// All options of the format.
pub(super) const OPTIONS: &[Opt] =
    &[MESSAGE, PROTO_FILE, PROTO_PATH, DESCRIPTOR_FILE, IGNORE_ERRORS, READ_DEFAULTS, NULL_LITERAL];

/// The options that say how records are read and written.
#[derive(Clone, Debug)]
pub(super) struct ProtobufOptions {
    pub(super) ignore_errors: bool,
    pub(super) read_defaults: bool,
    pub(super) null_literal: String,
}

impl ProtobufOptions {
    /// Reads them.
    pub(super) fn read(options: &OptionReader<'_>) -> Result<ProtobufOptions> {
        options.supports(OPTIONS);
        Ok(ProtobufOptions {
            ignore_errors: options.bool(&IGNORE_ERRORS)?,
            read_defaults: options.bool(&READ_DEFAULTS)?,
            null_literal: options.string(&NULL_LITERAL).unwrap_or_default(),
        })
    }
}
