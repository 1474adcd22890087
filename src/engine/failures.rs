//! Where the failed records of a table go (`error-handling.mode`).

use super::job::JobBuilder;
use crate::base::{Error, ErrorKind, Result};
use crate::exec::{Failures, JobSink, log_fields};
use crate::options::Options;
use crate::table::{
    Catalog as _, ColumnDef, ColumnKind, ErrorHandling, ScanName, SinkRequest, Source, TableDef,
    TableName,
};
use crate::types::SplitId;

/// Connectors whose tables can be a log, and the one that writes it: records as they came.
const KAFKA: [&str; 2] = ["kafka", "upsert-kafka"];

/// What is taken over from the options of a log: where it is. Its columns and formats are for those who read it.
const TAKEN: [&str; 2] = ["topic", "sink.parallelism"];

const MODE: &str = "error-handling.mode";
const BOOTSTRAP: &str = "properties.bootstrap.servers";

/// The option that names the log.
pub const LOG_TARGET: &str = "error-handling.log.target";

impl JobBuilder<'_> {
    /// What becomes of the rows of a table that fail.
    pub(super) fn failures(&self, table: &TableDef, source: &dyn Source) -> Result<Failures> {
        match source.error_handling() {
            ErrorHandling::Fail => Ok(Failures::Fail),
            ErrorHandling::Ignore => Ok(Failures::Ignore),
            ErrorHandling::Log { target } => {
                let log = self.log(table, source, &target);
                let of_option = |key: &str| table.options.span(key);
                let span = of_option(LOG_TARGET).or_else(|| of_option(MODE)).or(table.span);
                let log = log.map_err(|error| match span {
                    Some(span) => error.at(span),
                    None => error,
                })?;
                Ok(Failures::Log(log))
            }
        }
    }

    fn log(&self, table: &TableDef, source: &dyn Source, target: &str) -> Result<JobSink> {
        let name = beside(table, target);
        let refused = |problem: &str| {
            Error::new(
                ErrorKind::Option,
                format!(
                    "invalid option '{LOG_TARGET}' = '{target}' of {}: {problem}",
                    table.subject()
                ),
            )
        };
        let Some(found) = self.session.catalog.table(&name) else {
            return Err(refused(&format!("table {name} does not exist")).with_hint(format!(
                "create a table of connector 'kafka' for the failed records, for example: CREATE TABLE `{}` (`value` \
                 BYTES, headers MAP<STRING, BYTES> METADATA) WITH ('connector' = 'kafka', 'topic' = …, '{BOOTSTRAP}' = \
                 …, 'format' = 'raw')",
                name.table
            )));
        };
        let found = self.session.dev_broker_table(&found);
        if !found.connector().is_some_and(|connector| KAFKA.contains(&connector)) {
            return Err(refused(&format!("{} is no topic", found.subject()))
                .with_hint("a log of failed records is a table of connector 'kafka'"));
        }
        let topic = found.options.get("topic").unwrap_or_default();
        if topic.is_empty() || topic.contains(';') {
            return Err(refused(&format!("{} is not a single topic", found.subject())));
        }
        let scan = source.facts(ScanName { name: String::new(), alone: true });
        let split = SplitId { name: topic.into(), index: 0 };
        let same_brokers = found.options.get(BOOTSTRAP) == table.options.get(BOOTSTRAP);
        if same_brokers && (scan.reads)(&split) {
            return Err(refused(&format!("the table itself reads topic '{topic}'")).with_hint(
                "failed records would be read and fail again: give the log a topic of its own",
            ));
        }
        let log = log_table(&found);
        let columns = (0..log.columns.len()).collect();
        let parallelism = self.settings.parallelism;
        let request = SinkRequest { columns, parallelism, insert_only: true, joins_job: true };
        let sink = self.open(&log, |connector, context| connector.sink(context, request))?;
        Ok(JobSink { name: found.name.table.clone(), sink })
    }
}

/// The table that a name of one to three parts means, from the place of another table.
fn beside(table: &TableDef, target: &str) -> TableName {
    let plain = |part: &str| part.trim().trim_matches('`').to_owned();
    let mut parts = target.rsplitn(3, '.').map(plain);
    let own = parts.next().unwrap_or_default();
    let database = parts.next().unwrap_or_else(|| table.name.database.clone());
    let catalog = parts.next().unwrap_or_else(|| table.name.catalog.clone());
    TableName { catalog, database, table: own }
}

/// The topic of a table as one of plain records.
fn log_table(table: &TableDef) -> TableDef {
    let mut options = Options::default();
    for (key, entry) in table.options.iter() {
        if TAKEN.contains(&key) || key.starts_with("properties.") {
            options.set(key, &entry.value, entry.span);
        }
    }
    for (key, value) in [
        ("connector", "kafka"),
        ("key.format", "raw"),
        ("key.fields", "key"),
        ("value.format", "raw"),
        ("value.fields-include", "EXCEPT_KEY"),
    ] {
        options.set(key, value, None);
    }
    let [key, value, headers] = log_fields();
    let column = |field: crate::types::Field, kind| ColumnDef {
        name: field.name,
        data_type: field.data_type,
        kind,
        comment: None,
    };
    let metadata = ColumnKind::Metadata { key: "header-list".to_owned(), is_virtual: false };
    TableDef {
        columns: vec![
            column(key, ColumnKind::Physical),
            column(value, ColumnKind::Physical),
            column(headers, metadata),
        ],
        options,
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        watermark: None,
        ..table.clone()
    }
}
