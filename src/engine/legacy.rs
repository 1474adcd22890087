//! Options of Flink 1.10 and older, and of DLI (`connector.type`, `format.type`, `update-mode`), put into today's words
//! when a table is declared (Flink's `KafkaValidator`, `ConnectorDescriptorValidator`, `FormatDescriptorValidator`).

use crate::base::{Error, ErrorKind, Result, nearest};
use crate::options::{OptionValue, Options};
use crate::table::{TableDef, Warnings};
use std::collections::BTreeMap;

/// Factory names of Flink 1.11 for Kafka of one version: the client negotiates versions with the brokers.
const KAFKA_NAMES: &[&str] = &["kafka-0.10", "kafka-0.11", "universal"];

/// Old keys with another name today; the value is the same.
const RENAMED: &[(&str, &str)] = &[
    ("connector.topic", "topic"),
    ("connector.startup-mode", "scan.startup.mode"),
    ("connector.specific-offsets", "scan.startup.specific-offsets"),
    ("connector.startup-timestamp-millis", "scan.startup.timestamp-millis"),
    // A property that Flink's own consumer read (`FlinkKafkaConsumerBase`).
    (
        "connector.properties.flink.partition-discovery.interval-millis",
        "scan.topic-partition-discovery.interval",
    ),
];

/// Old keys that say what is so anyway.
const DROPPED: &[&str] = &[
    "connector.version",
    "connector.property-version",
    "format.property-version",
    "format.derive-schema",
    "connector.properties.zookeeper.connect",
];

/// Old keys that describe the record apart from the table, whose columns do so already.
const SCHEMAS: &[&str] =
    &["format.schema", "format.json-schema", "format.avro-schema", "format.record-class"];

/// Old keys with a way of their own into today's.
const TRANSLATED: &[&str] = &[
    "connector.type",
    "connector.properties.*",
    "connector.sink-partitioner",
    "connector.sink-partitioner-class",
    "format.type",
    "update-mode",
];

/// Every old key, for the reference; a `#` stands for a number, a `*` for any rest.
pub fn old_keys() -> Vec<String> {
    let renamed = RENAMED.iter().map(|(before, _)| *before);
    let plain = renamed.chain([TRANSLATED, DROPPED, SCHEMAS].concat()).map(str::to_owned);
    let numbered = NUMBERED
        .iter()
        .flat_map(|(list, parts)| parts.iter().map(move |part| format!("{list}#.{part}")));
    plain.chain(numbered).collect()
}

/// Lists of numbered pairs, `connector.properties.0.key` and `connector.properties.0.value`.
const NUMBERED: &[(&str, [&str; 2])] = &[
    ("connector.properties.", ["key", "value"]),
    ("connector.specific-offsets.", ["partition", "offset"]),
];

/// Replaces old options of a table by new ones. Keys `connector.…` that mean nothing are refused; others stay, so that
/// they are refused by name when the table is used.
pub(super) fn modernize(table: &mut TableDef, warnings: &Warnings) -> Result<()> {
    if let Some(name) = table.options.get("connector")
        && KAFKA_NAMES.contains(&name)
    {
        let span = table.options.span("connector");
        table.options.set("connector", "kafka", span);
    }
    if table.options.get("connector.type").is_none() || table.options.get("connector").is_some() {
        return Ok(());
    }
    let subject = format!("table '{}'", table.name.table);
    let old = std::mem::take(&mut table.options);
    table.options = options(&old, &subject)?;
    for key in SCHEMAS.iter().filter(|key| old.get(key).is_some()) {
        warnings.info(&format!(
            "{subject}: '{key}' is not looked at: its columns are the schema of its records"
        ));
    }
    // It was a hint for the old planner: what Kafka holds is a log all the same.
    table.primary_key.clear();
    Ok(())
}

fn options(old: &Options, subject: &str) -> Result<Options> {
    let mut new = Options::default();
    let format = old.get("format.type").unwrap_or_default();
    let mut numbered: BTreeMap<(&str, u32), Numbered<'_>> = BTreeMap::new();
    for (key, entry) in old.iter() {
        let mut set = |today: &str| match today == key {
            true => new.set(today, entry.value.clone(), entry.span),
            false => new.set_written_as(today, key, entry),
        };
        if DROPPED.contains(&key) || SCHEMAS.contains(&key) {
        } else if let Some((_, today)) = RENAMED.iter().find(|(before, _)| *before == key) {
            set(today);
        } else if let Some((list, number, part)) = numbered_key(key) {
            let pair = numbered.entry((list, number)).or_default();
            match part {
                "key" | "partition" => pair.key = Some(entry),
                _ => pair.value = Some(entry),
            }
        } else {
            match key {
                "connector.type" => set("connector"),
                "format.type" => set("format"),
                "connector.sink-partitioner" if entry.value == "custom" => {}
                "connector.sink-partitioner" | "connector.sink-partitioner-class" => {
                    set("sink.partitioner");
                }
                "update-mode" => match entry.value.as_str() {
                    // What is written is for the format to say: a query that only inserts writes the same in all of
                    // them, and one with changes is refused where the format cannot express them.
                    "append" | "retract" | "upsert" => {}
                    _ => {
                        let problem = "expected one of append, retract, upsert";
                        return Err(invalid(key, entry, subject, problem));
                    }
                },
                // Flink's `CsvValidator` knows four. It is the end of what is written, and a record has none here.
                "format.line-delimiter" if format == "csv" => match entry.value.as_str() {
                    "" | "\n" | "\\n" => {}
                    _ => {
                        let problem = "expected \\n or nothing: a record holds one line, and nothing behind it";
                        return Err(invalid(key, entry, subject, problem));
                    }
                },
                "format" if !format.is_empty() && entry.value != format => {
                    let problem = format!("'format.type' = '{format}' says something else");
                    return Err(invalid(key, entry, subject, &problem));
                }
                _ => match (key.strip_prefix("connector."), key.strip_prefix("format.")) {
                    (Some(property), _) if property.starts_with("properties.") => set(property),
                    (_, Some(option)) if !format.is_empty() => set(&format!("{format}.{option}")),
                    // Other connectors have other keys.
                    (Some(_), _) if old.get("connector.type") == Some("kafka") => {
                        return Err(unknown(key, entry, subject));
                    }
                    _ => set(key),
                },
            }
        }
    }
    let mut offsets = Vec::new();
    for ((list, number), pair) in numbered {
        let (key, value) = pair.both(list, number, subject)?;
        if list == "connector.properties." {
            if key.value != "zookeeper.connect" {
                new.set(format!("properties.{}", key.value), value.value.clone(), value.span);
            }
        } else {
            offsets.push(format!("partition:{},offset:{}", key.value, value.value));
            new.set("scan.startup.specific-offsets", offsets.join(";"), value.span);
        }
    }
    Ok(new)
}

fn invalid(key: &str, entry: &OptionValue, subject: &str, problem: &str) -> Error {
    let value = &entry.value;
    let text = format!("invalid option '{key}' = '{value}' for {subject}: {problem}");
    let error = Error::new(ErrorKind::Option, text);
    match entry.span {
        Some(span) => error.at(span),
        None => error,
    }
}

/// A key that was none of the old connector: said here, as its nearest key is an old one.
fn unknown(key: &str, entry: &OptionValue, subject: &str) -> Error {
    let properties = ["bootstrap.servers", "group.id"].map(|p| format!("connector.properties.{p}"));
    let known = old_keys();
    let exact = known.iter().filter(|known| !known.contains(['#', '*']));
    let known = exact.chain(&properties).map(String::as_str);
    let error = Error::new(ErrorKind::Option, format!("unknown option '{key}' for {subject}"));
    let error = match nearest(key, known) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error,
    };
    match entry.span {
        Some(span) => error.at(span),
        None => error,
    }
}

/// The two halves of `connector.properties.0.key` and `connector.properties.0.value`, or of
/// `connector.specific-offsets.0.partition` and `….offset`.
#[derive(Default)]
struct Numbered<'a> {
    key: Option<&'a OptionValue>,
    value: Option<&'a OptionValue>,
}

impl<'a> Numbered<'a> {
    /// Both halves; an error that names the missing one.
    fn both(
        self,
        list: &str,
        number: u32,
        subject: &str,
    ) -> Result<(&'a OptionValue, &'a OptionValue)> {
        let (missing, there) = match (self.key, self.value) {
            (Some(key), Some(value)) => return Ok((key, value)),
            (Some(key), None) => (1, Some(key)),
            (None, value) => (0, value),
        };
        let parts = NUMBERED.iter().find(|(of, _)| *of == list).map(|(_, parts)| parts);
        let part = |at: usize| parts.and_then(|parts| parts.get(at)).copied().unwrap_or_default();
        let (missing, given) = (part(missing), part(1 - missing));
        let error = Error::new(
            ErrorKind::Option,
            format!(
                "option '{list}{number}.{given}' for {subject} has no other half '{list}{number}.{missing}'"
            ),
        );
        Err(match there.and_then(|entry| entry.span) {
            Some(span) => error.at(span),
            None => error,
        })
    }
}

fn numbered_key(key: &str) -> Option<(&'static str, u32, &str)> {
    let (list, number, part) = NUMBERED.iter().find_map(|(list, parts)| {
        let (number, part) = key.strip_prefix(list)?.split_once('.')?;
        parts.contains(&part).then_some((*list, number, part))
    })?;
    Some((list, number.parse().ok()?, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    fn modern(old: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut given = Options::default();
        for (key, value) in old {
            given.set(*key, *value, None);
        }
        let new = options(&given, "table 't'").unwrap();
        new.iter().map(|(key, entry)| (key.to_owned(), entry.value.clone())).collect()
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_old_key_has_a_new_one() {
        let found = modern(&[
            ("connector.type", "kafka"),
            ("connector.version", "universal"),
            ("connector.topic", "a"),
            ("connector.startup-mode", "specific-offsets"),
            ("connector.specific-offsets.0.partition", "0"),
            ("connector.specific-offsets.0.offset", "42"),
            ("connector.specific-offsets.1.partition", "1"),
            ("connector.specific-offsets.1.offset", "300"),
            ("connector.properties.bootstrap.servers", "b:9092"),
            ("connector.properties.0.key", "group.id"),
            ("connector.properties.0.value", "g"),
            ("connector.properties.zookeeper.connect", "z:2181"),
            ("connector.properties.flink.partition-discovery.interval-millis", "300000"),
            ("connector.sink-partitioner", "round-robin"),
            ("format.type", "csv"),
            ("format.field-delimiter", "|"),
            ("format.derive-schema", "true"),
            ("update-mode", "append"),
        ]);
        let wanted = pairs(&[
            ("connector", "kafka"),
            ("csv.field-delimiter", "|"),
            ("format", "csv"),
            ("properties.bootstrap.servers", "b:9092"),
            ("properties.group.id", "g"),
            ("scan.startup.mode", "specific-offsets"),
            ("scan.startup.specific-offsets", "partition:0,offset:42;partition:1,offset:300"),
            ("scan.topic-partition-discovery.interval", "300000"),
            ("sink.partitioner", "round-robin"),
            ("topic", "a"),
        ]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn half_a_pair_is_refused_by_name_without_its_value() {
        for (given, missing) in [
            ("connector.properties.3.value", "connector.properties.3.key"),
            ("connector.properties.3.key", "connector.properties.3.value"),
            ("connector.specific-offsets.0.offset", "connector.specific-offsets.0.partition"),
        ] {
            let mut old = Options::default();
            old.set("connector.type", "kafka", None);
            old.set(given, "hush", Some(Span::new(3, 9)));
            let error = options(&old, "table 't'").unwrap_err();
            let wanted = format!("option '{given}' for table 't' has no other half '{missing}'");
            assert_eq!((error.to_string(), error.span()), (wanted, Some(Span::new(3, 9))));
        }
    }

    #[test]
    fn a_custom_partitioner_is_named_by_its_class() {
        let found = modern(&[
            ("connector.type", "kafka"),
            ("connector.sink-partitioner", "custom"),
            ("connector.sink-partitioner-class", "org.mycompany.MyPartitioner"),
        ]);
        let wanted =
            pairs(&[("connector", "kafka"), ("sink.partitioner", "org.mycompany.MyPartitioner")]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn columns_are_the_schema() {
        for key in SCHEMAS {
            let found = modern(&[("connector.type", "kafka"), (*key, "ROW<a INT>")]);
            assert_eq!(found, pairs(&[("connector", "kafka")]));
        }
    }

    #[test]
    fn a_record_of_csv_has_no_line_end() {
        let of = |end: &str| {
            let mut old = Options::default();
            old.set("connector.type", "kafka", None);
            old.set("format.type", "csv", None);
            old.set("format.line-delimiter", end, None);
            options(&old, "table 't'")
        };
        for end in ["", "\n", "\\n"] {
            let keys: Vec<String> =
                of(end).unwrap().iter().map(|(key, _)| key.to_owned()).collect();
            assert_eq!(keys, ["connector", "format"]);
        }
        let error = of("\r\n").unwrap_err().to_string();
        assert!(error.ends_with("a record holds one line, and nothing behind it"), "{error}");
    }

    #[test]
    fn wrong_values_are_refused_at_their_place() {
        for (key, value, problem) in [
            ("update-mode", "appnd", "expected one of append, retract, upsert"),
            ("format", "raw", "'format.type' = 'json' says something else"),
        ] {
            let mut old = Options::default();
            old.set("connector.type", "kafka", None);
            old.set("format.type", "json", None);
            old.set(key, value, Some(Span::new(3, 9)));
            let error = options(&old, "table 't'").unwrap_err();
            let wanted = format!("invalid option '{key}' = '{value}' for table 't': {problem}");
            assert_eq!((error.to_string(), error.span()), (wanted, Some(Span::new(3, 9))));
        }
    }

    #[test]
    fn what_means_nothing_stays_or_names_the_nearest_old_key() {
        let found = modern(&[("connector.type", "kafka"), ("update-mod", "append")]);
        assert_eq!(found, pairs(&[("connector", "kafka"), ("update-mod", "append")]));
        for (typed, near) in [
            ("connector.topik", "connector.topic"),
            ("connector.propertis.bootstrap.servers", "connector.properties.bootstrap.servers"),
        ] {
            let mut given = Options::default();
            given.set("connector.type", "kafka", None);
            given.set(typed, "x", None);
            let error = options(&given, "table 't'").unwrap_err();
            assert!(error.to_string().contains(typed), "{error}");
            assert_eq!(error.hint(), Some(format!("did you mean '{near}'?").as_str()));
        }
    }
}
