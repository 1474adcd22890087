//! What the errors say, and where they point.

use crate::base::LineIndex;
use crate::sql::{ParseError, parse_script, parse_statement};

/// `line:column` of the start, the marked text, the message and the hint.
fn describe(source: &str, error: &ParseError) -> String {
    let (line, column) = LineIndex::new(source).line_column(source, error.span.start);
    let marked = error.span.text(source);
    let hint = error.hint.as_deref().unwrap_or("-");
    format!("{line}:{column} [{marked}] {} | {hint}", error.message)
}

fn check(source: &str, expected: &str) {
    let error = parse_statement(source).expect_err(source);
    assert_eq!(describe(source, &error), expected, "{source}");
}

#[test]
fn a_word_that_does_not_fit_is_named_with_what_would_fit() {
    check(
        "CREATE TABEL t (a INT)",
        "1:8 [TABEL] Encountered \"TABEL\" at line 1, column 8. Was expecting one of: \"OR\", \
         \"TEMPORARY\", \"TABLE\", \"VIEW\", \"FUNCTION\", \"DATABASE\", \"CATALOG\" | did you mean TABLE?",
    );
    check(
        "SELECT a\nFROM t\nGROUP a",
        "3:7 [a] Encountered \"a\" at line 3, column 7. Was expecting: \"BY\" | -",
    );
    check(
        "SELECT a, FROM t",
        "1:11 [FROM] Incorrect syntax near the keyword 'FROM' at line 1, column 11. Was \
         expecting one of: \"*\", \"NOT\", \"-\", \"+\", <EXPRESSION> | -",
    );
    check(
        "CREATE TABLE t (a INT) WITH ('a' = b)",
        "1:36 [b] Encountered \"b\" at line 1, column 36. Was expecting: <STRING LITERAL> | -",
    );
    check(
        "SELECT (1 + 2",
        "1:14 [] Encountered \"<EOF>\" at line 1, column 14. Was expecting one of: \"[\", \".\", \
         \",\", \")\" | -",
    );
}

#[test]
fn a_reserved_word_used_as_a_name_is_shown_in_quotes() {
    for (source, word, column) in [
        ("CREATE TABLE t (a INT, user STRING)", "user", 24),
        ("CREATE TABLE t (timestamp TIMESTAMP(3))", "timestamp", 17),
        ("SELECT count FROM t", "count", 8),
        ("SELECT timestamp FROM t", "timestamp", 8),
        ("SELECT a AS value FROM t", "value", 13),
        ("SELECT t.offset FROM t", "offset", 10),
        ("INSERT INTO table SELECT 1", "table", 13),
    ] {
        let error = parse_statement(source).expect_err(source);
        let hint = format!("{word} is a reserved word; quote it: `{word}`");
        assert_eq!(error.hint.as_deref(), Some(hint.as_str()), "{source}");
        let start =
            format!("Encountered \"{word}\" at line 1, column {column}: a reserved word used as a");
        assert!(error.message.starts_with(&start), "{source}: {}", error.message);
        parse_statement(&source.replacen(word, &format!("`{word}`"), 1)).expect(source);
    }
}

#[test]
fn what_many_write_has_its_cure() {
    for (source, cure) in [
        ("CREATE VIEW v AS SELECT 1\nSELECT 2", "a ; may be missing before SELECT"),
        ("INSERT INTO TABLE p SELECT 1", "leave TABLE away"),
        ("CREATE TABLE IF NOT EXIST t (a INT)", "write IF NOT EXISTS"),
        ("SELECT * FROM t /*+ OPTIONS(rows-per-second='3') */", "write OPTIONS('key' = 'value')"),
        ("BEGIN STATEMENT SET; INSERT INTO p SELECT 1", "a statement set ends with END;"),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO p SELECT 1;", "a statement set ends with END;"),
    ] {
        let parsed = parse_script(source).into_iter().find_map(|statement| statement.result.err());
        assert_eq!(parsed.expect(source).hint.as_deref(), Some(cure), "{source}");
    }
}

#[test]
fn what_is_no_token_is_named() {
    for (source, expected) in [
        (
            "SELECT \"a\"",
            "1:8 [\"] Lexical error at line 1, column 8: a double quote does not \
         quote anything in Flink SQL. | quote names with back-ticks (`name`) and text with \
         single quotes ('text')",
        ),
        (
            "SELECT 'a",
            "1:8 ['] Lexical error at line 1, column 8: the string literal is not \
         closed. | a quote inside a string is doubled: ''",
        ),
        (
            "SELECT `a",
            "1:8 [`] Lexical error at line 1, column 8: the quoted name is not closed. \
         | -",
        ),
        (
            "SELECT 1 /* x",
            "1:10 [/* x] Lexical error at line 1, column 10: the comment is not \
         closed. | close it with */",
        ),
        (
            "SELECT ä, €",
            "1:11 [€] Lexical error at line 1, column 11: this character is not part \
         of SQL. | -",
        ),
    ] {
        check(source, expected);
    }
}

#[test]
fn what_flink_does_not_allow_is_said_with_the_cure() {
    for (source, expected) in [
        (
            "SELECT a != b",
            "1:10 [!=] Bang equal '!=' is not allowed under the current SQL \
         conformance level (at line 1, column 10). | write <>",
        ),
        (
            "SELECT 1 MINUS SELECT 2",
            "1:10 [MINUS] MINUS is not allowed under the current SQL \
         conformance level | write EXCEPT",
        ),
        (
            "SELECT a AS 'b'",
            "1:13 ['b'] Expecting alias, found character literal | quote names \
         with back-ticks: `name`",
        ),
        (
            "SELECT 1 LIMIT 2, 3",
            "1:17 [,] 'LIMIT start, count' is not allowed under the current \
         SQL conformance level | write LIMIT count OFFSET start",
        ),
        (
            "CREATE TABLE t (a DATETIME)",
            "1:19 [DATETIME] DATETIME is not a type of Flink SQL | \
         write TIMESTAMP(3)",
        ),
    ] {
        check(source, expected);
    }
}

#[test]
fn hostile_nesting_is_an_error_and_no_stack_overflow() {
    let deep = 5_000;
    for source in [
        format!("SELECT {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("SELECT {}1", "NOT ".repeat(deep)),
        format!("SELECT {}1", "- ".repeat(deep)),
        format!("SELECT {}", "f(".repeat(deep)),
        format!("SELECT {}", "CASE WHEN ".repeat(deep)),
        format!("SELECT a{}", "[b".repeat(deep)),
        format!("SELECT {}", "CAST(".repeat(deep)),
        format!("SELECT {}", "ARRAY[".repeat(deep)),
        format!("{}SELECT 1", "(".repeat(deep)),
        format!("SELECT * FROM {}t", "(".repeat(deep)),
        format!("SELECT {}", "(SELECT ".repeat(deep)),
        format!("SELECT * FROM {}", "(SELECT * FROM ".repeat(deep)),
        format!("CREATE TABLE t (a {}", "ARRAY<".repeat(deep)),
        format!("CREATE TABLE t (a {}", "ROW<a ".repeat(deep)),
        format!("SELECT a FROM t GROUP BY {}", "ROLLUP(".repeat(deep)),
        format!("WITH a AS ({}", "WITH a AS (".repeat(deep)),
        format!("SELECT INTERVAL {}", "INTERVAL ".repeat(deep)),
    ] {
        let error = parse_statement(&source).expect_err("too deep");
        assert!(error.message.contains("nested too deeply"), "{}", error.message);
    }
    for source in [
        format!("SELECT 1{}", " + 1".repeat(deep)),
        format!("SELECT a{}", " AND a".repeat(deep)),
        format!("SELECT a{}", "[1]".repeat(deep)),
        format!("SELECT a{}", " IS NULL".repeat(deep)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(deep)),
        format!("SELECT * FROM t{}", ", t".repeat(deep)),
        format!("SELECT * FROM t{}", " JOIN t ON a".repeat(deep)),
        format!("CREATE TABLE t (a INT{}", " ARRAY".repeat(deep)),
    ] {
        let error = parse_statement(&source).expect_err("too long");
        assert!(error.message.contains("too long a chain"), "{}", error.message);
    }
}

#[test]
fn nesting_up_to_the_limit_is_parsed() {
    let levels = 60;
    let nested = format!("SELECT {}1{}", "(".repeat(levels), ")".repeat(levels));
    parse_statement(&nested).expect("60 levels");
    let chain = format!("SELECT 1{}", " OR a = 1".repeat(900));
    parse_statement(&chain).expect("900 alternatives");
}

#[test]
fn a_wrong_statement_does_not_hide_the_next() {
    let source = "SELECT 1;\nSELEC 2;\nSELECT ';' FROM;\nCREATE TABLE t (a INT";
    let verdicts: Vec<String> = parse_script(source)
        .iter()
        .map(|parsed| match &parsed.result {
            Ok(_) => format!("{} ok", parsed.kind),
            Err(error) => format!("{} {:?} {}", parsed.kind, error.span, error.message),
        })
        .collect();
    assert_eq!(verdicts[0], "SELECT ok");
    assert!(verdicts[1].starts_with("UNKNOWN @10..15 Encountered \"SELEC\" at line 2, column 1."));
    assert!(verdicts[2].starts_with("SELECT @34..34 Encountered \"<EOF>\" at line 3, column 16."));
    assert!(
        verdicts[3].starts_with("CREATE TABLE @57..57 Encountered \"<EOF>\" at line 4, column 22")
    );
    assert_eq!(verdicts.len(), 4);
}
