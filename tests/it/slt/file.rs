//! The blocks of a file.

use std::collections::BTreeMap;

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    /// Line of its first line, from 1.
    pub(super) line: usize,
    /// Why it is not for brooklet.
    pub(super) skip: Option<String>,
    pub(super) kind: Kind,
    /// The lines after the first.
    pub(super) body: Vec<String>,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Kind {
    Create {
        topic: String,
        partitions: i32,
    },
    Produce(Records),
    Expect(Records),
    /// Schemas to register under a subject.
    Register {
        subject: String,
    },
    /// Schemas that a subject has.
    Registered {
        subject: String,
    },
    Ok,
    Error,
    Query {
        rowsort: bool,
    },
}

/// Options of `kafka-produce` and `kafka-expect`.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) topic: String,
    pub(super) fields: Vec<Field>,
    pub(super) escapes: bool,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) rowsort: bool,
}

/// One of the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Partition,
    Timestamp,
    Key,
    Value,
    Headers,
}

impl Block {
    /// The statement of the block, and what is expected after `----`.
    pub(super) fn statement(&self) -> (String, &[String]) {
        let end = self.body.iter().position(|line| line == "----");
        let (sql, expected) = match end {
            Some(end) => (&self.body[..end], &self.body[end + 1..]),
            None => (&self.body[..], &[][..]),
        };
        (sql.join("\n"), expected)
    }
}

/// Splits a file into blocks.
pub(super) fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (mut index, mut line, mut skip) = (index, line, None);
        if let Some(reason) = line.strip_prefix("skipif brooklet ") {
            skip = Some(reason.to_owned());
            (index, line) = lines.next().ok_or("skipif at the end of the file")?;
        }
        let mut body = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.is_empty()) {
            body.push(line.to_owned());
        }
        let kind = kind(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        blocks.push(Block { line: index + 1, skip, kind, body });
    }
    Ok(blocks)
}

fn kind(line: &str) -> Result<Kind, String> {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    Ok(match (first, &rest[..]) {
        ("statement", ["ok"]) => Kind::Ok,
        ("statement", ["error"]) => Kind::Error,
        ("query", []) => Kind::Query { rowsort: false },
        ("query", ["rowsort"]) => Kind::Query { rowsort: true },
        ("kafka-create", [topic, options @ ..]) => {
            let options = pairs(options);
            let partitions = options.get("partitions").map_or(Ok(1), |n| n.parse());
            let partitions = partitions.map_err(|e| format!("partitions: {e}"))?;
            Kind::Create { topic: (*topic).to_owned(), partitions }
        }
        ("registry-register", [subject]) => Kind::Register { subject: (*subject).to_owned() },
        ("registry-expect", [subject]) => Kind::Registered { subject: (*subject).to_owned() },
        ("kafka-produce", [topic, options @ ..]) => Kind::Produce(records(topic, options)?),
        ("kafka-expect", [topic, options @ ..]) => Kind::Expect(records(topic, options)?),
        _ => return Err(format!("'{line}' starts no block")),
    })
}

fn pairs<'a>(words: &[&'a str]) -> BTreeMap<&'a str, &'a str> {
    words.iter().map(|word| word.split_once('=').unwrap_or((word, ""))).collect()
}

fn records(topic: &str, options: &[&str]) -> Result<Records, String> {
    let mut records =
        Records { topic: topic.to_owned(), fields: vec![Field::Value], ..Records::default() };
    for (key, value) in pairs(options) {
        match key {
            "fields" => records.fields = value.split(',').map(field).collect::<Result<_, _>>()?,
            "escapes" => records.escapes = true,
            "rowsort" => records.rowsort = true,
            "partition" => records.partition = Some(value.parse().map_err(|e| format!("{e}"))?),
            "timestamp" => records.timestamp = Some(value.parse().map_err(|e| format!("{e}"))?),
            _ => return Err(format!("unknown option '{key}'")),
        }
    }
    Ok(records)
}

fn field(name: &str) -> Result<Field, String> {
    Ok(match name {
        "partition" => Field::Partition,
        "timestamp" => Field::Timestamp,
        "key" => Field::Key,
        "value" => Field::Value,
        "headers" => Field::Headers,
        _ => return Err(format!("unknown field '{name}'")),
    })
}

#[test]
fn blocks_are_told_apart() {
    let text = "# a comment\n\nkafka-create a partitions=3\n\n# about the next\nskipif brooklet reason why\n\
                query rowsort\nSELECT 1\n# no comment\n----\nx\n\nkafka-produce a fields=key,value escapes\nk\\t\tv\n";
    let blocks = parse(text).unwrap();
    assert_eq!(blocks.len(), 3);
    assert!(matches!(&blocks[0].kind, Kind::Create { topic, partitions: 3 } if topic == "a"));
    assert_eq!((blocks[1].line, blocks[1].skip.as_deref()), (7, Some("reason why")));
    let (sql, expected) = blocks[1].statement();
    assert_eq!((sql.as_str(), expected), ("SELECT 1\n# no comment", &["x".to_owned()][..]));
    let Kind::Produce(records) = &blocks[2].kind else { panic!("{blocks:?}") };
    assert_eq!((&records.fields[..], records.escapes), (&[Field::Key, Field::Value][..], true));
    assert!(parse("what is this").is_err());
}
