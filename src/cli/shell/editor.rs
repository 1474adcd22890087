//! The line editor: multi-line input until a statement is closed, completion, history.

use super::complete::{self, Words};
use super::history;
use crate::cli::status::{self, say};
use crate::sql::{is_complete, without_secrets};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, CompletionType, Config, Context, Editor, Helper};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

/// What the user sees before the first line of a statement.
const PROMPT: &str = "brooklet> ";

/// Statements that the history keeps.
const HISTORY_MAX: usize = 10_000;

/// What came from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Closed statements.
    Text(String),
    /// Ctrl-C: what was typed is forgotten.
    Cancelled,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads statements from a terminal.
pub(super) struct Reader {
    editor: Editor<Rules, FileHistory>,
    history: Option<PathBuf>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("history", &self.history).finish_non_exhaustive()
    }
}

impl Reader {
    /// An editor on standard input. A history that cannot be read is no reason to stop.
    pub(super) fn new(words: Words) -> Result<Reader, ReadlineError> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .behavior(Behavior::PreferTerm)
            .max_history_size(HISTORY_MAX)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .build();
        let mut editor: Editor<Rules, FileHistory> = Editor::with_config(config)?;
        editor.set_helper(Some(Rules { words }));
        let history = history::file(|name| std::env::var(name).ok());
        if let Some(file) = history.as_ref().filter(|file| file.exists())
            && let Err(error) = editor.load_history(file)
        {
            say(&format!("[WARN] cannot read the history {}: {error}", file.display()));
        }
        Ok(Reader { editor, history })
    }

    /// What can be completed, to be kept up to date.
    pub(super) fn words(&mut self) -> Option<&mut Words> {
        self.editor.helper_mut().map(|rules| &mut rules.words)
    }

    /// Columns and rows of the terminal.
    pub(super) fn dimensions(&mut self) -> Option<(usize, usize)> {
        self.editor.dimensions().map(|(columns, rows)| (columns.into(), rows.into()))
    }

    /// From now on lines of jobs appear above the prompt; what was typed behind it comes back with the next key. The
    /// editor's own printer waits for the editor to take a line, and a job must not wait for a key.
    pub(super) fn take_lines(&self) {
        status::set_editor(Some(Box::new(|text| {
            let text = text.replace('\n', "\r\n");
            let mut stderr = std::io::stderr().lock();
            write!(stderr, "\r\x1b[K{text}{PROMPT}").and_then(|()| stderr.flush()).is_ok()
        })));
    }

    /// The next statements.
    pub(super) fn read(&mut self) -> Input {
        let read = self.editor.readline(PROMPT);
        status::set_editor(None);
        match read {
            Ok(text) => {
                self.remember(&text);
                Input::Text(text)
            }
            Err(ReadlineError::Interrupted) => Input::Cancelled,
            Err(ReadlineError::Eof) => Input::End,
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                say("error: what was typed is not UTF-8; the statement is left out");
                Input::Cancelled
            }
            Err(error) => {
                say(&format!("error: cannot read from the terminal: {error}"));
                Input::End
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let kept = without_secrets(text.trim_end());
        let added = self.editor.add_history_entry(kept).unwrap_or(false);
        let Some(file) = self.history.clone().filter(|_| added) else { return };
        if let Some(folder) = file.parent() {
            // What fails here fails again below, with a message.
            drop(std::fs::create_dir_all(folder));
        }
        if let Err(error) = self.editor.append_history(&file) {
            say(&format!("[WARN] cannot write the history {}: {error}", file.display()));
            self.history = None;
        }
    }
}

/// What the editor asks while text is typed.
struct Rules {
    words: Words,
}

impl Helper for Rules {}
impl Highlighter for Rules {}

impl Hinter for Rules {
    type Hint = String;
}

impl Validator for Rules {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_closed(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Rules {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = complete::complete(line, cursor, &self.words);
        let pair = |text: String| Pair {
            display: text.trim_end_matches('\'').to_owned(),
            replacement: text,
        };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

/// Whether Enter runs the text: it is empty, a command, or ends with a closed statement.
fn is_closed(text: &str) -> bool {
    super::command(text).is_some() || is_complete(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_runs_closed_statements() {
        for (text, closed) in [
            ("", true),
            ("SELECT 1", false),
            ("SELECT 1;", true),
            ("SELECT ';", false),
            ("SELECT 1; -- done", true),
            ("SELECT 1; SELECT", false),
            ("/* ;", false),
            ("quit", true),
            ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", false),
            ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", true),
        ] {
            assert_eq!(is_closed(text), closed, "{text}");
        }
    }
}
