//! Checking a table that nothing reads or writes yet: what `brooklet check` does beyond Flink.

use super::job::JobBuilder;
use super::session::Session;
use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptKind, OptionReader, Taken};
use crate::plan::Settings;
use crate::table::{ColumnKind, ScanRequest, TableDef};
use std::cmp::Ordering;

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
        let opened = self.source(table, request);
        if let Ok(source) = &opened {
            self.failures(table, source.as_ref())?;
        }
        let read = opened.err();
        let written = self.sink(table, stored(false), true).err();
        // A table that can be used one way only is fine, unless it has options for the other.
        let has = |prefix: &str| table.options.iter().any(|(key, _)| key.starts_with(prefix));
        let scans = has("scan.") || has("properties.group.id");
        let (read, written) = match (read, written) {
            (Some(read), None) if scans => return Err(read),
            (None, Some(written)) if has("sink.") => return Err(written),
            (Some(read), Some(written)) => (read, written),
            _ => return Ok(()),
        };
        Err(match weight(&read).cmp(&weight(&written)) {
            Ordering::Less => written,
            Ordering::Equal if !scans => written,
            _ => read,
        })
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

/// Which of two errors a user wants to see: one about an option that the script gives, else what is not supported, else
/// what is missing. That a table can only be read or only be written is no error at all.
fn weight(error: &Error) -> u8 {
    let about = |words: &str| error.message().starts_with(words);
    match error.kind() {
        ErrorKind::Option if about("unknown option") => 4,
        ErrorKind::Option if about("invalid option") => 3,
        ErrorKind::Unsupported => 2,
        ErrorKind::Option => 1,
        _ => 0,
    }
}
