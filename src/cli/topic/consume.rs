//! `brooklet topic consume`: kcat's consumer mode.

use super::format::{Format, Origin, unescape};
use super::start::{Bounds, Range, ranges};
use super::{json, wall_clock_millis};
use crate::base::{Error, ErrorKind};
use crate::cli::args::ConsumeArguments;
use crate::cli::cluster::output::Output;
use crate::cli::cluster::{Bell, Connection, Failure, STOP_POLL, chosen};
use brooklet_kafka::consumer::{Consumer, Fetched, FetchedPartition};
use brooklet_kafka::wire::compression::Decompressor;
use brooklet_kafka::wire::compression::limits::MAX_DECOMPRESSED_BYTES;
use brooklet_kafka::wire::records::{BatchError, TimestampType};
use brooklet_kafka::{Isolation, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How records are written.
#[derive(Debug)]
enum Style {
    Text(Format),
    Json,
}

impl Style {
    fn of(arguments: &ConsumeArguments) -> Result<Style, Failure> {
        Ok(match (&arguments.format, &arguments.key_delimiter) {
            _ if arguments.json => Style::Json,
            (Some(format), _) => Style::Text(Format::parse(format)?),
            (None, Some(delimiter)) => Style::Text(Format::key_and_value(&unescape(delimiter))),
            (None, None) => Style::Text(Format::value()),
        })
    }
}

/// A partition that is being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    end: i64,
    broker: i32,
}

/// Prints records until interrupted, or to the bounds that were given.
pub(super) fn consume(arguments: &ConsumeArguments) -> Result<(), Failure> {
    let bounds = Bounds::parse(&arguments.offset)?;
    let style = Style::of(arguments)?;
    let connection = Connection::open(&arguments.cluster)?;
    let topic = connection.topic(arguments.topic.name())?;
    let partitions = chosen(&topic, arguments.partition)?;
    let ranges = ranges(
        &connection,
        &topic.name,
        &partitions,
        bounds,
        arguments.exit_at_end,
        wall_clock_millis(),
    )?;
    let bell: Arc<Bell> = Arc::default();
    let config = connection.client.config();
    let mut printer = Printer {
        topic: Arc::clone(&topic.name),
        style,
        isolation: config.isolation,
        check_crcs: config.check_crcs,
        stop_at: bounds.stop_at.unwrap_or(i64::MAX),
        left: arguments.count.unwrap_or(u64::MAX),
        open: BTreeMap::new(),
        decompressor: Decompressor::new(),
        output: Output::stdout(),
    };
    let mut consumer = connection.client.consumer(bell.waker());
    let mut positions = Vec::new();
    for info in partitions {
        let Some(Range { start, end }) = ranges.get(&info.partition).copied() else { continue };
        let end = end.unwrap_or(i64::MAX);
        if start < end {
            positions.push((TopicPartition::new(Arc::clone(&topic.name), info.partition), start));
            printer.open.insert(info.partition, Open { end, broker: info.leader.unwrap_or(-1) });
        }
    }
    connection.watch_stdout()?;
    consumer.assign(&positions);
    let outcome = run(&connection, &mut consumer, &mut printer, &bell);
    // What was read before an error belongs to the reader.
    let flushed = printer.output.flush();
    outcome.and(flushed)
}

fn run(
    connection: &Connection,
    consumer: &mut Consumer,
    printer: &mut Printer,
    bell: &Bell,
) -> Result<(), Failure> {
    while printer.wants_more() && !connection.is_stopping() {
        match consumer.poll() {
            Some(Fetched::Data(data)) => {
                printer.print(&data)?;
                if !printer.open.contains_key(&data.partition.partition) {
                    consumer.unassign(std::slice::from_ref(&data.partition));
                }
            }
            Some(Fetched::Failed(failed)) => {
                return Err(failed
                    .error
                    .context(format_args!("partition {}", failed.partition))
                    .into());
            }
            None => {
                printer.output.flush()?;
                bell.wait(STOP_POLL);
            }
        }
    }
    Ok(())
}

/// Writes fetched records, batch by batch, from the fetched memory into the output's buffer.
#[derive(Debug)]
struct Printer {
    topic: Arc<str>,
    style: Style,
    isolation: Isolation,
    check_crcs: bool,
    /// Partitions end at the first record that is not older.
    stop_at: i64,
    /// Records that may still be written.
    left: u64,
    open: BTreeMap<i32, Open>,
    decompressor: Decompressor,
    output: Output,
}

impl Printer {
    fn wants_more(&self) -> bool {
        self.left > 0 && !self.open.is_empty()
    }

    fn print(&mut self, data: &FetchedPartition) -> Result<(), Failure> {
        let partition = data.partition.partition;
        let Some(open) = self.open.get(&partition).copied() else { return Ok(()) };
        if self.print_batches(data, open)? || data.next_offset >= open.end {
            self.open.remove(&partition);
        }
        Ok(())
    }

    /// Says whether a record behind the bounds was seen.
    fn print_batches(&mut self, data: &FetchedPartition, open: Open) -> Result<bool, Failure> {
        let damaged = |error: BatchError| {
            Failure::from(Error::new(
                ErrorKind::Data,
                format!("corrupt batch in partition {}: {error}", data.partition),
            ))
        };
        let mut batches = data.batches(self.isolation, self.check_crcs);
        while let Some(batch) = batches.next_batch(&mut self.decompressor) {
            let batch = batch?;
            let origin = Origin {
                topic: &self.topic,
                partition: data.partition.partition,
                broker: open.broker,
                log_append_time: batch.header().timestamp_type() == TimestampType::LogAppendTime,
            };
            let mut records =
                batch.records(&mut self.decompressor, MAX_DECOMPRESSED_BYTES).map_err(damaged)?;
            while let Some(record) = records.next_record() {
                let record = record.map_err(damaged)?;
                if record.offset < data.fetch_offset {
                    continue;
                }
                if record.offset >= open.end || record.timestamp >= self.stop_at {
                    return Ok(true);
                }
                if self.left == 0 {
                    return Ok(false);
                }
                self.left -= 1;
                match &self.style {
                    Style::Text(format) => format.write(&mut self.output.buffer, &origin, &record),
                    Style::Json => json::write(&mut self.output.buffer, &origin, &record),
                }
                self.output.spill()?;
            }
        }
        Ok(false)
    }
}
