//! Checking a table that nothing reads or writes yet: what `brooklet check` does beyond Flink.

use super::job::JobBuilder;
use super::session::Session;
use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptKind, OptionReader, Taken};
use crate::plan::Settings;
use crate::table::{ColumnKind, ScanRequest, TableDef};

/// Options that name a format, and the prefix of that format's options.
const FORMAT_KEYS: [(&str, &str); 3] =
    [("format", ""), ("value.format", "value."), ("key.format", "key.")];

impl Session {
    /// Checks the options of a table: every value by its declared kind, and that the table can be opened for reading or
    /// for writing. Contacts nothing. A table that is not there is fine.
    pub fn check_table(&self, parts: &[String]) -> Result<()> {
        let Some(table) = self.table(parts) else { return Ok(()) };
        let settings = Settings::read(self.options())?;
        self.builder(&settings, "check").check(&table)
    }
}

impl JobBuilder<'_> {
    fn check(&self, table: &TableDef) -> Result<()> {
        self.check_values(table)?;
        let stored = |is_read: bool| {
            let wanted = move |kind: &ColumnKind| match kind {
                ColumnKind::Physical => true,
                ColumnKind::Metadata { is_virtual, .. } => is_read || !is_virtual,
                ColumnKind::Computed(_) => false,
            };
            let columns = table.columns.iter().enumerate();
            columns.filter(|(_, c)| wanted(&c.kind)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let request = ScanRequest {
            columns: stored(true),
            predicate: None,
            parallelism: self.settings.parallelism,
        };
        let Err(read) = self.source(table, request) else { return Ok(()) };
        let Err(written) = self.sink(table, stored(false)) else { return Ok(()) };
        let scans = table
            .options
            .iter()
            .any(|(key, _)| key.starts_with("scan.") || key == "properties.group.id");
        // A table that can only be read or only be written says so with an error of its schema.
        let read_first = match (names_an_option(&read), names_an_option(&written)) {
            (true, false) => true,
            (false, true) => false,
            _ if written.kind() != ErrorKind::Option => true,
            _ => scans && read.kind() == ErrorKind::Option,
        };
        Err(if read_first { read } else { written })
    }

    /// Parses every value whose kind is declared. The connector itself parses only those it needs.
    fn check_values(&self, table: &TableDef) -> Result<()> {
        let taken = Taken::default();
        let options = OptionReader::new(&table.options, &taken, table.subject());
        let connector = self.connector(table, &options)?;
        connector.options().iter().try_for_each(|opt| value(&options, opt))?;
        for (key, outer) in FORMAT_KEYS {
            let name = table.options.get(key);
            let format = self.formats.iter().find(|format| Some(format.identifier()) == name);
            if let Some(format) = format {
                let scoped = options.scoped(&format!("{outer}{}.", format.identifier()));
                format.options().iter().try_for_each(|opt| value(&scoped, opt))?;
            }
        }
        Ok(())
    }
}

fn value(options: &OptionReader<'_>, opt: &Opt) -> Result<()> {
    if opt.key.contains(['#', '*']) || !options.is_set(opt) {
        return Ok(());
    }
    match opt.kind {
        OptKind::String | OptKind::List => Ok(()),
        OptKind::Bool => options.bool(opt).map(drop),
        OptKind::Int | OptKind::Long => options.long(opt).map(drop),
        OptKind::Double => options.double(opt).map(drop),
        OptKind::Duration => options.duration(opt).map(drop),
        OptKind::MemorySize => options.memory_size(opt).map(drop),
        OptKind::Enum(_) => options.word(opt).map(drop),
    }
}

/// Whether an error is about an option that the script gives.
fn names_an_option(error: &Error) -> bool {
    error.kind() == ErrorKind::Option
        && (error.message().starts_with("unknown option")
            || error.message().starts_with("invalid option"))
}
