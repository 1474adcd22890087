//! What the Tab key offers: option keys and values inside of quotes, else tables, columns, functions and keywords.

use crate::options::{Opt, OptKind};
use crate::sql::binder::TYPE_NAMES;
use crate::sql::{Invalid, Symbol, Token, TokenKind, is_reserved, tokenize};
use std::collections::BTreeSet;

/// All that can be offered.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) keywords: Vec<&'static str>,
    pub(super) functions: Vec<&'static str>,
    pub(super) connectors: Vec<(&'static str, &'static [Opt])>,
    pub(super) formats: Vec<(&'static str, &'static [Opt])>,
    pub(super) settings: &'static [Opt],
    /// Tables of the session with their columns.
    pub(super) tables: Vec<(String, Vec<String>)>,
    /// Tables of the session with the options that name their connector and their formats.
    pub(super) options: Vec<(String, Vec<(String, String)>)>,
    /// Columns of type ROW with their fields.
    pub(super) fields: Vec<(String, Vec<String>)>,
    pub(super) catalogs: Vec<String>,
    /// Databases of the catalog in use.
    pub(super) databases: Vec<String>,
}

/// Options that say which further options a table has.
pub(super) const NAMING: &[&str] = &["connector", "format", "value.format", "key.format"];

/// Words after which a table is named.
const BEFORE_TABLE: &[&str] =
    &["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "OVERWRITE", "VIEW", "LIKE"];

/// What SHOW shows.
const SHOWN: &[&str] = &[
    "CATALOGS",
    "COLUMNS",
    "CREATE",
    "CURRENT",
    "DATABASES",
    "FULL",
    "FUNCTIONS",
    "JARS",
    "JOBS",
    "MODELS",
    "MODULES",
    "PARTITIONS",
    "PROCEDURES",
    "TABLES",
    "USER",
    "VIEWS",
];

/// What follows the name of a column that is declared, beside its type: what it is made of.
const COLUMN_KINDS: [&str; 2] = ["AS", "METADATA"];

/// Keys of a table that no connector declares.
const COMMON_KEYS: &[&str] = &["connector", "format"];

fn after_column() -> impl Iterator<Item = &'static str> {
    TYPE_NAMES.iter().copied().chain(COLUMN_KINDS)
}

/// Where the word before the cursor begins, and what it may become.
pub(super) fn complete(line: &str, cursor: usize, words: &Words) -> (usize, Vec<String>) {
    let Some(before) = line.get(..cursor) else { return (cursor, Vec::new()) };
    let tokens = statement(tokenize(before));
    if let Some(open) = tokens.last()
        && open.kind == TokenKind::Invalid(Invalid::UnclosedString)
    {
        let start = open.span.start as usize + 1;
        let prefix = before.get(start..).unwrap_or("");
        let quote =
            if line.get(cursor..).is_some_and(|rest| rest.starts_with('\'')) { "" } else { "'" };
        let found = in_quotes(line, before, &tokens, words);
        let found = found.into_iter().filter(|text| text.starts_with(prefix));
        return (start, found.map(|text| format!("{text}{quote}")).collect());
    }
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '$'))
        .last()
        .map_or(before.len(), |(at, _)| at);
    let prefix = before.get(start..).unwrap_or("");
    (start, names(before, start, prefix, &tokens, words))
}

/// The tokens of the last statement, without the end.
fn statement(mut tokens: Vec<Token>) -> Vec<Token> {
    tokens.retain(|token| token.kind != TokenKind::End);
    // What follows an open quote is text, whatever the lexer makes of it.
    let open = |token: &Token| token.kind == TokenKind::Invalid(Invalid::UnclosedString);
    if let Some(at) = tokens.iter().position(open) {
        tokens.truncate(at + 1);
    }
    let last = tokens.iter().rposition(|token| token.kind == TokenKind::Symbol(Symbol::Semicolon));
    tokens.split_off(last.map_or(0, |at| at + 1))
}

fn word(token: &Token) -> Option<&'static str> {
    match &token.kind {
        TokenKind::Word(Some(keyword)) => Some(keyword.text),
        _ => None,
    }
}

fn string(token: &Token) -> Option<&str> {
    match &token.kind {
        TokenKind::String(text) => Some(text),
        _ => None,
    }
}

fn in_quotes(line: &str, before: &str, tokens: &[Token], words: &Words) -> Vec<String> {
    let sets = matches!(tokens.first().and_then(word), Some("SET" | "RESET"));
    let keys = if sets { settings(words) } else { table_keys(line, before, words) };
    let at = tokens.len().saturating_sub(1);
    let is_value =
        at >= 2 && tokens.get(at - 1).is_some_and(|t| t.kind == TokenKind::Symbol(Symbol::Eq));
    if !is_value {
        return keys.into_iter().map(|(key, _)| key).collect();
    }
    let Some(key) = tokens.get(at - 2).and_then(string) else { return Vec::new() };
    match key {
        "connector" => words.connectors.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "format" | "value.format" | "key.format" => {
            words.formats.iter().map(|(name, _)| (*name).to_owned()).collect()
        }
        _ => match keys.into_iter().find(|(declared, _)| declared == key).map(|(_, kind)| kind) {
            Some(OptKind::Enum(values)) => values.iter().map(|value| (*value).to_owned()).collect(),
            Some(OptKind::Bool) => vec!["true".to_owned(), "false".to_owned()],
            _ => Vec::new(),
        },
    }
}

fn settings(words: &Words) -> Vec<(String, OptKind)> {
    words.settings.iter().map(|opt| (opt.key.to_owned(), opt.kind)).collect()
}

/// Keys of the connector and the format that the statement names, also behind the cursor.
fn table_keys(line: &str, before: &str, words: &Words) -> Vec<(String, OptKind)> {
    let tokens = statement(tokenize(before));
    let mut given: Vec<(String, String)> = pairs(&tokens);
    if let Some(after) = line.get(before.len()..) {
        // The rest begins inside of a text: what comes after its end counts.
        let rest = after.split_once('\'').map_or("", |(_, rest)| rest);
        given.extend(pairs(&tokenize(rest.split(';').next().unwrap_or(""))));
    }
    // ALTER TABLE and OPTIONS hints are about a table that is there.
    let named =
        |name: &str| tokens.iter().any(|token| token.span.text(before).trim_matches('`') == name);
    let there = words.options.iter().filter(|(table, _)| named(table));
    given.extend(there.flat_map(|(_, options)| options.clone()));
    let of = |key: &str| given.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let mut keys: Vec<(String, OptKind)> =
        COMMON_KEYS.iter().map(|key| ((*key).to_owned(), OptKind::String)).collect();
    if let Some((_, options)) =
        words.connectors.iter().find(|(name, _)| Some(*name) == of("connector"))
    {
        keys.extend(options.iter().map(|opt| (shown(opt.key), opt.kind)));
    }
    for (key, outer) in [("format", ""), ("value.format", "value."), ("key.format", "key.")] {
        if let Some((name, options)) = words.formats.iter().find(|(name, _)| Some(*name) == of(key))
        {
            keys.extend(options.iter().map(|opt| (format!("{outer}{name}.{}", opt.key), opt.kind)));
        }
    }
    let given: BTreeSet<&str> = given.iter().map(|(key, _)| key.as_str()).collect();
    let is_value = |key: &str| given.contains(key);
    // A key that was given is still wanted for its values.
    keys.sort_by_key(|(key, _)| is_value(key));
    keys
}

/// `properties.*` as far as it can be written without knowing more.
fn shown(key: &str) -> String {
    key.trim_end_matches('*').to_owned()
}

/// `'key' = 'value'`
fn pairs(tokens: &[Token]) -> Vec<(String, String)> {
    tokens
        .windows(3)
        .filter_map(|three| match three {
            [key, eq, value] if eq.kind == TokenKind::Symbol(Symbol::Eq) => {
                Some((string(key)?.to_owned(), string(value)?.to_owned()))
            }
            _ => None,
        })
        .collect()
}

fn names(before: &str, start: usize, prefix: &str, tokens: &[Token], words: &Words) -> Vec<String> {
    let previous = tokens.iter().rev().find(|token| (token.span.end as usize) <= start);
    let text = |token: &Token| token.span.text(before).trim_matches('`').to_owned();
    if previous.is_some_and(|token| token.kind == TokenKind::Symbol(Symbol::Dot)) {
        let owner = tokens.iter().rev().filter(|t| (t.span.end as usize) < start).map(text).next();
        let fields =
            |name: &str| words.fields.iter().find(|(c, _)| c == name).map(|(_, f)| f.clone());
        let columns = owner
            .and_then(|owner| columns_of(&owner, tokens, before, words).or_else(|| fields(&owner)));
        return matching(prefix, columns.unwrap_or_default().iter().map(|name| quoted(name)));
    }
    let before_cursor = tokens.iter().filter(|token| (token.span.end as usize) <= start);
    let before_cursor: Vec<&Token> = before_cursor.collect();
    if let [show] = before_cursor.as_slice()
        && word(show) == Some("SHOW")
    {
        return matching_keywords(prefix, SHOWN.iter().copied());
    }
    if is_after_column(&before_cursor) {
        return matching_keywords(prefix, after_column());
    }
    let spaces = match previous.and_then(word) {
        Some("CATALOG") => Some(&words.catalogs),
        Some("USE") => Some(&words.databases),
        _ => None,
    };
    if let Some(spaces) = spaces {
        let mut found = matching(prefix, spaces.iter().map(|name| quoted(name)));
        if !prefix.is_empty() {
            found.extend(matching_keywords(prefix, std::iter::once("CATALOG")));
        }
        return found;
    }
    let tables = words.tables.iter().map(|(name, _)| quoted(name));
    let after_table_word = previous.and_then(word).is_some_and(|w| BEFORE_TABLE.contains(&w));
    if after_table_word {
        let found = matching(prefix, tables);
        if !found.is_empty() {
            return found;
        }
        return matching_keywords(prefix, words.keywords.iter().copied());
    }
    if prefix.is_empty() {
        return Vec::new();
    }
    let named: BTreeSet<String> = tokens.iter().map(text).collect();
    let known = words.tables.iter().filter(|(name, _)| named.contains(name));
    let mut columns: BTreeSet<String> =
        known.flat_map(|(_, columns)| columns.iter().map(|name| quoted(name))).collect();
    if columns.is_empty() {
        columns =
            words.tables.iter().flat_map(|(_, c)| c.iter().map(|name| quoted(name))).collect();
    }
    let mut found = matching(prefix, columns.into_iter());
    found.extend(matching(prefix, tables));
    let plain = words.keywords.iter().chain(&words.functions).copied();
    found.extend(matching_keywords(prefix, plain));
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    found
}

/// Whether these end with the name of a column that CREATE TABLE declares.
fn is_after_column(tokens: &[&Token]) -> bool {
    let creates = tokens.first().is_some_and(|first| word(first) == Some("CREATE"))
        && tokens.iter().take(5).any(|token| word(token) == Some("TABLE"));
    let [.., before, name] = tokens else { return false };
    let begins = [Symbol::LParen, Symbol::Comma].map(TokenKind::Symbol).contains(&before.kind);
    let is_name = match &name.kind {
        TokenKind::Word(Some(keyword)) => !keyword.reserved,
        TokenKind::Word(None) | TokenKind::QuotedIdent(_) => true,
        _ => false,
    };
    creates && begins && is_name
}

/// The columns of a table or of its alias.
fn columns_of(owner: &str, tokens: &[Token], before: &str, words: &Words) -> Option<Vec<String>> {
    let table =
        |name: &str| words.tables.iter().find(|(table, _)| table == name).map(|(_, c)| c.clone());
    let text = |token: &Token| token.span.text(before).trim_matches('`').to_owned();
    table(owner).or_else(|| {
        let names: Vec<String> =
            tokens.iter().filter(|token| word(token) != Some("AS")).map(text).collect();
        names.windows(2).find_map(|two| match two {
            [name, alias] if alias == owner => table(name),
            _ => None,
        })
    })
}

/// A name as it must be written.
fn quoted(name: &str) -> String {
    let plain = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

fn matching(prefix: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    names.filter(|name| name.trim_start_matches('`').starts_with(prefix)).collect()
}

/// Keywords in the case that was begun.
fn matching_keywords(prefix: &str, words: impl Iterator<Item = &'static str>) -> Vec<String> {
    let upper = prefix.to_ascii_uppercase();
    let lower = prefix.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let mut found: Vec<String> = words
        .filter(|word| word.starts_with(&upper))
        .map(|word| if lower { word.to_ascii_lowercase() } else { word.to_owned() })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: Opt = Opt::new("scan.mode", OptKind::Enum(&["earliest", "latest"]), "");
    const TOPIC: Opt = Opt::new("topic", OptKind::String, "");
    const SYNC: Opt = Opt::new("table.dml-sync", OptKind::Bool, "");
    const STRICT: Opt = Opt::new("strict", OptKind::Bool, "");

    fn words() -> Words {
        Words {
            keywords: vec!["SELECT", "SET", "FROM", "SHOW", "WHERE"],
            functions: vec!["SUBSTRING", "UPPER"],
            connectors: vec![("kafka", &[TOPIC, MODE]), ("print", &[])],
            formats: vec![("json", &[STRICT])],
            settings: &[SYNC],
            tables: vec![
                ("orders".to_owned(), vec!["id".to_owned(), "sum total".to_owned()]),
                ("order".to_owned(), vec!["x".to_owned()]),
            ],
            options: vec![(
                "orders".to_owned(),
                vec![("connector".to_owned(), "kafka".to_owned())],
            )],
            fields: vec![("zeta".to_owned(), vec!["first".to_owned(), "second".to_owned()])],
            catalogs: vec!["default_catalog".to_owned()],
            databases: vec!["default_database".to_owned(), "sales".to_owned()],
        }
    }

    /// `|` is the cursor.
    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let cursor = line.find('|').unwrap();
        let line = line.replace('|', "");
        let (_, found) = complete(&line, cursor, &words());
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn names_and_keywords() {
        check("se|", &["select", "set"]);
        check("SE|", &["SELECT", "SET"]);
        check("SELECT i|", &["id"]);
        check("SELECT upp|", &["upper"]);
        check("SELECT * FROM o|", &["orders", "`order`"]);
        check("SELECT * FROM |", &["orders", "`order`"]);
        check(
            "SELECT 1; SELECT * FROM orders WHERE s|",
            &["`sum total`", "select", "set", "show", "substring"],
        );
        check("SELECT orders.|", &["id", "`sum total`"]);
        check("SELECT * FROM orders AS o WHERE o.i|", &["id"]);
        check("SELECT |", &[]);
        check("SELECT zeta.f|", &["first"]);
        check("USE sal|", &["sales"]);
        check("USE |", &["default_database", "sales"]);
        check("USE CATALOG d|", &["default_catalog"]);
        check("SELECT 'a' |", &[]);
    }

    #[test]
    fn what_is_shown_and_types_of_columns() {
        check("SHOW |", SHOWN);
        check("show c|", &["catalogs", "columns", "create", "current"]);
        check("SHOW TABLES; SHOW T|", &["TABLES"]);
        check("CREATE TABLE z (a I|", &["INT", "INTEGER"]);
        check(
            "CREATE TEMPORARY TABLE z (a INT, `b c` ti|",
            &["time", "timestamp", "timestamp_ltz", "tinyint"],
        );
        check(
            "CREATE TABLE z (a |",
            &after_column().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
        );
        check("CREATE TABLE z (a INT, PRIMARY I|", &[]);
        check("CREATE TABLE z (a DECIMAL(10, 2) |", &[]);
    }

    #[test]
    fn options() {
        check("SET '|", &["table.dml-sync'"]);
        check("SET 'table.dml-sync' = '|", &["true'", "false'"]);
        check("SET 'table.dml-sync' = 't|'", &["true"]);
        check("CREATE TABLE t (a INT) WITH ('c|", &["connector'"]);
        check("CREATE TABLE t (a INT) WITH ('connector' = '|", &["kafka'", "print'"]);
        check("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'sc|", &["scan.mode'"]);
        check("CREATE TABLE t (a INT) WITH ('sc|', 'connector' = 'kafka');", &["scan.mode"]);
        check(
            "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'scan.mode' = '|",
            &["earliest'", "latest'"],
        );
        check("CREATE TABLE t (a INT) WITH ('format' = 'json', 'j|", &["json.strict'"]);
        check("ALTER TABLE orders SET ('scan.m|", &["scan.mode'"]);
        check("SELECT * FROM orders /*+ OPTIONS('scan.m|", &["scan.mode'"]);
        check("SELECT * FROM orders /*+ OPTIONS('scan.mode' = 'l|", &["latest'"]);
    }

    #[test]
    fn any_text_and_place_is_fine() {
        let line = "SELECT ä 'x` /* FROM o.é";
        for cursor in 0..=line.len() {
            complete(line, cursor, &words());
        }
    }
}
