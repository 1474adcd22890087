//! The contract between the engine and everything that reads or writes tables: connectors, formats, sources, sinks,
//! commit domains, the catalog.

mod catalog;
mod clock;
mod connector;
mod failures;
mod format;
mod identity;
mod immediate;
mod parts;
mod progress;
mod schemas;
mod sink;
mod source;
mod spread;

pub use catalog::{Catalog, ColumnDef, ColumnKind, TableDef, TableName};
pub use clock::WallClock;
pub use connector::{
    Connector, DecoderFactory, EncoderFactory, FormatResolver, JobContext, ScanRequest,
    SinkRequest, TableContext, Warnings,
};
pub use failures::{ErrorHandling, Original, RecordPlace, Refused};
pub use format::{
    DecodeRequest, Decoded, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload,
};
pub use identity::{Fingerprint, JobIdentity, Misfit, StatementPrint};
pub use immediate::{Immediate, WriteNow};
pub use parts::JobParts;
pub use progress::{
    CommitDomain, DomainEvent, DomainRequest, Epoch, EpochEnd, Former, FormerProgress, LagGroup,
    Position, Progress, Recovery, ScanFacts, ScanName,
};
pub use schemas::{
    Answer, DECLARED_SCHEMAS, Readiness, RegistryAccess, SchemaRegistries, SchemaResolver,
    WrongProperty,
};
pub use sink::{Guarantee, Sink, SinkStats, Writer, WriterStatus};
pub use source::{
    Boundedness, Discovered, Enumerator, OpaqueWaker, Polled, Reader, Source, SourceStats, Split,
    Waker,
};
pub use spread::{Instance, Spread};
