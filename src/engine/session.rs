//! Running a script, statement by statement.

use super::catalog::MemoryCatalog;
use super::expand::{self, Missing};
use super::job::JobBuilder;
use super::machine::{self, MachineRows, ResultStyle};
use super::namesakes::Namesakes;
use super::namespaces;
use super::running::{Running, RunningJobs};
use super::statements;
use super::tableau;
use crate::base::{Error, ErrorKind, Result, Span};
use crate::exec::{Job, JobControl, JobEnd, JobStats};
use crate::expr::EvalEnv;
use crate::options::Options;
use crate::plan::Settings;
use crate::registry;
use crate::sql::ast::{self, Statement};
use crate::sql::binder::Binder;
use crate::sql::changelog::SinkNeeds;
use crate::sql::{ParseError, ParsedStatement, parse_script};
use crate::table::{
    Catalog as _, Connector, Format, JobContext, JobIdentity, JobParts, TableDef, WallClock,
    Warnings,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

/// Spreads the numbers of jobs over all bits of a seed (the golden ratio's, as in SplitMix64).
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Output of query results; standard output unless a program gives its own.
pub type Out = Arc<Mutex<dyn std::io::Write + Send>>;

/// Called with the name and statistics of each job that starts.
pub type OnJob = Arc<dyn Fn(&str, &Arc<JobStats>) + Send + Sync>;

/// What is done at the end of a job.
type AtEnd = Box<dyn FnOnce(&Result<JobEnd>) -> Result<()> + Send>;

/// Called with the name, statistics and outcome of each job that ended, and whether it keeps progress.
pub type OnEnd = Arc<dyn Fn(&str, &JobStats, &Result<JobEnd>, bool) + Send + Sync>;

/// What a session needs from its surroundings.
#[derive(Clone)]
pub struct SessionConfig {
    /// Name of the script, for job ids and messages.
    pub script: String,
    /// Statements that nobody can name again, typed or given on a command line: their jobs keep progress only where
    /// `pipeline.name` names them.
    pub unnamed: bool,
    /// Replaces `properties.bootstrap.servers` of every Kafka table, and lets sources create missing topics.
    pub dev_broker: Option<String>,
    /// Forget the progress of earlier runs.
    pub fresh: bool,
    /// Stops all jobs.
    pub control: JobControl,
    /// Takes status lines and warnings.
    pub warnings: Warnings,
    /// Takes query results.
    pub out: Out,
    /// Wall clock, milliseconds since 1970 UTC.
    pub now_millis: fn() -> i64,
    /// Seed of everything random.
    pub seed: u64,
    /// Sees the statistics of each job that starts.
    pub on_job: OnJob,
    /// Told how each job ended.
    pub on_end: OnEnd,
}

impl SessionConfig {
    /// For a program: results go to standard output, lines for people to standard error, and `script` names jobs.
    #[expect(clippy::disallowed_methods, reason = "the clock of programs that bring none")]
    pub fn new(script: &str) -> SessionConfig {
        let now_millis = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        SessionConfig {
            script: script.to_owned(),
            unnamed: false,
            dev_broker: None,
            fresh: false,
            control: JobControl::new(),
            // Where nobody listens there is nobody to tell.
            warnings: Warnings::to(|line| drop(writeln!(std::io::stderr(), "{line}"))),
            out: Arc::new(Mutex::new(std::io::stdout())),
            now_millis,
            seed: u64::try_from(now_millis()).unwrap_or(0) ^ u64::from(std::process::id()),
            on_job: Arc::new(|_, _| {}),
            on_end: Arc::new(|_, _, _, _| {}),
        }
    }

    /// Query results go to `out`.
    #[must_use]
    pub fn with_output(self, out: impl Write + Send + 'static) -> SessionConfig {
        SessionConfig { out: Arc::new(Mutex::new(out)), ..self }
    }
}

impl std::fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionConfig").field("script", &self.script).finish_non_exhaustive()
    }
}

/// A session: settings, catalog, running jobs.
#[derive(Debug)]
pub struct Session {
    pub(super) config: SessionConfig,
    pub(super) options: Options,
    pub(super) catalog: MemoryCatalog,
    pub(super) connectors: Vec<Arc<dyn Connector>>,
    formats: Vec<Arc<dyn Format>>,
    running: Vec<Running>,
    running_jobs: RunningJobs,
    jobs_named: BTreeMap<String, usize>,
    /// Jobs that were given a name.
    jobs_begun: u64,
    namesakes: Namesakes,
    /// Hash of the statement that runs.
    statement: u64,
    style: ResultStyle,
    header_first: bool,
    dry_run: bool,
}

impl Session {
    /// A session with the built-in connectors and formats.
    pub fn new(config: SessionConfig) -> Session {
        Session {
            config,
            options: Options::default(),
            catalog: MemoryCatalog::default(),
            connectors: registry::connectors(),
            formats: registry::formats(),
            running: Vec::new(),
            running_jobs: RunningJobs::default(),
            jobs_named: BTreeMap::new(),
            jobs_begun: 0,
            namesakes: Namesakes::default(),
            statement: 0,
            style: ResultStyle::Tableau,
            header_first: false,
            dry_run: false,
        }
    }

    /// What query results look like from now on.
    pub fn set_result_style(&mut self, style: ResultStyle) {
        self.style = style;
    }

    /// Results go to `out` from now on.
    pub fn print_to(&mut self, out: Out) {
        self.config.out = out;
    }

    /// Prints the head of a streaming result before its first row is there.
    pub fn print_header_first(&mut self) {
        self.header_first = true;
    }

    /// From now on statements are bound and tables opened, but no job is started. Nothing outside is contacted.
    pub fn only_check(&mut self) {
        self.dry_run = true;
    }

    /// What becomes of `${env:NAME}` where NAME is not set.
    pub(super) fn missing(&self) -> Missing {
        if self.dry_run { Missing::Stays } else { Missing::Fails }
    }

    /// What stops the jobs that are started from now on.
    pub fn set_control(&mut self, control: JobControl) {
        self.config.control = control;
    }

    /// Tables of the session with their columns, for completion.
    pub fn tables(&self) -> Vec<(String, Vec<String>)> {
        let columns = |table: &TableDef| table.columns.iter().map(|c| c.name.clone()).collect();
        self.catalog
            .names()
            .filter_map(|name| Some((name.table.clone(), columns(&*self.catalog.table(name)?))))
            .collect()
    }

    /// Names of the catalogs, and of the databases of the one in use, for completion.
    pub fn namespaces(&self) -> (Vec<String>, Vec<String>) {
        let (current, _) = self.catalog.current();
        let entry = self.catalog.catalogs.get(current);
        let databases = entry.map(|entry| entry.databases.keys().cloned().collect());
        (self.catalog.catalogs.keys().cloned().collect(), databases.unwrap_or_default())
    }

    /// The table that these parts name, as it was declared.
    pub fn table(&self, parts: &[String]) -> Option<Arc<TableDef>> {
        self.catalog.table(&self.catalog.resolve(parts))
    }

    /// The jobs that run now and later, for another thread.
    pub fn running_jobs(&self) -> RunningJobs {
        self.running_jobs.clone()
    }

    /// The name of the job that was started last and not yet awaited.
    pub fn last_job(&self) -> Option<&str> {
        self.running.last().map(|job| job.name.as_str())
    }

    /// Number of jobs that were started and not yet awaited.
    pub fn jobs(&self) -> usize {
        self.running.len()
    }

    /// Takes the jobs that have ended, with their names.
    pub fn ended_jobs(&mut self) -> Vec<(String, Result<JobEnd>)> {
        let all = std::mem::take(&mut self.running);
        let (ended, running) = all.into_iter().partition(|job| job.thread.is_finished());
        self.running = running;
        ended.into_iter().map(|job: Running| (job.name.clone(), job.join())).collect()
    }

    /// Asks all jobs to end.
    pub fn drain_jobs(&self) {
        for job in &self.running {
            job.control.drain();
        }
    }

    /// Adds a connector, in place of the one of the same name where there is one.
    pub fn register(&mut self, connector: Arc<dyn Connector>) {
        self.connectors.retain(|other| other.identifier() != connector.identifier());
        self.connectors.insert(0, connector);
    }

    /// Adds a format, in place of the one of the same name where there is one.
    pub fn register_format(&mut self, format: Arc<dyn Format>) {
        self.formats.retain(|other| other.identifier() != format.identifier());
        self.formats.insert(0, format);
    }

    /// Sets a session option.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.options.set(key, expand::text(value, self.missing())?, None);
        Settings::read(&self.options).map(|_| ())
    }

    /// Runs a script to the end of its jobs. The first failing statement ends it, as [`Session::end_jobs`] says; a failing
    /// job drains the others.
    pub fn run_script(&mut self, source: &str) -> Result<()> {
        let mut outcome = Ok(());
        let script = parse_script(source);
        self.namesakes = self.namesakes_in(&script);
        for statement in script {
            if self.config.control.is_draining() || leaves(&statement) {
                break;
            }
            outcome = self.run_statement(statement);
            if outcome.is_err() {
                break;
            }
        }
        self.end_jobs(outcome)
    }

    /// Waits for all jobs behind the statements that started them. Where one of those failed, jobs whose input ends run to
    /// that end, as they would on a Flink cluster; then the others are drained.
    pub fn end_jobs(&mut self, mut outcome: Result<()>) -> Result<()> {
        if outcome.is_err() {
            let all = std::mem::take(&mut self.running);
            let (ending, endless) = all.into_iter().partition(|job| job.bounded);
            self.running = ending;
            let names: Vec<&str> = self.running_names().collect();
            if !names.is_empty() {
                let line = match self.config.control.is_draining() {
                    true => "a job failed; the others end with what they have read",
                    false => "a statement failed; waiting for the end of bounded jobs that run",
                };
                self.config.warnings.info(&format!("{line}: {}", names.join(", ")));
            }
            outcome = self.await_jobs(outcome);
            self.running = endless;
            self.drain_jobs();
        }
        self.await_jobs(outcome)
    }

    /// Runs a script up to its INSERTs, and opens those as jobs with their names instead of running them: for programs
    /// that step jobs themselves, such as simulations. Refuses statements that would wait for a job.
    pub fn open_script(&mut self, source: &str) -> Result<Vec<(String, Job)>> {
        let mut jobs = Vec::new();
        let script = parse_script(source);
        self.namesakes = self.namesakes_in(&script);
        for parsed in script {
            let span = parsed.span;
            self.statement = parsed.hash;
            let statement = parsed.result.map_err(refused)?;
            let opened = match &statement {
                Statement::Insert(insert) => self.open(std::slice::from_ref(insert.as_ref())),
                Statement::StatementSet(set) => self.open(&set.inserts),
                Statement::Query(_) => {
                    Err(Error::unsupported("opening a query without running it"))
                }
                other => self.execute(other, span).map(|()| None),
            };
            jobs.extend(opened.map_err(|error| error.at(span))?.map(|(name, job, _)| (name, job)));
        }
        Ok(jobs)
    }

    /// Runs one statement. An INSERT is started and left running unless `table.dml-sync` is set; a query prints until it
    /// ends.
    pub fn run_statement(&mut self, parsed: ParsedStatement) -> Result<()> {
        let span = parsed.span;
        self.statement = parsed.hash;
        let statement = parsed.result.map_err(refused)?;
        self.execute(&statement, span).map_err(|error| error.at(span))
    }

    fn execute(&mut self, statement: &Statement, span: Span) -> Result<()> {
        match statement {
            Statement::Set(set) => self.set_option(set),
            Statement::Reset(reset) => self.reset_option(reset),
            Statement::CreateTable(create) => {
                let Some(insert) = self.create_table(create)? else { return Ok(()) };
                let inserted = self.insert(std::slice::from_ref(&insert), span);
                if inserted.is_err() {
                    self.forget_table(create);
                }
                inserted
            }
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateView(create) => self.create_view(create),
            Statement::AlterView(alter) => self.alter_view(alter),
            Statement::CreateDatabase(create) => self.create_database(create),
            Statement::AlterDatabase(alter) => self.alter_database(alter),
            Statement::CreateCatalog(create) => self.create_catalog(create),
            Statement::AlterCatalog(alter) => self.alter_catalog(alter),
            Statement::Drop(statement) => self.drop_object(statement),
            Statement::Use(statement) => self.use_object(statement),
            Statement::Describe(statement) => self.describe(statement),
            Statement::Explain(statement) => self.explain(statement),
            Statement::Insert(insert) => self.insert(std::slice::from_ref(insert.as_ref()), span),
            Statement::StatementSet(set) => self.insert(&set.inserts, span),
            Statement::Query(query) => self.select(query, span),
            Statement::Show(show) => self.show(show),
            Statement::Jar(jar) => {
                let what = if jar.remove { "REMOVE JAR" } else { "ADD JAR" };
                self.config.warnings.info(&format!(
                    "{what} does nothing here: connectors and formats are built in, and code for the JVM cannot run"
                ));
                Ok(())
            }
            Statement::StopJob(stop) => self.stop_job(stop),
            Statement::CreateFunction(function) => Err(statements::no_functions(function)),
            Statement::LoadModule(load) => Err(namespaces::no_module(&load.name)),
            // They end the script: nothing is to be said of them.
            Statement::Client(client) if ends_script(client) => Ok(()),
            Statement::Client(client) => {
                let command = client.command.name();
                self.config.warnings.info(&format!("{command} means something in the shell only"));
                Ok(())
            }
            Statement::Unsupported(unsupported) => Err(Error::unsupported(unsupported.kind)),
            other => Err(Error::unsupported(other.kind())),
        }
    }

    /// STOP JOB: what was read is drained and committed. A job's id is its name.
    fn stop_job(&self, stop: &ast::StopJob) -> Result<()> {
        let name = &stop.id.value;
        let Some(job) = self.running.iter().find(|job| job.name == *name) else {
            let names: Vec<&str> = self.running.iter().map(|job| job.name.as_str()).collect();
            let error = Error::new(ErrorKind::Schema, format!("no job '{name}' runs here"));
            let hint = match names.as_slice() {
                [] => "no job runs in this session".to_owned(),
                names => format!("these run: {}", names.join(", ")),
            };
            return Err(error.at(stop.id.span).with_hint(hint));
        };
        job.control.drain();
        Ok(())
    }

    fn insert(&mut self, inserts: &[ast::Insert], span: Span) -> Result<()> {
        let Some((name, mut job, settings)) = self.open(inserts)? else { return Ok(()) };
        let recovered = (!job.context.identity.namesakes.is_empty()).then(|| {
            let (held, recovered) = mpsc::channel();
            job.recovered = Some(held);
            recovered
        });
        self.start(name, job, span, None)?;
        // Where the progress under its name turns out to be another statement's, that one is not to begin under another
        // name, as a new one.
        if let Some(recovered) = recovered {
            let _ = recovered.recv();
        }
        if settings.dml_sync { self.await_last().map(|_| ()) } else { Ok(()) }
    }

    /// The job of some INSERTs, opened.
    fn open(&mut self, inserts: &[ast::Insert]) -> Result<Option<(String, Job, Settings)>> {
        if inserts.is_empty() {
            self.config.warnings.info("no statement in the statement set: nothing runs");
            return Ok(None);
        }
        let settings = Settings::read(&self.options)?;
        let binder = self.binder(&settings);
        let mut bound = Vec::with_capacity(inserts.len());
        for insert in inserts {
            let insert_bound = binder.insert(insert)?;
            self.check_sink(&insert_bound.table).map_err(|error| error.at(insert.table.span))?;
            bound.push(insert_bound);
        }
        let targets: BTreeSet<&str> =
            bound.iter().map(|insert| insert.table.name.table.as_str()).collect();
        let name = self.job_name(settings.pipeline_name.as_deref(), &targets);
        let identity = self.namesakes.identity(&name, self.statement);
        let name = self.begin_job(name);
        let mut builder = self.builder(&settings, &name);
        builder.context.identity = identity;
        let mut plans = Vec::with_capacity(bound.len());
        for insert in bound {
            let table = self.dev_broker_table(&insert.table);
            let needs = builder.sink_needs(&table, &insert.columns);
            // As in Flink, a wrong option of the target is said before what its rows would need.
            let rel = self.dev_broker_rel(insert.rel);
            let target = builder.sink(&table, insert.columns, builder.is_insert_only(&rel))?;
            let rel = builder.resolve_changes(rel, &needs)?;
            plans.push((rel, target));
        }
        let keeps_progress = !self.config.unnamed || settings.pipeline_name.is_some();
        let job = builder.job(plans, keeps_progress, self.config.fresh)?;
        Ok(Some((name, job, settings)))
    }

    fn select(&mut self, query: &ast::Query, span: Span) -> Result<()> {
        // A query of one's own is nobody else's job.
        let settings = Settings { shared: false, ..Settings::read(&self.options)? };
        let rel = self.binder(&settings).query(query)?;
        // Nor does it take `pipeline.name` from the job that keeps its progress under it.
        let name = settings.pipeline_name.as_deref().unwrap_or_else(|| self.script_name());
        let name = self.begin_job(format!("{name}.collect"));
        let builder = self.builder(&settings, &name);
        let rel = builder.resolve_changes(self.dev_broker_rel(rel), &SinkNeeds::collect())?;
        let out = Arc::clone(&self.config.out);
        if !self.dry_run {
            // Whoever reads is watched from here on, not from the first row.
            let flushed = out.lock().unwrap_or_else(PoisonError::into_inner).flush();
            flushed.map_err(cannot_print)?;
        }
        let rel = machine::printable(rel, self.style, settings.time_zone);
        if self.style != ResultStyle::Tableau {
            let with_op = !settings.batch;
            let rows =
                MachineRows::new(self.style, out, rel.schema(), with_op, settings.time_zone)?;
            let mut job = builder.job(vec![(rel, rows.target())], false, false)?;
            job.workers = job.workers.or(Some(1));
            if !self.dry_run {
                rows.head()?;
            }
            self.start(name, job, span, None)?;
            return self.await_last().map(|_| ());
        }
        let fields = rel.schema().fields;
        let printer = tableau::printer(&fields, out, &settings);
        let mut job = builder.job(vec![(rel, printer.target())], false, false)?;
        job.workers = job.workers.or(Some(1));
        if self.dry_run {
            return Ok(());
        }
        if self.header_first {
            printer.begin()?;
        }
        // The table ends before anything is said of its job.
        let below: AtEnd = Box::new(move |end| printer.finish(end.as_ref().ok().copied()));
        self.start(name, job, span, Some(below))?;
        self.await_last().map(|_| ())
    }

    /// The session options.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Binds against the session's catalog.
    pub(super) fn binder<'a>(&'a self, settings: &Settings) -> Binder<'a> {
        Binder::new(&self.catalog)
            .with_views(&self.catalog)
            .with_time_zone(settings.time_zone)
            .with_legacy_cast(settings.legacy_cast)
            .with_option_hints(settings.option_hints)
            .with_batch(settings.batch)
    }

    /// Names of the jobs that were started and not yet awaited.
    pub(super) fn running_names(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(|job| job.name.as_str())
    }

    pub(super) fn builder<'a>(&'a self, settings: &'a Settings, name: &str) -> JobBuilder<'a> {
        let now_millis = (self.config.now_millis)();
        let pairs = self.options.iter().map(|(key, entry)| (key.to_owned(), entry.value.clone()));
        JobBuilder {
            connectors: &self.connectors,
            formats: &self.formats,
            settings,
            context: JobContext {
                id: name.to_owned(),
                identity: JobIdentity::default(),
                checkpoint_interval: settings.checkpoint_interval,
                shared: settings.shared,
                create_missing_topics: self.config.dev_broker.is_some(),
                // Each job has numbers of its own; those of the first are the session's.
                seed: self.config.seed ^ self.jobs_begun.saturating_sub(1).wrapping_mul(SEED_STEP),
                started_at_millis: now_millis,
                wall_clock: WallClock::new(self.config.now_millis),
                time_zone: settings.time_zone,
                warnings: self.config.warnings.clone(),
                settings: Arc::new(pairs.collect()),
                parts: JobParts::default(),
            },
            env: EvalEnv {
                time_zone: settings.time_zone,
                now_micros: now_millis.saturating_mul(1000),
            },
            session: self,
        }
    }

    /// `pipeline.name`, else script and target tables, in whatever order they are written to.
    pub(super) fn job_name(&self, pipeline: Option<&str>, targets: &BTreeSet<&str>) -> String {
        if let Some(name) = pipeline {
            return name.to_owned();
        }
        let targets: Vec<&str> = targets.iter().copied().collect();
        format!("{}.{}", self.script_name(), targets.join("+"))
    }

    fn script_name(&self) -> &str {
        let script = std::path::Path::new(&self.config.script);
        script.file_stem().and_then(|stem| stem.to_str()).unwrap_or("script")
    }

    /// A second job of the same name gets a number.
    fn begin_job(&mut self, name: String) -> String {
        self.jobs_begun += 1;
        let count = self.jobs_named.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}.{count}") }
    }

    pub(super) fn dev_broker_table(&self, table: &Arc<TableDef>) -> Arc<TableDef> {
        match &self.config.dev_broker {
            Some(bootstrap) if table.connector().is_some_and(is_kafka) => {
                let mut changed = (**table).clone();
                changed.options.set("properties.bootstrap.servers", bootstrap, None);
                Arc::new(changed)
            }
            _ => Arc::clone(table),
        }
    }

    pub(super) fn dev_broker_rel(&self, mut rel: crate::plan::Rel) -> crate::plan::Rel {
        rel.map_tables(&|table| self.dev_broker_table(table));
        rel
    }

    /// Starts a job; `at_end` is done before its end is told.
    fn start(
        &mut self,
        name: String,
        mut job: Job,
        span: Span,
        at_end: Option<AtEnd>,
    ) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        let bounded = job.is_bounded();
        (self.config.on_job)(&name, &job.stats);
        let config = self.config.clone();
        let (started, control) = (name.clone(), config.control.clone());
        let registered = self.running_jobs.start(&control);
        let thread = std::thread::Builder::new()
            .name(format!("job-{name}"))
            .spawn(move || {
                let warnings = config.warnings.clone();
                let mut end = crate::exec::run(&mut job, &config.control, &mut |line| {
                    warnings.info(&format!("job '{name}': {line}"));
                });
                if let Some(Err(error)) = at_end.map(|at_end| at_end(&end)) {
                    end = end.and(Err(error));
                }
                (config.on_end)(&name, &job.stats, &end, job.keeps_progress);
                if end.is_err() {
                    config.control.drain();
                }
                drop(registered);
                end
            })
            .map_err(|error| {
                Error::new(ErrorKind::External, format!("cannot start a thread: {error}"))
            })?;
        self.running.push(Running { name: started, control, thread, span, bounded });
        Ok(())
    }

    /// Waits for the job that was started last; the others go on.
    fn await_last(&mut self) -> Result<JobEnd> {
        self.running.pop().map_or(Ok(JobEnd::Finished), Running::join)
    }

    /// Waits for all jobs. The first failure counts, that of `outcome` before all others; of those it is told here.
    fn await_jobs(&mut self, mut outcome: Result<()>) -> Result<()> {
        for running in self.running.drain(..) {
            let name = running.name.clone();
            let Err(error) = running.join() else { continue };
            match &outcome {
                Ok(()) => outcome = Err(error),
                // What several failed of, such as a closed pipe, is said once.
                Err(first) if first.to_string() == error.to_string() => {}
                Err(_) => self.config.warnings.warn(&format!("job '{name}' failed: {error}")),
            }
        }
        outcome
    }

    /// Prints a text of several lines: as it is for people, as the one value of a row for programs.
    pub(super) fn print_text(&self, text: &str) -> Result<()> {
        if self.style != ResultStyle::Tableau {
            return self.print_table(&["result"], &[vec![text.to_owned()]]);
        }
        self.print_out(text)
    }

    /// Nothing is printed by a session that only checks.
    fn print_out(&self, text: &str) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        let mut out = self.config.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes()).map_err(cannot_print)
    }

    pub(super) fn print_table(&self, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        if self.style != ResultStyle::Tableau {
            return machine::texts(self.style, &self.config.out, header, rows);
        }
        self.print_out(&tableau::table(header, rows))
    }
}

fn refused(error: ParseError) -> Error {
    let refused = Error::new(ErrorKind::Syntax, error.message).at(error.span);
    match error.hint {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    }
}

/// Whether a connector's tables are topics.
fn is_kafka(connector: &str) -> bool {
    matches!(connector, "kafka" | "upsert-kafka")
}

/// Whether a statement ends the script.
fn leaves(parsed: &ParsedStatement) -> bool {
    matches!(&parsed.result, Ok(Statement::Client(client)) if ends_script(client))
}

fn ends_script(client: &ast::Client) -> bool {
    matches!(client.command, ast::ClientCommand::Quit | ast::ClientCommand::Exit)
}

fn cannot_print(error: std::io::Error) -> Error {
    Error::new(ErrorKind::External, format!("cannot print: {error}"))
}
