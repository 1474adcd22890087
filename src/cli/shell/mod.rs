//! The SQL shell, `-c`, and statements from standard input.

mod complete;
mod editor;
mod history;
mod pager;

use super::args::{ResultFormat, SqlArguments};
use super::exit::Exit;
use super::host::{self, Jobs, Setup};
use super::run::{cannot_watch, end, is_closed_pipe};
use super::signals::{self, ShellControl};
use super::source::Source;
use super::status::{self, StatusLine, colour, say};
use crate::base::Error;
use crate::engine::{ResultStyle, Session};
use crate::exec::JobControl;
use crate::expr::FUNCTIONS;
use crate::plan::SETTINGS;
use crate::registry;
use crate::sql::ast::{ClientCommand, Statement};
use crate::sql::{ParsedStatement, is_complete, keywords, parse_script_from};
use complete::{NAMING, Words};
use editor::{Input, Reader};
use pager::{Pager, Size};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Names of jobs: `sql.TABLE`.
const NAME: &str = "sql";

/// How often TERM at the prompt looks whether the jobs have ended.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// The help of the shell.
const HELP: &str = "\
Statements end with ';' and may span lines. INSERT starts a job that runs beside the prompt.
  Tab          completes keywords, functions, tables, columns, option keys and values
  Up, Ctrl-R   earlier statements
  Ctrl-C       stops the query that runs, or forgets what was typed
  q            leaves a long result; Space shows the next page, Enter the next line
  Ctrl-D       leaves the shell and stops its jobs (also: QUIT, EXIT)
  SHOW TABLES, DESCRIBE t, SHOW FUNCTIONS, SET, RESET, EXPLAIN …
  SET 'execution.runtime-mode' = 'batch';    final rows instead of changes
  SET 'table.dml-sync' = 'true';             wait for every INSERT
";

/// Whether statements go on.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Leave,
}

/// `brooklet`, `brooklet sql`, `brooklet -c`.
pub(super) fn sql(arguments: &SqlArguments) -> Exit {
    match try_sql(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_sql(arguments: &SqlArguments) -> Result<Exit, Exit> {
    let init = match arguments.init.as_deref() {
        Some(file) => Some((file, host::read(file)?)),
        None => None,
    };
    let interactive = arguments.command.is_none() && std::io::stdin().is_terminal();
    let broker = host::dev_broker(arguments.dev_broker)?;
    let (jobs, control) = (Jobs::default(), JobControl::new());
    let mut session = host::session(&Setup {
        script: NAME,
        unnamed: true,
        fresh: arguments.fresh,
        dev_broker: broker.as_ref(),
        control: &control,
        jobs: &jobs,
        only_check: false,
        // At the prompt each statement has a control of its own.
        closed_stdout_drains: !interactive,
    });
    session.set_result_style(match arguments.format {
        ResultFormat::Tableau => ResultStyle::Tableau,
        ResultFormat::Json => ResultStyle::Json,
        ResultFormat::Csv => ResultStyle::Csv,
    });
    let mut source = Source::default();
    let mut start = Ok(());
    for (key, value) in &arguments.options {
        start = start.and_then(|()| session.set(key, value));
    }
    let exit = if interactive {
        if let exit @ (Exit::Failed | Exit::Refused | Exit::Outside) = end(start, &source) {
            return Err(exit);
        }
        shell(&mut session, source, init)?
    } else {
        signals::watch(control.clone()).map_err(cannot_watch)?;
        let status = StatusLine::start(Arc::clone(&jobs));
        let outcome =
            start.and_then(|()| batch(&mut session, &mut source, arguments, init, &control));
        let outcome = session.end_jobs(outcome);
        drop(status);
        end(outcome, &source)
    };
    if let Some(broker) = broker {
        broker.shutdown();
    }
    Ok(exit)
}

/// The statements of `-i`, then of `-c` or standard input.
fn batch(
    session: &mut Session,
    source: &mut Source,
    arguments: &SqlArguments,
    init: Option<(&str, String)>,
    control: &JobControl,
) -> Result<(), Error> {
    if let Some((name, text)) = init {
        let from = source.add(name, &text);
        if execute(session, source, from, from, control)? == Flow::Leave {
            return Ok(());
        }
    }
    if let Some(command) = &arguments.command {
        let from = source.add("-c", command);
        return execute(session, source, from, from, control).map(|_| ());
    }
    standard_input(session, source, control)
}

/// Statements as they arrive: each runs as soon as it is closed.
fn standard_input(
    session: &mut Session,
    source: &mut Source,
    control: &JobControl,
) -> Result<(), Error> {
    let first_line = source.add("stdin", "");
    let mut from = first_line;
    let mut pending = Vec::new();
    loop {
        let mut stdin = std::io::stdin().lock();
        let read = match stdin.fill_buf() {
            Ok(bytes) => {
                pending.extend_from_slice(bytes);
                bytes.len()
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(not_readable(&error.to_string())),
        };
        stdin.consume(read);
        drop(stdin);
        let ended = read == 0;
        // What looks closed is looked at; a text that ends in the middle of a statement waits for the rest.
        let closed = pending.trim_ascii_end().last() == Some(&b';');
        if !ended && !closed {
            continue;
        }
        let Ok(text) = std::str::from_utf8(&pending) else {
            return Err(not_readable("it is not UTF-8"));
        };
        if !ended && !is_complete(text) {
            continue;
        }
        source.extend(text);
        pending.clear();
        if execute(session, source, from, first_line, control)? == Flow::Leave || ended {
            return Ok(());
        }
        from = source.text().len();
    }
}

fn not_readable(problem: &str) -> Error {
    let kind = crate::base::ErrorKind::External;
    Error::new(kind, format!("cannot read standard input: {problem}"))
}

/// Runs the statements behind `from`; the first that fails is the last.
fn execute(
    session: &mut Session,
    source: &Source,
    from: usize,
    first_line: usize,
    control: &JobControl,
) -> Result<Flow, Error> {
    for parsed in parse_script_from(source.text(), from, first_line) {
        match client(&parsed) {
            Some(ClientCommand::Quit | ClientCommand::Exit) => return Ok(Flow::Leave),
            _ if control.is_draining() => return Ok(Flow::Leave),
            _ => session.run_statement(parsed)?,
        }
    }
    Ok(Flow::Next)
}

fn client(parsed: &ParsedStatement) -> Option<ClientCommand> {
    match &parsed.result {
        Ok(Statement::Client(client)) => Some(client.command),
        _ => None,
    }
}

/// A command that needs no `;`.
fn command(text: &str) -> Option<ClientCommand> {
    use ClientCommand::{Clear, Exit, Help, Quit};
    let word = text.trim().trim_end_matches(';').trim_end();
    [Quit, Exit, Clear, Help].into_iter().find(|command| word.eq_ignore_ascii_case(command.name()))
}

/// The interactive shell.
struct Shell<'a> {
    session: &'a mut Session,
    source: Source,
    control: ShellControl,
}

fn shell(
    session: &mut Session,
    source: Source,
    init: Option<(&str, String)>,
) -> Result<Exit, Exit> {
    session.print_header_first();
    let size = Size::default();
    if std::io::stdout().is_terminal() {
        session.print_to(Arc::new(Mutex::new(Pager::new(size.clone()))));
    }
    let mut shell = Shell { session, source, control: ShellControl::default() };
    let terminal = nix::sys::termios::tcgetattr(std::io::stdin()).ok();
    let (control, at_prompt) = (shell.control.clone(), Arc::new(AtomicBool::new(false)));
    let prompt = Arc::clone(&at_prompt);
    let controls = shell.session.running_jobs();
    signals::watch_shell(control, move || {
        if !prompt.load(Ordering::Acquire) {
            return;
        }
        // The line editor cannot be told: what has to be done at the end is done here, and a second TERM is still heard.
        status::set_editor(None);
        if let Some(terminal) = &terminal {
            let now = nix::sys::termios::SetArg::TCSANOW;
            nix::sys::termios::tcsetattr(std::io::stdin(), now, terminal).unwrap_or(());
        }
        let controls = controls.clone();
        let leave = move || {
            controls.drain_and_wait(DRAIN_POLL);
            signals::stop_now(Exit::Done);
        };
        drop(std::thread::Builder::new().name("leave".to_owned()).spawn(leave));
    })
    .map_err(cannot_watch)?;
    if let Some((name, text)) = init {
        let from = shell.source.add(name, &text);
        let control = shell.control.next();
        shell.session.set_control(control.clone());
        let outcome = execute(shell.session, &shell.source, from, from, &control);
        if outcome.is_err() {
            return Ok(end(shell.session.end_jobs(outcome.map(drop)), &shell.source));
        }
    }
    let mut reader = Reader::new(words()).map_err(|error| {
        say(&format!("error: cannot use the terminal: {error}"));
        Exit::Outside
    })?;
    say("[INFO] HELP; shows what the shell can do, Ctrl-D leaves it");
    while !shell.control.is_leaving() {
        // A job that fails after this tells its user itself; before this, the next line does.
        reader.take_lines();
        shell.report_ended_jobs();
        if let Some(words) = reader.words() {
            know_session(words, shell.session);
        }
        at_prompt.store(true, Ordering::Release);
        let input = reader.read();
        at_prompt.store(false, Ordering::Release);
        match input {
            Input::Text(text) => {
                if let Some((columns, rows)) = reader.dimensions() {
                    size.set(columns, rows);
                }
                if shell.run(&text) == Flow::Leave {
                    break;
                }
            }
            Input::Cancelled => {}
            Input::End => break,
        }
    }
    shell.leave();
    Ok(Exit::Done)
}

impl Shell<'_> {
    /// Runs what was typed.
    fn run(&mut self, text: &str) -> Flow {
        match command(text) {
            Some(ClientCommand::Quit | ClientCommand::Exit) => return Flow::Leave,
            Some(other) => {
                tell(other);
                return Flow::Next;
            }
            None => {}
        }
        let from = self.source.add("shell", text);
        for parsed in parse_script_from(self.source.text(), from, from) {
            match client(&parsed) {
                Some(ClientCommand::Quit | ClientCommand::Exit) => return Flow::Leave,
                Some(other) => {
                    tell(other);
                    continue;
                }
                None => {}
            }
            let control = self.control.next();
            if control.is_draining() {
                return Flow::Leave;
            }
            self.session.set_control(control.clone());
            let prints = prints(&parsed);
            let jobs = self.session.jobs();
            match self.session.run_statement(parsed) {
                Err(error) if is_closed_pipe(&error) => return Flow::Leave,
                Err(error) => {
                    say(self.source.explain(&error, colour()).trim_end());
                    return Flow::Next;
                }
                Ok(()) if control.is_draining() => return Flow::Next,
                Ok(()) if self.session.jobs() > jobs => {
                    let name = self.session.last_job().unwrap_or_default();
                    say(&format!(
                        "[INFO] job '{name}' runs; STOP JOB '{name}'; or leaving the shell ends it"
                    ));
                }
                Ok(()) if prints => {}
                Ok(()) => say("[INFO] Execute statement succeeded."),
            }
        }
        Flow::Next
    }

    /// Says which jobs of earlier statements failed.
    fn report_ended_jobs(&mut self) {
        for (name, end) in self.session.ended_jobs() {
            if let Err(error) = end {
                say(&format!("[WARN] job '{name}' has failed:"));
                say(self.source.explain(&error, colour()).trim_end());
            }
        }
    }

    fn leave(&mut self) {
        if self.session.jobs() > 0 {
            say("[INFO] stopping the jobs of this shell: draining what was read");
            self.session.drain_jobs();
        }
        while self.session.jobs() > 0 {
            self.report_ended_jobs();
            std::thread::sleep(DRAIN_POLL);
        }
    }
}

/// Whether a statement answers on standard output.
fn prints(parsed: &ParsedStatement) -> bool {
    match &parsed.result {
        Ok(Statement::Set(set)) => set.assignment.is_none(),
        Ok(statement) => matches!(
            statement,
            Statement::Query(_)
                | Statement::Show(_)
                | Statement::Describe(_)
                | Statement::Explain(_)
        ),
        Err(_) => false,
    }
}

fn tell(command: ClientCommand) {
    let text = if command == ClientCommand::Clear { "\x1b[H\x1b[2J\x1b[3J" } else { HELP };
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// What can be completed of the session's own.
fn know_session(words: &mut Words, session: &Session) {
    words.tables = session.tables();
    (words.options, words.fields) = (Vec::new(), Vec::new());
    for (name, _) in &words.tables {
        let Some(table) = session.table(std::slice::from_ref(name)) else { continue };
        let option = |key: &&str| Some(((*key).to_owned(), table.options.get(key)?.to_owned()));
        words.options.push((name.clone(), NAMING.iter().filter_map(option).collect()));
        for column in &table.columns {
            if let Some(fields) = column.data_type.kind.fields() {
                let fields = fields.iter().map(|field| field.name.clone()).collect();
                words.fields.push((column.name.clone(), fields));
            }
        }
    }
    (words.catalogs, words.databases) = session.namespaces();
}

/// All that can be completed but what belongs to the session.
fn words() -> Words {
    Words {
        keywords: keywords().collect(),
        functions: FUNCTIONS
            .iter()
            .flat_map(|group| group.iter())
            .filter(|function| function.is_public())
            .flat_map(|function| {
                std::iter::once(function.name).chain(function.aliases.iter().copied())
            })
            .collect(),
        connectors: registry::connectors().iter().map(|c| (c.identifier(), c.options())).collect(),
        formats: registry::formats().iter().map(|f| (f.identifier(), f.options())).collect(),
        settings: SETTINGS,
        ..Words::default()
    }
}
