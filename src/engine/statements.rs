//! SET, RESET, EXPLAIN, and what cannot be.

use super::catalog::Object;
use super::ddl::parts;
use super::session::Session;
use super::{execution_plan, expand};
use crate::base::{Error, ErrorKind, Result};
use crate::options::{Options, shown};
use crate::plan::{Rel, SETTINGS, Settings};
use crate::sql::ast::{self, CreateFunction, ExplainDetail, Statement};
use crate::sql::changelog::{SinkNeeds, modes};
use crate::table::Catalog as _;
use crate::types::ChangelogMode;
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Session {
    /// SET.
    pub(super) fn set_option(&mut self, set: &ast::Set) -> Result<()> {
        let Some(assignment) = &set.assignment else { return self.show_settings() };
        let key = &assignment.key.value;
        let value = expand::text(&assignment.value.value, self.missing())?;
        let mut options = self.options.clone();
        options.set(key, value, Some(assignment.span));
        Settings::read(&options)?;
        self.options = options;
        Settings::note(key, &self.config.warnings);
        Ok(())
    }

    /// RESET.
    pub(super) fn reset_option(&mut self, reset: &ast::Reset) -> Result<()> {
        match &reset.key {
            Some(key) => drop(self.options.remove(&key.value)),
            None => self.options = Options::default(),
        }
        Ok(())
    }

    fn show_settings(&self) -> Result<()> {
        // What is honoured and has a default is listed too, as in Flink's client.
        let mut rows: BTreeMap<&str, String> = SETTINGS
            .iter()
            .filter_map(|setting| Some((setting.key, setting.default?.to_owned())))
            .collect();
        rows.extend(
            self.options.iter().map(|(key, entry)| (key, shown(key, &entry.value).into_owned())),
        );
        let rows = rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]);
        self.print_table(&["key", "value"], &rows.collect::<Vec<_>>())
    }

    /// EXPLAIN: the plan as brooklet runs it, one line per step, the last step first.
    pub(super) fn explain(&mut self, explain: &ast::Explain) -> Result<()> {
        let Statement::CreateTable(create) = explain.statement.as_ref() else {
            return self.explain_statement(&explain.details, &explain.statement);
        };
        let name = self.catalog.resolve(&parts(&create.name));
        let (declared, insert) = self.planned(create, &name)?;
        let Some(insert) = insert else {
            return Err(Error::internal("EXPLAIN of a declaration alone"));
        };
        // The table is there while its INSERT is planned, and no longer.
        let before = self.catalog.swap(&name, Some(Object::Table(declared)));
        let explained =
            self.explain_statement(&explain.details, &Statement::Insert(Box::new(insert)));
        self.catalog.swap(&name, before);
        explained
    }

    fn explain_statement(&self, details: &[ExplainDetail], statement: &Statement) -> Result<()> {
        let changelog = details.contains(&ExplainDetail::ChangelogMode);
        let settings = Settings::read(&self.options)?;
        if settings.batch && details.contains(&ExplainDetail::PlanAdvice) {
            let message = "EXPLAIN PLAN_ADVICE is not supported under batch mode";
            return Err(Error::new(ErrorKind::Schema, message).at(statement.span()));
        }
        let binder = self.binder(&settings);
        let builder = self.builder(&settings, "explain");
        let mut plans: Vec<(Option<String>, Rel)> = Vec::new();
        let mut insert = |insert: &ast::Insert| -> Result<()> {
            let bound = binder.insert(insert)?;
            self.check_sink(&bound.table).map_err(|error| error.at(insert.table.span))?;
            let table = self.dev_broker_table(&bound.table);
            let needs = builder.sink_needs(&table, &bound.columns);
            let rel = self.dev_broker_rel(bound.rel);
            builder.check_target(&table, bound.columns, builder.is_insert_only(&rel))?;
            let rel = builder.resolve_changes(rel, &needs)?;
            builder.check_sources(&rel)?;
            plans.push((Some(needs.name), rel));
            Ok(())
        };
        match statement {
            Statement::Query(query) => {
                let rel = self.dev_broker_rel(binder.query(query)?);
                let rel = builder.resolve_changes(rel, &SinkNeeds::collect())?;
                builder.check_sources(&rel)?;
                plans.push((None, rel));
            }
            Statement::Insert(one) => insert(one)?,
            Statement::StatementSet(set) => set.inserts.iter().try_for_each(insert)?,
            other => {
                let what = format!("EXPLAIN of {}", other.kind());
                return Err(Error::unsupported(what).at(other.span()));
            }
        }
        let mut text = "== Plan ==\n".to_owned();
        let mut steps = String::new();
        for (target, rel) in &plans {
            let modes = modes(rel, &|table| builder.changes(table));
            let mut modes = modes.into_iter();
            let mut line = |line: &str, indent: &str, mode: Option<ChangelogMode>| {
                steps.extend([indent, line, "\n"]);
                let _infallible = match (changelog, line.strip_suffix(')'), mode) {
                    (true, Some(open), Some(mode)) => {
                        let open = open
                            .strip_suffix('(')
                            .map_or(format!("{open}, "), |open| format!("{open}("));
                        writeln!(text, "{indent}{open}changelogMode={mode})")
                    }
                    _ => writeln!(text, "{indent}{line}"),
                };
            };
            let mut indent = "";
            if let Some(target) = target {
                // A sink makes nothing.
                line(&format!("Sink(table=[{target}])"), "", Some(ChangelogMode::default()));
                indent = "  ";
            }
            rel.to_string().lines().for_each(|step| line(step, indent, modes.next()));
        }
        if details.contains(&ExplainDetail::JsonExecutionPlan) {
            text.push_str("\n== Physical Execution Plan ==\n");
            text.push_str(&execution_plan::json(&steps));
        }
        if details.contains(&ExplainDetail::EstimatedCost) {
            text.push_str("\n== Estimated Cost ==\nNone: a plan follows the statement, no costs are compared.\n");
        }
        if details.contains(&ExplainDetail::PlanAdvice) {
            text.push_str("\nNo available advice...\n");
        }
        self.print_text(&text)
    }
}

/// Functions of a user are classes for the JVM, or Python.
pub(super) fn no_functions(function: &CreateFunction) -> Error {
    Error::unsupported(format!(
        "CREATE FUNCTION ('{}' is code for the JVM or for Python, which cannot run here)",
        function.class.value
    ))
    .with_hint("SHOW FUNCTIONS lists the built-in functions")
    .at(function.span)
}
