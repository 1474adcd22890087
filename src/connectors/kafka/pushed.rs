//! Where the records between two batches of rows came from, and the metadata columns made of it.

use super::headers::Headers;
use super::metadata::Metadata;
use crate::base::{Error, Result};
use crate::types::{Column, Origin, SplitId};
use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, Int32Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow_buffer::ScalarBuffer;
use brooklet_kafka::wire::records::{BatchHeader, Record, TimestampType};
use std::sync::Arc;

/// What is kept of the records since the last batch of rows. What all records of a record batch have in common is kept
/// once per run of record batches.
#[derive(Debug)]
pub(super) struct Pushed {
    runs: Vec<Run>,
    offsets: Vec<i64>,
    /// Milliseconds since 1970 UTC, where a column needs them.
    timestamps: Option<Vec<i64>>,
    headers: Vec<Headers>,
}

/// Neighbouring records with the same split, leader epoch and timestamp type.
#[derive(Debug)]
struct Run {
    split: Arc<SplitId>,
    leader_epoch: i32,
    timestamp_type: TimestampType,
    /// One past the run's last record.
    end: usize,
}

/// Where some rows came from.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// For each row the number of its record.
    sources: &'a [u32],
    /// Number of a run and one past its last row, in row order.
    runs: Vec<(usize, usize)>,
    pub(super) origin: Origin,
}

impl Pushed {
    /// Timestamps and headers are kept only where columns need them.
    pub(super) fn new(reads: impl Fn(Metadata) -> bool) -> Pushed {
        let forms = [Metadata::Headers, Metadata::HeaderList].into_iter();
        Pushed {
            runs: Vec::new(),
            offsets: Vec::new(),
            timestamps: reads(Metadata::Timestamp).then(Vec::new),
            headers: forms.filter(|form| reads(*form)).map(Headers::new).collect(),
        }
    }

    /// Records since the last clear.
    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Adds a record of the batch at hand.
    #[inline]
    pub(super) fn record(&mut self, record: &Record<'_>) {
        self.offsets.push(record.offset);
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.push(record.timestamp);
        }
        self.headers.iter_mut().for_each(|headers| headers.push(record.headers));
    }

    /// Says where the records since the last call came from.
    pub(super) fn end_batch(&mut self, split: &Arc<SplitId>, header: &BatchHeader) {
        let (leader_epoch, timestamp_type) =
            (header.partition_leader_epoch, header.timestamp_type());
        let end = self.offsets.len();
        match self.runs.last_mut() {
            Some(run)
                if Arc::ptr_eq(&run.split, split)
                    && run.leader_epoch == leader_epoch
                    && run.timestamp_type == timestamp_type =>
            {
                run.end = end;
            }
            _ => {
                let split = Arc::clone(split);
                self.runs.push(Run { split, leader_epoch, timestamp_type, end });
            }
        }
    }

    /// Split and offset of a record.
    pub(super) fn locate(&self, record: usize) -> (Option<&Arc<SplitId>>, i64) {
        let run = self.runs.partition_point(|run| run.end <= record);
        let offset = self.offsets.get(record).copied().unwrap_or(-1);
        (self.runs.get(run).map(|run| &run.split), offset)
    }

    /// Where rows with these records (ascending) came from.
    pub(super) fn place<'a>(&self, sources: &'a [u32]) -> Result<Place<'a>> {
        let mut origin = Origin::default();
        origin.offsets.reserve(sources.len());
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut run = 0;
        for (row, source) in sources.iter().enumerate() {
            let source = *source as usize;
            while self.runs.get(run).is_some_and(|r| r.end <= source) {
                run += 1;
            }
            let (Some(from), Some(offset)) = (self.runs.get(run), self.offsets.get(source)) else {
                return Err(Error::internal("a decoded row without a record"));
            };
            origin.push(&from.split, *offset);
            match runs.last_mut() {
                Some((last, end)) if *last == run => *end = row + 1,
                _ => runs.push((run, row + 1)),
            }
        }
        Ok(Place { sources, runs, origin })
    }

    /// A metadata column of those rows, in the type of [`Metadata::data_type`].
    pub(super) fn column(&self, metadata: Metadata, place: &Place<'_>) -> Result<Column> {
        Ok(match metadata {
            Metadata::Offset => {
                Arc::new(Int64Array::new(ScalarBuffer::from(place.origin.offsets.clone()), None))
            }
            Metadata::Timestamp => {
                let timestamps = self.timestamps.as_deref().unwrap_or_default();
                let millis = |source: &u32| timestamps.get(*source as usize).copied().unwrap_or(-1);
                Arc::new(TimestampMicrosecondArray::from_iter_values(
                    place.sources.iter().map(|source| millis(source).saturating_mul(1000)),
                ))
            }
            Metadata::Topic => self.texts(place, |run| &run.split.name)?,
            Metadata::TimestampType => {
                self.texts(place, |run| timestamp_type_name(run.timestamp_type))?
            }
            Metadata::Partition => self.numbers(place, |run| Some(run.split.index)),
            // Old brokers do not know it: -1.
            Metadata::LeaderEpoch => {
                self.numbers(place, |run| (run.leader_epoch >= 0).then_some(run.leader_epoch))
            }
            Metadata::Headers | Metadata::HeaderList => {
                let kept = self.headers.iter().find(|headers| headers.form() == metadata);
                let kept = kept.ok_or_else(|| Error::internal("headers that were not kept"))?;
                kept.column(place.sources, self.len())?
            }
        })
    }

    fn numbers(&self, place: &Place<'_>, of: impl Fn(&Run) -> Option<i32>) -> ArrayRef {
        let numbers = self.rows(place).flat_map(|(run, rows)| std::iter::repeat_n(of(run), rows));
        Arc::new(numbers.collect::<Int32Array>())
    }

    /// Each run's text is stored once.
    fn texts<'a>(&'a self, place: &Place<'_>, of: impl Fn(&'a Run) -> &'a str) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(place.sources.len());
        for (run, rows) in self.rows(place) {
            let text = of(run);
            let len = u32::try_from(text.len()).map_err(Error::internal)?;
            let block = builder.append_block(text.as_bytes().to_vec().into());
            for _ in 0..rows {
                builder.try_append_view(block, 0, len).map_err(Error::internal)?;
            }
        }
        let array: StringViewArray = builder.finish();
        Ok(Arc::new(array))
    }

    /// The runs of rows and how many rows each has.
    fn rows<'a>(&'a self, place: &Place<'_>) -> impl Iterator<Item = (&'a Run, usize)> {
        let mut start = 0;
        let runs = place.runs.iter().map(move |(run, end)| {
            let rows = end - start;
            start = *end;
            (*run, rows)
        });
        let counted: Vec<(usize, usize)> = runs.collect();
        counted.into_iter().filter_map(|(run, rows)| Some((self.runs.get(run)?, rows)))
    }

    /// Forgets all records, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.offsets.clear();
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.clear();
        }
        self.headers.iter_mut().for_each(Headers::clear);
    }
}

/// The name of a timestamp type in Kafka.
pub(super) fn timestamp_type_name(timestamp_type: TimestampType) -> &'static str {
    match timestamp_type {
        TimestampType::NoTimestamp => "NoTimestampType",
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int32Type, TimestampMicrosecondType};
    use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
    use brooklet_kafka::wire::records::{BatchBuilder, BatchView, Header, assemble};

    type TestHeaders<'a> = &'a [(&'a str, Option<&'a str>)];

    /// Adds a batch of records with these timestamps and headers.
    fn push(
        pushed: &mut Pushed,
        split: &Arc<SplitId>,
        leader_epoch: i32,
        records: &[(i64, TestHeaders<'_>)],
    ) {
        let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
        for (timestamp, headers) in records {
            let headers: Vec<Header<'_>> = headers
                .iter()
                .map(|(key, value)| Header { key: key.as_bytes(), value: value.map(str::as_bytes) })
                .collect();
            builder.append(*timestamp, None, Some(b"v"), &headers).unwrap();
        }
        let sealed = builder.seal(&mut Compressor::new()).unwrap();
        let mut header = *sealed.header();
        header.partition_leader_epoch = leader_epoch;
        let view = BatchView::parse(assemble(&header, &sealed.records_section())).unwrap();
        let records = view.records(&mut Decompressor::new(), 1 << 20).unwrap();
        for record in &records {
            pushed.record(&record.unwrap());
        }
        pushed.end_batch(split, view.header());
    }

    fn split(name: &str, index: i32) -> Arc<SplitId> {
        Arc::new(SplitId { name: name.into(), index })
    }

    #[test]
    fn columns_follow_the_rows_that_are_left() {
        let mut pushed = Pushed::new(|metadata| metadata == Metadata::Timestamp);
        let (a, b) = (split("a-topic-with-a-long-name", 0), split("b", 7));
        push(&mut pushed, &a, 3, &[(1, &[]), (2, &[]), (3, &[])]);
        push(&mut pushed, &a, -1, &[(4, &[])]);
        push(&mut pushed, &b, 5, &[(5, &[]), (6, &[])]);
        // The first and the last two records, the last one twice.
        let sources = [0, 4, 5, 5];
        let place = pushed.place(&sources).unwrap();
        let column = |metadata| pushed.column(metadata, &place).unwrap();
        let topics = column(Metadata::Topic);
        let topics: Vec<&str> = topics.as_string_view().iter().flatten().collect();
        assert_eq!(topics, ["a-topic-with-a-long-name", "b", "b", "b"]);
        let numbers = |column: &Column| column.as_primitive::<Int32Type>().values().to_vec();
        assert_eq!(numbers(&column(Metadata::Partition)), [0, 7, 7, 7]);
        assert_eq!(numbers(&column(Metadata::LeaderEpoch)), [3, 5, 5, 5]);
        let times = column(Metadata::Timestamp);
        let times = times.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.values().to_vec(), [1000, 5000, 6000, 6000]);
        let unknown = [3];
        let place = pushed.place(&unknown).unwrap();
        assert!(pushed.column(Metadata::LeaderEpoch, &place).unwrap().is_null(0));
    }

    #[test]
    fn of_equal_headers_the_last_one_counts_however_many_there_are() {
        let keys: Vec<String> = (0..40).map(|n| format!("k{}", n % 20)).collect();
        let values: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let many: Vec<(&str, Option<&str>)> =
            keys.iter().zip(&values).map(|(key, value)| (key.as_str(), Some(&**value))).collect();
        let few = [("a", Some("1")), ("b", None), ("a", Some("2"))];
        let mut pushed =
            Pushed::new(|metadata| matches!(metadata, Metadata::Headers | Metadata::HeaderList));
        push(&mut pushed, &split("t", 0), 0, &[(0, &few), (0, &[]), (0, &many)]);
        for sources in [&[0, 1, 2][..], &[0, 2]] {
            let place = pushed.place(sources).unwrap();
            let maps = pushed.column(Metadata::Headers, &place).unwrap();
            let maps = maps.as_map();
            let first = maps.value(0);
            let keys = first.column(0).as_struct().column(0).as_string_view();
            let keys: Vec<&str> = keys.iter().flatten().collect();
            assert_eq!(keys, ["a", "b"]);
            let values = first.column(1).as_binary_view();
            assert!(values.is_null(1) && values.value(0) == b"2");
            let last = maps.value(maps.len() - 1);
            let values = last.column(1).as_binary_view();
            assert!(values.len() == 20 && values.iter().any(|value| value == Some(b"20")));
        }
    }

    #[test]
    fn a_list_has_every_header_in_its_order() {
        let mut pushed = Pushed::new(|metadata| metadata == Metadata::HeaderList);
        let headers = [("a", Some("1")), ("b", None), ("a", Some(""))];
        push(&mut pushed, &split("t", 0), 0, &[(0, &[]), (0, &headers)]);
        let sources = [1];
        let place = pushed.place(&sources).unwrap();
        let lists = pushed.column(Metadata::HeaderList, &place).unwrap();
        let list = lists.as_list::<i32>().value(0);
        let keys = list.as_struct().column(0).as_string_view().clone();
        assert_eq!(keys.iter().flatten().collect::<Vec<_>>(), ["a", "b", "a"]);
        let values = list.as_struct().column(1).as_binary_view().clone();
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(&b"1"[..]), None, Some(&b""[..])]);
    }
}
