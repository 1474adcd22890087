//! `brooklet check`: every error of some scripts, without running them.

mod brokers;

use super::args::{CheckArguments, ReportFormat};
use super::exit::Exit;
use super::host::{self, Jobs, Setup};
use super::source::Source;
use super::status::{colour, colour_stdout, say};
use super::topic::json::string;
use crate::base::{Error, ErrorKind, LineIndex};
use crate::engine::{LOG_TARGET, Session};
use crate::exec::JobControl;
use crate::sql::ast::Statement;
use crate::sql::{ParsedStatement, Symbol, Token, TokenKind, parse_script, tokenize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

/// What is said of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Syntax,
    Invalid,
    Unsupported,
}

impl Verdict {
    fn of(error: &Error) -> Verdict {
        match error.kind() {
            ErrorKind::Syntax => Verdict::Syntax,
            ErrorKind::Unsupported => Verdict::Unsupported,
            // A property of the client that is known and not there yet.
            ErrorKind::Option if error.message().contains("not supported yet") => {
                Verdict::Unsupported
            }
            _ => Verdict::Invalid,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Syntax => "syntax",
            Verdict::Invalid => "invalid",
            Verdict::Unsupported => "unsupported",
        }
    }
}

/// A statement and what is wrong with it.
#[derive(Debug)]
struct Checked {
    kind: &'static str,
    /// First byte of the error's place, else of the statement.
    at: u32,
    verdict: Verdict,
    error: Option<Error>,
}

/// Nobody reads the report any more.
#[derive(Debug)]
struct Closed;

/// Checks scripts, each in a session of its own.
pub(super) fn check(arguments: &CheckArguments) -> Exit {
    let mut exit = Exit::Done;
    for script in &arguments.scripts {
        match check_script(script, arguments) {
            Ok(Exit::Done) => {}
            // A script that cannot be read counts more than one that is wrong.
            Ok(found) => exit = if exit == Exit::Usage { exit } else { found },
            Err(Closed) => return exit,
        }
    }
    exit
}

fn check_script(script: &str, arguments: &CheckArguments) -> Result<Exit, Closed> {
    let text = match host::read(script) {
        Ok(text) => text,
        Err(exit) => return Ok(exit),
    };
    let name = if script == "-" { "stdin" } else { script };
    let mut source = Source::default();
    source.add(name, &text);
    let mut session = host::session(&Setup {
        script: name,
        unnamed: false,
        fresh: false,
        dev_broker: None,
        control: &JobControl::new(),
        jobs: &Jobs::default(),
        only_check: true,
        closed_stdout_drains: false,
    });
    for (key, value) in &arguments.options {
        if let Err(error) = session.set(key, value) {
            say(source.explain(&error, colour()).trim_end());
            return Ok(Exit::from(&error));
        }
    }
    let checked = Checker::new(&text).check(&mut session);
    let report = match arguments.format {
        ReportFormat::Json => json(name, &text, &checked),
        ReportFormat::Text => people(name, &source, &checked),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&report).and_then(|()| out.flush()).map_err(|_| Closed)?;
    drop(out);
    if !arguments.offline {
        brokers::look(&session);
    }
    let refused = checked.iter().any(|statement| statement.verdict != Verdict::Ok);
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// Walks over a script and remembers what could not be created: what uses it has no error of its own.
struct Checker<'a> {
    text: &'a str,
    lines: LineIndex,
    missing: BTreeMap<String, (usize, Verdict)>,
    /// What was said already.
    told: BTreeSet<String>,
    /// Tables whose log of failed records is not there, by the number of their statement: it may be created behind them.
    without_log: Vec<(usize, u32, Vec<String>)>,
}

impl Checker<'_> {
    fn new(text: &str) -> Checker<'_> {
        Checker {
            text,
            lines: LineIndex::new(text),
            missing: BTreeMap::new(),
            told: BTreeSet::new(),
            without_log: Vec::new(),
        }
    }

    fn check(&mut self, session: &mut Session) -> Vec<Checked> {
        let mut all = Vec::new();
        for (number, parsed) in parse_script(self.text).into_iter().enumerate() {
            all.push(self.statement(session, number, parsed));
        }
        for (number, at, parts) in std::mem::take(&mut self.without_log) {
            if let Some(checked) = all.get_mut(number)
                && session.check_table(&parts).is_ok()
            {
                *checked = Checked { kind: checked.kind, at, verdict: Verdict::Ok, error: None };
            }
        }
        all
    }

    fn statement(
        &mut self,
        session: &mut Session,
        number: usize,
        parsed: ParsedStatement,
    ) -> Checked {
        let (kind, span) = (parsed.kind, parsed.span);
        let created = created(span.text(self.text));
        let table = match &parsed.result {
            Ok(Statement::CreateTable(create)) => {
                Some(create.name.parts.iter().map(|part| part.value.clone()).collect::<Vec<_>>())
            }
            _ => None,
        };
        let outcome = session
            .run_statement(parsed)
            .and_then(|()| {
                table.map_or(Ok(()), |parts| {
                    let checked = session.check_table(&parts);
                    if checked
                        .as_ref()
                        .is_err_and(|error| error.message().contains(&format!("'{LOG_TARGET}'")))
                    {
                        self.without_log.push((number, span.start, parts));
                    }
                    checked
                })
            })
            .or_else(|error| if self.hides_a_value(&error) { Ok(()) } else { Err(error) });
        let Err(error) = outcome else {
            created.and_then(|name| self.missing.remove(&name));
            return Checked { kind, at: span.start, verdict: Verdict::Ok, error: None };
        };
        let mut verdict = Verdict::of(&error);
        let mut error = error.at(span);
        if let Some((name, (line, cause))) = self.cause(&error) {
            verdict = if cause == Verdict::Unsupported { cause } else { verdict };
            error = error.with_hint(format!(
                "the statement in line {line} that creates '{name}' has an error"
            ));
        } else if let Some(name) = created {
            let (line, _) = self.lines.line_column(self.text, span.start);
            self.missing.insert(name, (line, verdict));
        }
        let mut at = error.span().map_or(span.start, |place| place.start);
        // What a statement lacks is missed where it ends.
        if error.kind() != ErrorKind::Syntax
            && !(span.start..span.end.max(span.start + 1)).contains(&at)
        {
            // The mistake stands in another statement, such as the table's declaration; it is this one that fails.
            let (line, _) = self.lines.line_column(self.text, at);
            at = span.start;
            if !self.told.contains(&error.to_string()) {
                let hint = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                error = error.moved_to(span).with_hint(format!("{hint}see line {line}"));
            }
        }
        self.told.insert(error.to_string());
        Checked { kind, at, verdict, error: Some(error) }
    }

    /// Whether an option is refused because the variable or the file that holds its value is not there.
    fn hides_a_value(&self, error: &Error) -> bool {
        let unexpanded = |text: &str| text.contains("${env:") || text.contains("${file:");
        let place = error.span().map(|span| span.text(self.text)).unwrap_or_default();
        error.kind() == ErrorKind::Option
            && (unexpanded(error.message()) || (place.starts_with('\'') && unexpanded(place)))
    }

    /// The creation that failed and with it this statement.
    fn cause(&self, error: &Error) -> Option<(String, (usize, Verdict))> {
        let message = error.message();
        if let Some(call) = message.strip_prefix("no match found for function signature ") {
            let (name, _) = call.split_once('(')?;
            return Some((name.to_owned(), *self.missing.get(&function(name))?));
        }
        let name = message.strip_prefix("object '")?.strip_suffix("' not found")?;
        let name = name.rsplit('.').next()?;
        Some((name.to_owned(), *self.missing.get(name)?))
    }
}

/// A function's name beside those of tables.
fn function(name: &str) -> String {
    format!("{}()", name.to_lowercase())
}

/// The last part of the name that a CREATE TABLE, VIEW or FUNCTION creates, also of one that does not parse.
fn created(statement: &str) -> Option<String> {
    // Most statements create nothing: they need not be read a second time.
    statement.get(..6).filter(|word| word.eq_ignore_ascii_case("CREATE"))?;
    let tokens = tokenize(statement);
    let word = |token: &Token| match token.kind {
        TokenKind::Word(Some(keyword)) => Some(keyword.text),
        _ => None,
    };
    if word(tokens.first()?) != Some("CREATE") {
        return None;
    }
    let made = |t: &Token| matches!(word(t), Some("TABLE" | "VIEW" | "FUNCTION"));
    let at = tokens.iter().take(6).position(made)?;
    let is_function = tokens.get(at).and_then(word) == Some("FUNCTION");
    let mut rest = tokens
        .get(at + 1..)?
        .iter()
        .skip_while(|t| matches!(word(t), Some("IF" | "NOT" | "EXISTS")));
    let mut name = None;
    while let Some(token) = rest.next() {
        name = match &token.kind {
            TokenKind::QuotedIdent(name) => Some(name.clone()),
            TokenKind::Word(_) => Some(token.span.text(statement).to_owned()),
            _ => break,
        };
        if rest.next()?.kind != TokenKind::Symbol(Symbol::Dot) {
            break;
        }
    }
    if is_function { name.map(|name| function(&name)) } else { name }
}

/// One object a line.
fn json(file: &str, text: &str, checked: &[Checked]) -> Vec<u8> {
    let lines = LineIndex::new(text);
    let mut out = Vec::new();
    for statement in checked {
        let (line, column) = lines.line_column(text, statement.at);
        let message = match &statement.error {
            None => String::new(),
            Some(error) => match error.hint() {
                None => error.to_string(),
                Some(hint) => format!("{error}; {hint}"),
            },
        };
        out.extend_from_slice(b"{\"file\":");
        string(&mut out, file.as_bytes());
        out.extend_from_slice(format!(",\"line\":{line},\"column\":{column},\"kind\":").as_bytes());
        string(&mut out, statement.kind.as_bytes());
        out.extend_from_slice(b",\"verdict\":");
        string(&mut out, statement.verdict.text().as_bytes());
        out.extend_from_slice(b",\"message\":");
        string(&mut out, message.as_bytes());
        out.extend_from_slice(b"}\n");
    }
    out
}

/// Every error with its place, each once, and a line that counts.
fn people(file: &str, source: &Source, checked: &[Checked]) -> Vec<u8> {
    let mut out = String::new();
    let mut shown = BTreeSet::new();
    for error in checked.iter().filter_map(|statement| statement.error.as_ref()) {
        // A wrong option of a table is found again wherever the table is used.
        if shown.insert((error.to_string(), error.span())) {
            out.push_str(&source.explain(error, colour_stdout()));
        }
    }
    let statements = checked.len();
    let refused = checked.iter().filter(|statement| statement.verdict != Verdict::Ok).count();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    out.push_str(&format!(
        "{file}: {statements} statement{}, {refused} refused\n",
        plural(statements)
    ));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_created_objects() {
        for (statement, name) in [
            ("CREATE TABLE a (x INT)", Some("a")),
            ("CREATE TEMPORARY TABLE IF NOT EXISTS c.d.`a b` (x", Some("a b")),
            ("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1", Some("v")),
            ("CREATE TABLE", None),
            ("CREATE DATABASE d", None),
            ("DROP TABLE a", None),
            ("CREATE TEMPORARY SYSTEM FUNCTION Fn AS 'x.Y'", Some("fn()")),
        ] {
            assert_eq!(created(statement).as_deref(), name, "{statement}");
        }
    }
}
