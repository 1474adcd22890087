//! A worker: reads its splits, runs the operators, writes, to completion per batch.

use super::failure::{fail_on_records, fail_on_rows};
use super::job::Output;
use super::message::{Command, Mailbox, Positions, Report};
use super::rejects::{Rejects, Stage};
use super::stats::{JobStats, Totals};
use crate::base::{Error, Result};
use crate::ops::Operator;
use crate::table::{Epoch, Polled, Reader, WallClock, Writer, WriterStatus};
use crate::types::{Batch, RowErrors};
use std::sync::Arc;
use std::time::Duration;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something was done; step again.
    Busy,
    /// Nothing to do until woken, or until the time given.
    Idle(Option<Duration>),
    /// The thread may end.
    Done,
}

/// One worker. `step` never blocks.
#[derive(Debug)]
pub(super) struct Worker {
    index: usize,
    scans: Vec<WorkerScan>,
    sinks: Vec<WorkerSink>,
    commands: Arc<Mailbox<Command>>,
    reports: Arc<Mailbox<Report>>,
    stats: Arc<JobStats>,
    /// Scan to poll next, so that a busy one cannot starve the others.
    next_scan: usize,
    reading: bool,
    flushed: Epoch,
    barrier: Epoch,
    unflushed: bool,
    satisfied: bool,
    errors: RowErrors,
    wall_clock: WallClock,
}

/// One scan's reader and the outputs it feeds.
#[derive(Debug)]
pub(super) struct WorkerScan {
    reader: Box<dyn Reader>,
    outputs: Vec<WorkerOutput>,
    rejects: Rejects,
}

/// One chain of operators and the sink that it ends in.
#[derive(Debug)]
struct WorkerOutput {
    operators: Vec<Box<dyn Operator>>,
    sink: usize,
}

/// One sink's writer, which every chain of operators that ends in the sink shares.
#[derive(Debug)]
pub(super) struct WorkerSink {
    name: String,
    writer: Box<dyn Writer>,
    /// Whether the writer goes on behind rows that cannot be written.
    tolerant: bool,
}

impl WorkerScan {
    pub(super) fn new(
        mut reader: Box<dyn Reader>,
        outputs: &[Output],
        rejects: Rejects,
    ) -> WorkerScan {
        if rejects.tolerate() {
            reader.tolerate(rejects.keep());
        }
        let outputs = outputs.iter().map(|output| WorkerOutput {
            operators: output.operators.iter().map(|factory| factory()).collect(),
            sink: output.sink,
        });
        WorkerScan { reader, outputs: outputs.collect(), rejects }
    }

    fn feeds(&self, sink: usize) -> bool {
        self.outputs.iter().any(|output| output.sink == sink)
    }
}

impl WorkerSink {
    pub(super) fn new(name: &str, writer: Box<dyn Writer>) -> WorkerSink {
        WorkerSink { name: name.to_owned(), writer, tolerant: false }
    }
}

impl WorkerOutput {
    fn satisfied(&self) -> bool {
        self.operators.iter().any(|operator| operator.satisfied())
    }
}

impl Worker {
    pub(super) fn new(
        index: usize,
        scans: Vec<WorkerScan>,
        mut sinks: Vec<WorkerSink>,
        commands: Arc<Mailbox<Command>>,
        reports: Arc<Mailbox<Report>>,
        stats: Arc<JobStats>,
        wall_clock: WallClock,
    ) -> Worker {
        for (at, sink) in sinks.iter_mut().enumerate() {
            if scans.iter().any(|scan| scan.rejects.tolerate() && scan.feeds(at)) {
                sink.tolerant = sink.writer.tolerate();
            }
        }
        Worker {
            index,
            scans,
            sinks,
            commands,
            reports,
            stats,
            next_scan: 0,
            reading: true,
            flushed: 0,
            barrier: 0,
            unflushed: false,
            satisfied: false,
            errors: RowErrors::new(),
            wall_clock,
        }
    }

    /// One unit of work. A failure is reported to the coordinator and ends the worker.
    pub(super) fn step(&mut self, now: Duration) -> Step {
        match self.try_step(now) {
            Ok(step) => step,
            Err(error) => {
                self.publish();
                self.note_refused();
                self.reports.send(Report::Failed { error });
                Step::Done
            }
        }
    }

    fn try_step(&mut self, now: Duration) -> Result<Step> {
        while let Some(command) = self.commands.take() {
            if let Command::Stop = command {
                self.publish();
                self.note_refused();
                return Ok(Step::Done);
            }
            self.command(command)?;
        }
        let (ready, wake_at) = self.poll_writers(now)?;
        if !ready || !self.reading || self.satisfied {
            return Ok(Step::Idle(wake_at));
        }
        for _ in 0..self.scans.len() {
            let index = self.next_scan % self.scans.len();
            self.next_scan = index + 1;
            if self.poll_scan(index, now)? {
                return Ok(Step::Busy);
            }
        }
        // The mailbox ran empty: partial batches go out now instead of waiting for more rows.
        if std::mem::take(&mut self.unflushed) {
            self.flush()?;
            self.publish();
            return Ok(Step::Busy);
        }
        let deadlines = self.scans.iter().filter_map(|scan| scan.reader.next_deadline());
        Ok(Step::Idle(deadlines.chain(wake_at).min()))
    }

    fn command(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Assign { scan, splits } => match self.scans.get_mut(scan) {
                Some(scan) => scan.reader.assign(splits),
                None => Ok(()),
            },
            Command::Barrier { epoch, last } => {
                self.reading &= !last;
                self.barrier = epoch;
                let mut positions: Vec<Positions> = Vec::with_capacity(self.scans.len());
                for scan in &mut self.scans {
                    let mut of_scan = Positions::new();
                    scan.reader.positions(&mut of_scan);
                    positions.push(of_scan);
                    if last {
                        for output in &mut scan.outputs {
                            let errors = &mut self.errors;
                            let now = self.wall_clock.micros();
                            let rejects = &mut scan.rejects;
                            finish_output(output, &mut self.sinks, now, errors, rejects)?;
                        }
                    }
                }
                for writer in self.writers() {
                    if last {
                        writer.finish();
                    }
                    writer.barrier(epoch)?;
                }
                self.unflushed = false;
                self.publish();
                self.stats.cut(self.index, epoch);
                self.reports.send(Report::Barrier { epoch, positions });
                Ok(())
            }
            Command::Stop => Ok(()),
        }
    }

    /// The attempt is over: what the brokers refused of it is kept in mind, whoever noticed first that it failed. In a
    /// transaction all writers fail because of one of them.
    pub(super) fn note_refused(&mut self) {
        for (at, sink) in self.sinks.iter_mut().enumerate() {
            let (refused, learned) = (sink.writer.refused(), sink.writer.has_learned());
            for scan in self.scans.iter().filter(|scan| scan.feeds(at)) {
                scan.rejects.note_refused(at, &refused, learned);
            }
        }
    }

    /// Looks for acknowledgements; says whether all writers take more rows, and when to look again.
    fn poll_writers(&mut self, now: Duration) -> Result<(bool, Option<Duration>)> {
        let mut ready = true;
        let mut wake_at: Option<Duration> = None;
        let mut acknowledged = Epoch::MAX;
        let mut take = |status: WriterStatus| {
            ready &= status.ready;
            wake_at = [wake_at, status.wake_at].into_iter().flatten().min();
            acknowledged = acknowledged.min(status.acknowledged);
        };
        for sink in &mut self.sinks {
            take(sink.writer.poll(now)?);
        }
        for scan in &mut self.scans {
            if let Some(writer) = scan.rejects.writer() {
                take(writer.poll(now).map_err(|error| error.context("the log of failed records"))?);
            }
        }
        let flushed = acknowledged.min(self.barrier);
        if flushed > self.flushed {
            self.flushed = flushed;
            self.publish();
            self.reports.send(Report::Flushed { epoch: flushed });
        }
        Ok((ready, wake_at))
    }

    /// Polls one reader; says whether it had something.
    fn poll_scan(&mut self, index: usize, now: Duration) -> Result<bool> {
        let Some(scan) = self.scans.get_mut(index) else { return Ok(false) };
        self.errors.clear();
        let polled = scan.reader.poll(now, &mut self.errors)?;
        let rejects = &mut scan.rejects;
        let (failed, rejected) = match rejects.tolerate() {
            true => (Ok(()), rejects.records(scan.reader.as_ref(), &self.errors)),
            // What came before a bad record is written first, as in Flink.
            false => (fail_on_records(&self.errors), false),
        };
        let mut rows = false;
        match polled {
            Polled::Idle if failed.is_ok() && !rejected => return Ok(false),
            Polled::Idle | Polled::CaughtUp(_) => {}
            Polled::Ended(_) => self.reports.send(Report::Ended { scan: index }),
            Polled::Anew(split) => rejects.forget(&split),
            Polled::Gone(split) => self.reports.send(Report::Gone { scan: index, split }),
            Polled::Data(batch) if batch.rows == 0 => {}
            Polled::Data(batch) => {
                rows = true;
                let now = self.wall_clock.micros();
                let last = scan.outputs.len().saturating_sub(1);
                for output in scan.outputs.iter_mut().take(last) {
                    feed(output, batch.clone(), &mut self.sinks, now, &mut self.errors, rejects)?;
                }
                if let Some(output) = scan.outputs.last_mut() {
                    feed(output, batch, &mut self.sinks, now, &mut self.errors, rejects)?;
                }
            }
        }
        let logged = rejects.write(scan.reader.as_ref(), &mut self.errors)?;
        self.unflushed |= rows || logged;
        if rows && !self.satisfied {
            let mut outputs = self.scans.iter().flat_map(|scan| &scan.outputs);
            if outputs.all(WorkerOutput::satisfied) {
                self.satisfied = true;
                self.reports.send(Report::Satisfied);
            }
        }
        if failed.is_err() && !self.satisfied {
            self.flush()?;
            failed?;
        }
        Ok(true)
    }

    /// All writers, those of the logs last.
    fn writers(&mut self) -> impl Iterator<Item = &mut Box<dyn Writer>> {
        let logs = self.scans.iter_mut().filter_map(|scan| scan.rejects.writer());
        self.sinks.iter_mut().map(|sink| &mut sink.writer).chain(logs)
    }

    fn flush(&mut self) -> Result<()> {
        self.writers().try_for_each(|writer| writer.flush())
    }

    fn publish(&self) {
        let mut totals = Totals::default();
        let mut lags = Vec::with_capacity(self.scans.len());
        for scan in &self.scans {
            let source = scan.reader.stats();
            lags.push(source.lag);
            totals.add(Totals { source, ..Totals::default() });
            totals.rejected += scan.rejects.count();
        }
        for sink in &self.sinks {
            totals.add(Totals { sink: sink.writer.stats(), ..Totals::default() });
        }
        self.stats.publish(self.index, totals, lags);
    }
}

/// Writes what the operators have held back until now.
fn finish_output(
    output: &mut WorkerOutput,
    sinks: &mut [WorkerSink],
    now_micros: i64,
    errors: &mut RowErrors,
    rejects: &mut Rejects,
) -> Result<()> {
    for at in 0..output.operators.len() {
        let held = output.operators.get_mut(at).map_or(Ok(Vec::new()), |op| op.finish())?;
        for batch in held {
            run_output(output, at + 1, batch, sinks, now_micros, errors, rejects)?;
        }
    }
    Ok(())
}

/// Runs a batch through an output, without the records that an earlier attempt could not write to its sink.
fn feed(
    output: &mut WorkerOutput,
    batch: Batch,
    sinks: &mut [WorkerSink],
    now_micros: i64,
    errors: &mut RowErrors,
    rejects: &mut Rejects,
) -> Result<()> {
    let name = sinks.get(output.sink).map_or("", |sink| sink.name.as_str());
    let rows = rejects.divert_refused(batch, output.sink, name)?;
    run_output(output, 0, rows, sinks, now_micros, errors, rejects)
}

/// Runs the operators from the `first` on over a batch and writes what comes out. A failed row fails the job once the
/// rows before it are written, as in Flink, or is left out.
fn run_output(
    output: &mut WorkerOutput,
    first: usize,
    mut batch: Batch,
    sinks: &mut [WorkerSink],
    now_micros: i64,
    errors: &mut RowErrors,
    rejects: &mut Rejects,
) -> Result<()> {
    let Some(sink) = sinks.get_mut(output.sink) else {
        return Err(Error::internal("an output without a sink"));
    };
    let mut outcome = Ok(());
    for (at, operator) in output.operators.iter_mut().skip(first).enumerate() {
        errors.clear();
        operator.advance(now_micros);
        let mut rows = operator.batch(&batch, errors)?;
        // What a fetch brings together says nothing about a record.
        if errors.are_crowded()
            && let Some(halves) = batch.halves()?
        {
            for half in halves {
                run_output(output, first + at, half, sinks, now_micros, errors, rejects)?;
            }
            if outcome.is_err()
                && let Some(sink) = sinks.get_mut(output.sink)
            {
                sink.writer.flush()?;
            }
            return outcome;
        }
        while !errors.is_empty() && rejects.take(&batch) {
            batch = rejects.rows(&batch, errors, Stage::Compute, &sink.name)?;
            errors.clear();
            rows = operator.batch(&batch, errors)?;
        }
        if let Some(bad) = errors.kept().iter().map(|failed| failed.row).min() {
            // Of two operators the later one failed at the earlier row: it got only what is before the other's.
            outcome = fail_on_rows(&batch, errors, &format!("computing rows for '{}'", sink.name));
            let before: Vec<u32> = (0..u32::try_from(bad).unwrap_or(0)).collect();
            errors.clear();
            rows = operator.batch(&batch.select(&before)?, errors)?;
        }
        batch = rows;
        if batch.rows == 0 {
            return outcome;
        }
    }
    errors.clear();
    sink.writer.write(&batch, errors)?;
    while !errors.is_empty() && sink.tolerant && rejects.take(&batch) {
        batch = rejects.rows(&batch, errors, Stage::Write, &sink.name)?;
        errors.clear();
        sink.writer.write(&batch, errors)?;
    }
    if !errors.is_empty() {
        outcome = fail_on_rows(&batch, errors, &format!("writing to '{}'", sink.name));
    }
    if outcome.is_err() {
        sink.writer.flush()?;
    }
    outcome
}
