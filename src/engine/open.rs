//! Opening the tables of a job: the connector that a table names takes its options, and what is left over is refused.

use super::formats::Formats;
use super::job::{JobBuilder, scans};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::ops::{BoundedColumn, NotNullColumn};
use crate::options::{Opt, OptKind, OptionReader, Taken};
use crate::plan::{Rel, TypeLengthEnforcer};
use crate::sql::changelog::SinkNeeds;
use crate::table::{
    Boundedness, Connector, ScanRequest, Sink, SinkRequest, Source, TableContext, TableDef,
};
use crate::types::{ChangelogMode, Kind};
use std::sync::Arc;

const CONNECTOR: Opt = Opt::new("connector", OptKind::String, "Which connector serves the table.");
const PROPERTY_VERSION: Opt =
    Opt::new("property-version", OptKind::Int, "Accepted everywhere, as in Flink.");

/// Connectors of Flink and of its ecosystem that are known and not there yet.
const LATER_CONNECTORS: &[&str] = &[
    "doris",
    "dynamic-kafka",
    "dynamodb",
    "elasticsearch-6",
    "elasticsearch-7",
    "elasticsearch-8",
    "filesystem",
    "firehose",
    "hbase-1.4",
    "hbase-2.2",
    "hbase-2.6",
    "hive",
    "http",
    "hudi",
    "iceberg",
    "jdbc",
    "kinesis",
    "kinesis-legacy",
    "mongodb",
    "mysql-cdc",
    "opensearch",
    "opensearch-2",
    "paimon",
    "postgres-cdc",
    "prometheus",
    "pulsar",
    "rabbitmq",
    "redis",
    "starrocks",
];

/// Where the rows of a plan go.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) sink: Box<dyn Sink>,
    /// NOT NULL columns of the sink, by position.
    pub(super) not_null: Vec<NotNullColumn>,
    /// Columns of the sink whose length is enforced.
    pub(super) bounded: Vec<BoundedColumn>,
}

impl JobBuilder<'_> {
    /// Refuses a plan whose tables cannot be read, for statements that run nothing: what is only not there yet is fine.
    pub(super) fn check_sources(&self, rel: &Rel) -> Result<()> {
        unless_missing(self.open_scans(scans(rel)))
    }

    /// Refuses a table that cannot be written to, as [`JobBuilder::check_sources`] does.
    pub(super) fn check_target(
        &self,
        table: &TableDef,
        columns: Vec<usize>,
        insert_only: bool,
    ) -> Result<()> {
        unless_missing(self.sink(table, columns, insert_only).map(drop))
    }

    pub(super) fn open_scans(&self, scans: Vec<(Arc<TableDef>, Vec<usize>)>) -> Result<()> {
        for (table, columns) in scans {
            let parallelism = self.settings.parallelism;
            let source =
                self.source(&table, ScanRequest { columns, predicate: None, parallelism })?;
            self.check_end(&table, source.as_ref())?;
        }
        Ok(())
    }

    /// Refuses a source without an end in batch mode (Flink's `DynamicSourceUtils.validateScanSourceForBatch`).
    pub(super) fn check_end(&self, table: &TableDef, source: &dyn Source) -> Result<()> {
        if !self.settings.batch || source.boundedness() != Boundedness::Unbounded {
            return Ok(());
        }
        let message = format!(
            "querying an unbounded table '{}' in batch mode is not allowed: the table source is unbounded",
            table.name
        );
        Err(Error::new(ErrorKind::Schema, message).with_hint(
            "give the table an end, such as 'scan.bounded.mode' = 'latest-offset' or 'number-of-rows', or SET \
             'execution.runtime-mode' = 'streaming'",
        ))
    }

    /// Kinds of changes that reading a table gives. What is wrong with its options comes to light when it is opened.
    pub(super) fn changes(&self, table: &TableDef) -> ChangelogMode {
        let read = |connector: &dyn Connector, context: &TableContext<'_>| {
            connector.source_changelog(context)
        };
        self.look(table, read).unwrap_or(ChangelogMode::INSERT_ONLY)
    }

    /// What a table asks of the rows that it is given, in `columns`.
    pub(super) fn sink_needs(&self, table: &TableDef, columns: &[usize]) -> SinkNeeds {
        let read = |connector: &dyn Connector, context: &TableContext<'_>| {
            connector.sink_changelog(context)
        };
        let place = |name: &String| {
            let is_it = |at: &usize| table.columns.get(*at).is_some_and(|c| c.name == *name);
            columns.iter().position(is_it)
        };
        SinkNeeds {
            name: table.name.to_string(),
            // A table that cannot be opened says so by itself.
            takes: self.look(table, read).unwrap_or(ChangelogMode::ALL),
            key: table.primary_key.iter().filter_map(place).collect(),
        }
    }

    /// Asks a table's connector without opening the table.
    fn look<T>(
        &self,
        table: &TableDef,
        read: impl FnOnce(&dyn Connector, &TableContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let taken = Taken::default();
        let options = OptionReader::new(&table.options, &taken, table.subject());
        let connector = self.connector(table, &options)?;
        let formats = &Formats(self.formats);
        let context = TableContext { table, options: &options, formats, job: &self.context };
        read(connector.as_ref(), &context)
    }

    /// Opens a table for reading.
    pub(super) fn source(&self, table: &TableDef, request: ScanRequest) -> Result<Box<dyn Source>> {
        self.open(table, |connector, context| connector.source(context, request))
    }

    /// Opens a table for writing.
    pub(super) fn sink(
        &self,
        table: &TableDef,
        columns: Vec<usize>,
        insert_only: bool,
    ) -> Result<Target> {
        let not_null = columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| Some((at, table.columns.get(*column)?)))
            .filter(|(_, column)| !column.data_type.nullable)
            .map(|(at, column)| NotNullColumn {
                at,
                name: column.name.clone(),
                in_deletes: table.primary_key.is_empty()
                    || table.primary_key.contains(&column.name),
            })
            .collect();
        let bounded = match self.settings.type_length {
            TypeLengthEnforcer::Ignore => Vec::new(),
            _ => bounded(table, &columns),
        };
        let parallelism = self.settings.parallelism;
        let request = SinkRequest { columns, parallelism, insert_only, joins_job: false };
        let sink = self.open(table, |connector, context| connector.sink(context, request))?;
        Ok(Target { name: table.name.table.clone(), sink, not_null, bounded })
    }

    /// Finds the connector, lets it take its options, and refuses what is left over.
    pub(super) fn open<T>(
        &self,
        table: &TableDef,
        open: impl FnOnce(&dyn Connector, &TableContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let taken = Taken::default();
        let options = OptionReader::new(&table.options, &taken, table.subject());
        options.supports(&[PROPERTY_VERSION]);
        let at_table = |error: Error| match table.span {
            Some(span) => error.at(span),
            None => error,
        };
        let connector = self.connector(table, &options).map_err(at_table)?;
        let context = TableContext {
            table,
            options: &options,
            formats: &Formats(self.formats),
            job: &self.context,
        };
        let opened = open(connector.as_ref(), &context).map_err(at_table);
        match &opened {
            Ok(_) => options.finish()?,
            // An unknown key explains a missing one better than the other way round.
            Err(error)
                if error.kind() == ErrorKind::Option && error.message().contains("required") =>
            {
                // The options of formats were not asked for yet.
                let formats = self.formats.iter().map(|format| format!("{}.", format.identifier()));
                let formats: Vec<String> = formats.collect();
                let mut known = vec!["format", "value.", "key."];
                known.extend(formats.iter().map(String::as_str));
                options.finish_but(&known)?;
            }
            Err(_) => {}
        }
        opened
    }

    /// The connector that the table names.
    pub(super) fn connector(
        &self,
        table: &TableDef,
        options: &OptionReader<'_>,
    ) -> Result<&Arc<dyn Connector>> {
        let Some(name) = options.string(&CONNECTOR) else {
            let subject = table.subject();
            let message =
                format!("table options of {subject} do not contain an option key 'connector'");
            return Err(options.missing(&CONNECTOR, message));
        };
        if let Some(connector) =
            self.connectors.iter().find(|connector| connector.identifier() == name)
        {
            return Ok(connector);
        }
        if LATER_CONNECTORS.contains(&name.as_str()) {
            let what = format!("connector '{name}', for table '{}'", table.name.table);
            return Err(options.at(&CONNECTOR, Error::unsupported(what)));
        }
        let names: Vec<&str> =
            self.connectors.iter().map(|connector| connector.identifier()).collect();
        let near =
            nearest(&name, names.iter().copied()).map(|near| format!("did you mean '{near}'? "));
        Err(options.invalid(&CONNECTOR, "could not find any connector of this name").with_hint(
            format!("{}Supported connectors: {}", near.unwrap_or_default(), names.join(", ")),
        ))
    }
}

fn unless_missing(checked: Result<()>) -> Result<()> {
    checked.or_else(|error| match error.kind() {
        ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}

/// The written columns whose type bounds their length.
fn bounded(table: &TableDef, columns: &[usize]) -> Vec<BoundedColumn> {
    let column = |(at, column): (usize, &usize)| {
        let column = table.columns.get(*column)?;
        let kind = column.data_type.kind.clone();
        let bounds = match kind {
            Kind::Char(_) | Kind::Binary(_) => true,
            Kind::VarChar(n) | Kind::VarBinary(n) => n < Kind::STRING_LENGTH,
            _ => false,
        };
        bounds.then(|| BoundedColumn { at, name: column.name.clone(), kind })
    };
    columns.iter().enumerate().filter_map(column).collect()
}
