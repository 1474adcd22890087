//! From bound plans to a job: scans shared, operators chained.

use super::open::Target;
use super::session::Session;
use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, Result};
use crate::exec::{Job, JobSink, JobStats, Output, Refusals, Scan};
use crate::expr::{EvalEnv, Expr, Shared};
use crate::ops::{
    BoundedColumn, DropUpdateBefore, Filter, NotNull, NotNullColumn, OperatorFactory, Project,
    SharedLimit, SharedSort, TypeLength, Unnest,
};
use crate::plan::{Rel, RestartStrategy, Settings, TypeLengthEnforcer};
use crate::sql::changelog::{self, SinkNeeds};
use crate::table::{
    Boundedness, Connector, Fingerprint, Format, Guarantee, JobContext, ScanRequest, TableDef,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Opens tables and puts jobs together.
#[derive(Debug)]
pub(super) struct JobBuilder<'a> {
    pub(super) connectors: &'a [Arc<dyn Connector>],
    pub(super) formats: &'a [Arc<dyn Format>],
    pub(super) settings: &'a Settings,
    pub(super) context: JobContext,
    pub(super) env: EvalEnv,
    /// Where the tables are that other tables name.
    pub(super) session: &'a Session,
}

/// A chain and the sink that its rows go to.
struct Fed {
    chain: Chain,
    /// Which of the job's sinks.
    sink: usize,
    /// What stands between the chain and the sink.
    guards: Vec<OperatorFactory>,
}

/// A plan taken apart: its scan and the steps above it, lowest first.
struct Chain {
    table: Arc<TableDef>,
    columns: Vec<usize>,
    predicate: Option<Expr>,
    steps: Vec<Step>,
}

#[derive(Clone)]
enum Step {
    Filter(Expr),
    Project(Vec<Expr>),
    /// Counts over all inputs of a UNION ALL below it.
    Limit(Arc<SharedLimit>),
    DropUpdateBefore,
    /// Of all inputs of a UNION ALL below it together.
    Sort(Arc<SharedSort>),
    Unnest {
        collection: Expr,
        outer: Option<Expr>,
        ordinality: bool,
    },
}

impl JobBuilder<'_> {
    /// The job of some plans, each with its target; those that read the same table with the same options share one scan.
    pub(super) fn job(
        &self,
        plans: Vec<(Rel, Target)>,
        keeps_progress: bool,
        fresh: bool,
    ) -> Result<Job> {
        let mut groups: Vec<Vec<Fed>> = Vec::new();
        let mut sinks = Vec::with_capacity(plans.len());
        let mut limited = false;
        for (rel, target) in plans {
            let (sink, guards) = (sinks.len(), self.guards(target.not_null, target.bounded));
            for chain in take_apart(rel) {
                limited |=
                    chain.steps.iter().any(|step| matches!(step, Step::Limit(_) | Step::Sort(_)));
                let fed = Fed { chain, sink, guards: guards.clone() };
                let same = |group: &&mut Vec<Fed>| {
                    group.first().is_some_and(|first| first.chain.table.is_same(&fed.chain.table))
                };
                match groups.iter_mut().find(same) {
                    Some(group) => group.push(fed),
                    None => groups.push(vec![fed]),
                }
            }
            sinks.push(JobSink { name: target.name, sink: target.sink });
        }
        let mut scans = Vec::with_capacity(groups.len());
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for group in groups {
            let mut scan = self.scan(group)?;
            let count = names.entry(scan.name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                scan.name = format!("{}.{count}", scan.name);
            }
            scans.push(scan);
        }
        if limited && keeps_progress {
            let line = "has a LIMIT or an ORDER BY: it keeps no progress, each start begins anew";
            self.context.warnings.info(&format!("job '{}' {line}", self.context.id));
        }
        let resumes = scans.iter().any(|scan| scan.source.resumes());
        let exact = sinks.iter().any(|to| to.sink.guarantee() == Guarantee::ExactlyOnce);
        let keeps_progress = keeps_progress && !limited && (resumes || exact);
        if self.context.shared {
            self.check_shared(&scans, limited, keeps_progress, fresh)?;
        }
        let parallelism = self.settings.parallelism;
        let mut context = self.context.clone();
        let targets = sinks.iter().flat_map(|to| to.sink.targets()).collect();
        context.identity.fingerprint.targets = Fingerprint::targets_of(targets);
        let scan_names = scans.iter().map(|scan| scan.name.clone()).collect();
        let stats = JobStats::new(self.context.id.clone(), scan_names);
        Ok(Job {
            context,
            recovered: None,
            scans,
            sinks,
            // How many rows a limit has let through, and what a sort holds, is not part of the progress: going on would
            // let through too many, or too few.
            // Without stored progress nobody can tell whether an exactly-once job's last commit came through.
            restart: match limited || (exact && !keeps_progress) {
                true => RestartStrategy::NONE,
                false => self.settings.restart,
            },
            workers: if limited { Some(1) } else { (parallelism > 1).then_some(parallelism) },
            keeps_progress,
            fresh,
            replays: !limited && (!exact || keeps_progress),
            refusals: Arc::new(Refusals::default()),
            stats: Arc::new(stats),
        })
    }

    /// Refuses what several processes cannot do together.
    fn check_shared(
        &self,
        scans: &[Scan],
        limited: bool,
        keeps_progress: bool,
        fresh: bool,
    ) -> Result<()> {
        let refuse = |what: &str, hint: &str| {
            let error = Error::unsupported(format!("'job.shared' with {what}"));
            Err(error.with_hint(hint))
        };
        let [scan] = scans else {
            return refuse(
                "several sources in one job",
                "make a job of each source, or run the job in one process",
            );
        };
        if limited {
            return refuse("a LIMIT or an ORDER BY", "its rows are counted in one process");
        }
        if !scan.source.shares() {
            let what = format!("source '{}'", scan.name);
            return refuse(&what, "partitions of Kafka topics can be shared");
        }
        if scan.source.boundedness() == Boundedness::Bounded {
            return refuse("a bounded source", "a process does not know when the others are done");
        }
        if !keeps_progress {
            return refuse(
                "a job that nobody can name again",
                "put the statements into a script, or SET 'pipeline.name'",
            );
        }
        if fresh {
            let reset = commands::job_reset(&self.context.id, SOME_BROKERS);
            let hint = format!("stop all of them and run \"{reset}\"");
            return refuse("--fresh: other processes may be at work", &hint);
        }
        Ok(())
    }

    fn scan(&self, mut group: Vec<Fed>) -> Result<Scan> {
        let shared = group.len() > 1;
        let mut columns: Vec<usize> =
            group.iter().flat_map(|fed| fed.chain.columns.clone()).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut predicate = None;
        if let [Fed { chain, .. }] = group.as_mut_slice() {
            columns.clone_from(&chain.columns);
            predicate = chain.predicate.clone();
        }
        let Some(table) = group.first().map(|fed| Arc::clone(&fed.chain.table)) else {
            return Err(Error::internal("a scan without outputs"));
        };
        let request = ScanRequest {
            columns: columns.clone(),
            predicate,
            parallelism: self.settings.parallelism,
        };
        let source = self.source(&table, request)?;
        self.check_end(&table, source.as_ref())?;
        let failures = self.failures(&table, source.as_ref())?;
        let applied = !shared && source.applies_predicate();
        let mut outputs = Vec::with_capacity(group.len());
        for Fed { mut chain, sink, guards } in group {
            if applied && chain.predicate.is_some() {
                // The filter stands directly above the scan, or above what leaves its old rows out.
                let first =
                    usize::from(matches!(chain.steps.first(), Some(Step::DropUpdateBefore)));
                let filter = chain.steps.get(first);
                if matches!(filter, Some(Step::Filter(of)) if chain.predicate.as_ref() == Some(of))
                {
                    chain.steps.remove(first);
                }
            }
            if shared {
                widen(&mut chain, &columns);
            }
            let steps =
                (0..chain.steps.len()).filter_map(|at| chain.steps.get(at..)?.split_first());
            let mut operators: Vec<OperatorFactory> =
                steps.map(|(step, above)| self.operator(step.clone(), above)).collect();
            operators.extend(guards);
            outputs.push(Output { operators, sink });
        }
        Ok(Scan { name: table.name.table.clone(), source, outputs, failures })
    }

    /// Holds rows to what a sink's columns declare.
    fn guards(
        &self,
        not_null: Vec<NotNullColumn>,
        bounded: Vec<BoundedColumn>,
    ) -> Vec<OperatorFactory> {
        let mut guards: Vec<OperatorFactory> = Vec::new();
        if !not_null.is_empty() {
            let drop = self.settings.drop_null_violations;
            guards.push(Arc::new(move || Box::new(NotNull::new(not_null.clone(), drop))));
        }
        if !bounded.is_empty() {
            let (fails, env) = (self.settings.type_length == TypeLengthEnforcer::Error, self.env);
            guards.push(Arc::new(move || Box::new(TypeLength::new(bounded.clone(), fails, env))));
        }
        guards
    }

    fn operator(&self, step: Step, above: &[Step]) -> OperatorFactory {
        let (env, time_moves) = (self.env, !self.settings.batch);
        match step {
            Step::Filter(condition) => {
                let conditions = Shared::new(condition.into_conjuncts());
                Arc::new(move || Box::new(Filter::new(conditions.clone(), env, time_moves)))
            }
            Step::Project(expressions) => {
                let expressions = Shared::new(expressions);
                Arc::new(move || Box::new(Project::new(expressions.clone(), env, time_moves)))
            }
            Step::Limit(limit) => Arc::new(move || Box::new(limit.operator())),
            Step::DropUpdateBefore => Arc::new(|| Box::new(DropUpdateBefore)),
            Step::Sort(sort) => Arc::new(move || Box::new(sort.operator())),
            Step::Unnest { collection, outer, ordinality } => {
                let read = columns_read(above);
                Arc::new(move || {
                    let (collection, outer, read) =
                        (collection.clone(), outer.clone(), read.clone());
                    Box::new(Unnest::new(collection, outer, ordinality, read, env, time_moves))
                })
            }
        }
    }

    /// Whether no row of a plan is updated or deleted.
    pub(super) fn is_insert_only(&self, rel: &Rel) -> bool {
        changelog::mode(rel, &|table| self.changes(table)).is_insert_only()
    }

    /// Checks the changes of a plan against its sink, and adds what the sink makes necessary.
    ///
    /// What is wrong with the options of a table that is read comes first: it may be the reason.
    pub(super) fn resolve_changes(&self, rel: Rel, sink: &SinkNeeds) -> Result<Rel> {
        let scans = scans(&rel);
        let resolved = changelog::resolve(rel, sink, self.settings, &|table| self.changes(table));
        if resolved.is_err() {
            self.open_scans(scans)?;
        }
        resolved
    }
}

/// The tables that a plan reads, with their columns.
pub(super) fn scans(rel: &Rel) -> Vec<(Arc<TableDef>, Vec<usize>)> {
    let mut scans = Vec::new();
    rel.scans(&mut |table, columns| scans.push((Arc::clone(table), columns.to_vec())));
    scans
}

/// The chains of a plan: one per scan, in the order of the plan's inputs.
fn take_apart(rel: Rel) -> Vec<Chain> {
    match rel {
        Rel::Scan { table, columns, predicate } => {
            vec![Chain { table, columns, predicate, steps: Vec::new() }]
        }
        Rel::Filter { input, condition } => above(*input, &Step::Filter(condition)),
        Rel::Project { input, expressions, .. } => above(*input, &Step::Project(expressions)),
        Rel::Limit { input, rows, offset } => {
            above(*input, &Step::Limit(Arc::new(SharedLimit::new(rows, offset))))
        }
        Rel::Sort { input, keys } => above(*input, &Step::Sort(Arc::new(SharedSort::new(keys)))),
        Rel::Unnest { input, collection, outer, ordinality, .. } => {
            above(*input, &Step::Unnest { collection, outer, ordinality })
        }
        Rel::DropUpdateBefore { input } => above(*input, &Step::DropUpdateBefore),
        Rel::Union { inputs, .. } => inputs.into_iter().flat_map(take_apart).collect(),
    }
}

/// The columns that some steps read of what they are given; `None` for all.
fn columns_read(steps: &[Step]) -> Option<Vec<usize>> {
    let mut read = Vec::new();
    for step in steps {
        match step {
            Step::Filter(condition) => read.extend(condition.columns_used()),
            Step::Limit(_) | Step::DropUpdateBefore => {}
            Step::Sort(_) | Step::Unnest { .. } => return None,
            Step::Project(expressions) => {
                read.extend(expressions.iter().flat_map(Expr::columns_used));
                return Some(read);
            }
        }
    }
    None
}

fn above(input: Rel, step: &Step) -> Vec<Chain> {
    let mut chains = take_apart(input);
    for chain in &mut chains {
        chain.steps.push(step.clone());
    }
    chains
}

/// Makes a chain that was bound to its own columns read the wider columns of a shared scan.
fn widen(chain: &mut Chain, columns: &[usize]) {
    let place: Vec<usize> = chain
        .columns
        .iter()
        .map(|column| columns.iter().position(|shared| shared == column).unwrap_or(0))
        .collect();
    let map = |expr: &Expr| expr.clone().move_columns(&|at| place.get(at).copied().unwrap_or(at));
    for at in 0..chain.steps.len() {
        match chain.steps.get_mut(at) {
            // Filters keep the columns: what is above them still refers to the scan.
            Some(Step::Filter(condition)) => *condition = map(condition),
            Some(Step::Limit(_) | Step::Sort(_) | Step::DropUpdateBefore) | None => {}
            // Its elements stand behind the columns that it was bound to.
            Some(Step::Unnest { .. }) => {
                let all = chain.table.schema().fields;
                let column = |(own, at): (&usize, &usize)| {
                    let data_type = all.get(*own).map(|field| field.data_type.clone());
                    data_type.map(|data_type| Expr::column(*at, data_type))
                };
                let columns = chain.columns.iter().zip(&place).filter_map(column).collect();
                chain.steps.insert(at, Step::Project(columns));
                return;
            }
            Some(Step::Project(expressions)) => {
                for expression in expressions.iter_mut() {
                    *expression = map(expression);
                }
                return;
            }
        }
    }
}
