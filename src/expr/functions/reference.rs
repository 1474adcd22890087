//! The reference page of the functions, made of their declarations.

use super::{FUNCTIONS, Function};
use std::fmt::Write;

/// Headings of the groups of [`FUNCTIONS`], in order.
const HEADINGS: &[&str] = &[
    "Text",
    "Splitting",
    "URLs",
    "Base64, hexadecimal digits and charsets",
    "Regular expressions",
    "Hashes",
    "Numbers",
    "Dates and times",
    "Arrays, maps and rows",
    "More about arrays and maps",
    "JSON",
    "VARIANT",
    "Formatting",
    "Random values",
];

/// What has a grammar of its own, or is bound to other expressions: how it is written, and what it is.
const SYNTAX: &[(&str, &str)] = &[
    ("a = b, <>, <, <=, >, >=", "Comparisons; NULL where an operand is NULL."),
    ("a IS [NOT] NULL, TRUE, FALSE, UNKNOWN", "Tests that are never NULL."),
    ("a IS [NOT] DISTINCT FROM b", "Comparison that takes NULL for a value."),
    ("a [NOT] BETWEEN [SYMMETRIC] b AND c", "Whether a value lies between two others."),
    ("a [NOT] IN (b, …)", "Whether a value is one of a list."),
    ("a [NOT] LIKE pattern [ESCAPE c]", "`%` stands for any text, `_` for one character."),
    ("a [NOT] SIMILAR TO pattern [ESCAPE c]", "LIKE with the operators of regular expressions."),
    ("a AND b, a OR b, NOT a", "Logic of three values."),
    ("a + b, -, *, /, %", "Arithmetic of numbers, of times and intervals, and of intervals."),
    ("a || b", "Texts joined."),
    (
        "(a, b) OVERLAPS (c, d)",
        "Whether two periods, each of a start and an end or length, overlap.",
    ),
    ("CASE [a] WHEN b THEN c … [ELSE d] END", "The first result whose condition holds."),
    ("CAST(a AS type), TRY_CAST(a AS type)", "Conversion; TRY_CAST answers NULL where it fails."),
    ("COALESCE(a, …)", "The first value that is not NULL."),
    ("IF(condition, a, b)", "The one value or the other."),
    ("IFNULL(a, b)", "The first value, or the second where it is NULL."),
    ("NULLIF(a, b)", "NULL where both are equal, else the first."),
    ("MOD(a, b)", "The remainder of a division."),
    ("EXTRACT(unit FROM a)", "One field of a time or an interval."),
    ("FLOOR(a TO unit), CEIL(a TO unit)", "A time rounded to a unit."),
    ("(a - b) unit", "The time between two times as an interval."),
    ("JSON_EXISTS(json, path [… ON ERROR])", "Whether a path finds something."),
    (
        "JSON_VALUE(json, path [RETURNING type] [… ON EMPTY] [… ON ERROR])",
        "The scalar that a path finds.",
    ),
    (
        "JSON_QUERY(json, path [RETURNING type] [wrapper] [… ON EMPTY] [… ON ERROR])",
        "The array or object that a path finds.",
    ),
    ("JSON_OBJECT([KEY] key VALUE value, … [… ON NULL])", "An object as JSON text."),
    ("JSON_ARRAY(value, … [… ON NULL])", "An array as JSON text."),
    ("a IS [NOT] JSON [VALUE | OBJECT | ARRAY | SCALAR]", "Whether a text is JSON."),
    ("ARRAY[a, …], MAP[key, value, …], ROW(a, …)", "Arrays, maps and rows."),
    ("array[n], map[key], row.field", "Their parts."),
    ("CURRENT_DATABASE()", "The name of the current database."),
    ("TYPEOF(a [, full])", "The type of an expression as text."),
];

/// Names of all functions that can be called by name, in alphabetical order.
pub fn function_names() -> Vec<&'static str> {
    let declared = public().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
    let written = SYNTAX.iter().flat_map(|(usage, _)| usage.split(", ")).filter_map(|usage| {
        let (name, _) = usage.split_once('(')?;
        let fits = |c: char| c.is_ascii_uppercase() || c == '_';
        (!name.is_empty() && name.chars().all(fits)).then_some(name)
    });
    let mut names: Vec<&str> = declared.chain(written).filter(|name| *name != "||").collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn public() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().flat_map(|group| group.iter()).filter(|function| function.is_public())
}

/// The reference page: Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "Results are Flink 2.1's. Where nothing else is said, the result is NULL where an argument is NULL.\n\n\
         ## Operators and syntax\n\n| written | gives |\n|---|---|\n",
    );
    let cell = |text: &str| text.replace('|', "\\|");
    for (usage, doc) in SYNTAX {
        let _ = writeln!(page, "| `{}` | {} |", cell(usage), cell(doc));
    }
    for (heading, group) in HEADINGS.iter().zip(FUNCTIONS) {
        let _ = write!(page, "\n## {heading}\n\n| function | gives |\n|---|---|\n");
        let mut functions: Vec<&Function> =
            group.iter().filter(|f| f.is_public() && f.name != "||").collect();
        functions.sort_by_key(|function| function.name);
        for function in functions {
            let aliases: Vec<String> =
                function.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let also = match aliases.is_empty() {
                true => String::new(),
                false => format!(" Also {}.", aliases.join(", ")),
            };
            let (usage, doc) = (cell(function.usage), cell(function.doc));
            let _ = writeln!(page, "| `{usage}` | {doc}{also} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_a_heading_and_every_name_is_its_own() {
        assert_eq!(HEADINGS.len(), FUNCTIONS.len());
        let names = public().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert!(function_names().contains(&"JSON_VALUE"));
    }
}
