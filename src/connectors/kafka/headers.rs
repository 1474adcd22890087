//! Headers of records as a column: a map (`headers`, where of equal keys the last one counts, in the order of Java's map),
//! or the list that they are (`header-list`, FLINK-39792).

use super::metadata::Metadata;
use crate::base::{Error, Result};
use crate::types::{Column, java_map, map_array, map_keys};
use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, StructArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as Physical;
use arrow_select::take::take;
use brooklet_kafka::wire::records::{self, Header};
use std::sync::Arc;

/// Headers of all records since the last clear, one after another.
#[derive(Debug)]
pub(super) struct Headers {
    form: Metadata,
    /// Where each record's headers end.
    ends: Vec<i32>,
    keys: Vec<u8>,
    values: Vec<u8>,
    /// End of each key in `keys`, end of each value in `values`, and whether the value is NULL.
    entries: Vec<(usize, usize, bool)>,
}

impl Headers {
    /// For a column of [`Metadata::Headers`] or [`Metadata::HeaderList`].
    pub(super) fn new(form: Metadata) -> Headers {
        let (ends, entries) = (Vec::new(), Vec::new());
        Headers { form, ends, keys: Vec::new(), values: Vec::new(), entries }
    }

    pub(super) fn form(&self) -> Metadata {
        self.form
    }

    /// Adds the headers of a record.
    pub(super) fn push(&mut self, headers: records::Headers<'_>) {
        match self.form {
            Metadata::Headers if headers.len() > 1 => {
                let entries = java_map::distinct(headers.map(|header| (header.key, header.value)));
                entries.into_iter().for_each(|(key, value)| self.entry(&Header { key, value }));
            }
            _ => headers.for_each(|header| self.entry(&header)),
        }
        self.ends.push(i32::try_from(self.entries.len()).unwrap_or(i32::MAX));
    }

    fn entry(&mut self, header: &Header<'_>) {
        self.keys.extend_from_slice(header.key);
        self.values.extend_from_slice(header.value.unwrap_or_default());
        self.entries.push((self.keys.len(), self.values.len(), header.value.is_none()));
    }

    /// The column of the rows with these records, of `records` in all.
    pub(super) fn column(&self, sources: &[u32], records: usize) -> Result<Column> {
        let mut keys = StringViewBuilder::with_capacity(self.entries.len());
        let mut values = BinaryViewBuilder::with_capacity(self.entries.len());
        let (mut key_start, mut value_start) = (0, 0);
        for (key_end, value_end, is_null) in &self.entries {
            let key = self.keys.get(key_start..*key_end).unwrap_or_default();
            match std::str::from_utf8(key) {
                Ok(key) => keys.append_value(key),
                Err(_) => keys.append_value(String::from_utf8_lossy(key)),
            }
            match is_null {
                true => values.append_null(),
                false => {
                    values
                        .append_value(self.values.get(value_start..*value_end).unwrap_or_default());
                }
            }
            (key_start, value_start) = (*key_end, *value_end);
        }
        let (keys, values) = (Arc::new(keys.finish()), Arc::new(values.finish()));
        let column = nested(&self.form.data_type().physical(), &self.ends, keys, values)?;
        let as_pushed = sources.len() == records
            && (0u32..).zip(sources).all(|(record, source)| record == *source);
        if as_pushed {
            return Ok(column);
        }
        take(&column, &UInt32Array::from(sources.to_vec()), None).map_err(Error::internal)
    }

    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.keys.clear();
        self.values.clear();
        self.entries.clear();
    }
}

/// The column of the type `physical`, from all keys and values and the end of each row's.
fn nested(physical: &Physical, ends: &[i32], keys: ArrayRef, values: ArrayRef) -> Result<ArrayRef> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend_from_slice(ends);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let Physical::List(entries) = physical else {
        return Ok(java_map::in_order(&map_array(physical, offsets, (keys, values), None)?));
    };
    let Physical::Struct(fields) = entries.data_type() else {
        return Err(Error::internal("headers are pairs"));
    };
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None);
    let pairs = Arc::new(pairs.map_err(Error::internal)?);
    let list = ListArray::try_new(Arc::clone(entries), offsets, pairs, None);
    Ok(Arc::new(list.map_err(Error::internal)?))
}

/// Headers of rows, to be written.
#[derive(Debug)]
pub(super) struct Written {
    column: Column,
    form: Metadata,
}

impl Written {
    /// A column of the type of `form`; keys of a list may be bytes.
    pub(super) fn new(column: Column, form: Metadata) -> Written {
        Written { column, form }
    }

    /// The headers of a row. As in Flink, a map's without value are left out; so are those without key.
    pub(super) fn row<'a>(&'a self, row: usize, out: &mut Vec<Header<'a>>) {
        if !self.column.is_valid(row) {
            return;
        }
        let (offsets, keys, values) = match self.form {
            Metadata::HeaderList => {
                let Some(lists) = self.column.as_list_opt::<i32>() else { return };
                let pairs = lists.values().as_struct_opt().map(StructArray::columns);
                let Some([keys, values]) = pairs else { return };
                (lists.value_offsets(), keys, values)
            }
            _ => {
                let Some(maps) = self.column.as_map_opt() else { return };
                (maps.value_offsets(), map_keys(maps), maps.values())
            }
        };
        let Some(values) = values.as_binary_view_opt() else { return };
        let at =
            |row: usize| offsets.get(row).and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        for entry in at(row)..at(row + 1) {
            let key = match (keys.as_string_view_opt(), keys.as_binary_view_opt()) {
                _ if keys.is_null(entry) => continue,
                (Some(keys), _) => keys.value(entry).as_bytes(),
                (None, Some(keys)) => keys.value(entry),
                (None, None) => return,
            };
            let value = values.is_valid(entry).then(|| values.value(entry));
            if value.is_some() || self.form == Metadata::HeaderList {
                out.push(Header { key, value });
            }
        }
    }
}
