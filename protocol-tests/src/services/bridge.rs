//! Kafka's own Java client as the other end of a test: one JVM for all topics and records.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Kafka;

/// A record as the Java client sends and receives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeRecord {
    /// `None` on the way out lets Java's partitioner choose.
    pub partition: Option<i32>,
    /// Set on what was read.
    pub offset: i64,
    /// Milliseconds since 1970; `None` on the way out is the time of sending.
    pub timestamp: Option<i64>,
    /// `None` is a null key.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; names may repeat and hold neither spaces nor `=`.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl BridgeRecord {
    /// A value without a key, in a partition.
    #[must_use]
    pub fn value(partition: i32, value: impl Into<Vec<u8>>) -> Self {
        Self { partition: Some(partition), value: Some(value.into()), ..Self::default() }
    }
}

/// Which records a read returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All of them.
    ReadUncommitted,
    /// Those of committed transactions and of none.
    ReadCommitted,
}

/// A running `KafkaBridge.java`. It ends when its stdin closes: with this value or the process.
#[derive(Debug)]
pub struct Bridge {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Bridge {
    /// Starts one with producer properties under Java's names, e.g. `compression.type` or
    /// `transactional.id`. Tests that need none share [`Kafka::bridge`].
    ///
    /// # Errors
    /// Java or the jars are missing.
    pub fn start(kafka: &Kafka, properties: &[(&str, &str)]) -> io::Result<Self> {
        Self::start_at(kafka, kafka.bootstrap(), properties)
    }

    /// Starts one with the client of `kafka` against another cluster.
    ///
    /// # Errors
    /// Java or the jars are missing.
    pub fn start_at(
        kafka: &Kafka,
        bootstrap: &str,
        properties: &[(&str, &str)],
    ) -> io::Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/KafkaBridge.java");
        let mut child = Command::new("java")
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(kafka.class_path()?)
            .arg(source)
            .arg(bootstrap)
            .args(properties.iter().map(|(key, value)| format!("{key}={value}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the pipes were asked for"));
        };
        Ok(Self { child, stdin: Some(stdin), stdout: BufReader::new(stdout) })
    }

    /// Creates a topic with replication factor 1.
    ///
    /// # Errors
    /// What the cluster says.
    pub fn create_topic(
        &mut self,
        topic: &str,
        partitions: u32,
        configs: &[(&str, &str)],
    ) -> io::Result<()> {
        let mut request = format!("create {topic} {partitions}");
        for (key, value) in configs {
            request.push_str(&format!(" {key}={value}"));
        }
        self.ask(&request).map(drop)
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// What the cluster says.
    pub fn delete_topic(&mut self, topic: &str) -> io::Result<()> {
        self.ask(&format!("delete {topic}")).map(drop)
    }

    /// Sends records and waits for all acknowledgements.
    ///
    /// # Errors
    /// The first record that failed.
    pub fn produce(&mut self, topic: &str, records: &[BridgeRecord]) -> io::Result<()> {
        let mut lines = String::new();
        for record in records {
            let partition = record.partition.unwrap_or(-1);
            let timestamp = record.timestamp.map_or_else(|| "-".to_owned(), |t| t.to_string());
            let (key, value) = (encode(record.key.as_deref()), encode(record.value.as_deref()));
            let line = format!("produce {topic} {partition} {timestamp} {key} {value}");
            lines.push_str(&line);
            for (name, value) in &record.headers {
                lines.push_str(&format!(" {name}={}", encode(value.as_deref())));
            }
            lines.push('\n');
        }
        self.send(&lines)?;
        self.ask("flush").map(drop)
    }

    /// Begins, commits or aborts a transaction: `"begin"`, `"commit"`, `"abort"`.
    ///
    /// # Errors
    /// What the producer says; without `transactional.id` always.
    pub fn transaction(&mut self, what: &str) -> io::Result<()> {
        self.ask(what).map(drop)
    }

    /// Adds an offset of a group to the transaction.
    ///
    /// # Errors
    /// What the producer says.
    pub fn send_offset(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> io::Result<()> {
        self.ask(&format!("offsets {group} {topic} {partition} {offset}")).map(drop)
    }

    /// The committed offset of a group.
    ///
    /// # Errors
    /// What the cluster says.
    pub fn committed(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> io::Result<Option<i64>> {
        let lines = self.ask(&format!("committed {group} {topic} {partition}"))?;
        Ok(lines.first().and_then(|line| line.parse().ok()))
    }

    /// Everything that a topic holds now, by partition, then offset.
    ///
    /// # Errors
    /// What the consumer says.
    pub fn read(&mut self, topic: &str, isolation: Isolation) -> io::Result<Vec<BridgeRecord>> {
        let level = match isolation {
            Isolation::ReadUncommitted => "read_uncommitted",
            Isolation::ReadCommitted => "read_committed",
        };
        let lines = self.ask(&format!("read {topic} {level}"))?;
        lines
            .iter()
            .map(|line| parse(line).ok_or_else(|| io::Error::other(format!("bad line: {line}"))))
            .collect()
    }

    fn send(&mut self, lines: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or_else(|| io::Error::other("the bridge is closed"))?;
        stdin.write_all(lines.as_bytes())?;
        stdin.flush()
    }

    fn ask(&mut self, request: &str) -> io::Result<Vec<String>> {
        self.send(&format!("{request}\n"))?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("the bridge ended at: {request}")));
            }
            match line.trim_end() {
                "ok" => return Ok(lines),
                error if error.starts_with("error ") => {
                    return Err(io::Error::other(format!("{request}: {error}")));
                }
                line => lines.push(line.to_owned()),
            }
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}

fn parse(line: &str) -> Option<BridgeRecord> {
    let mut fields = line.split(' ');
    let mut record = BridgeRecord {
        partition: Some(fields.next()?.parse().ok()?),
        offset: fields.next()?.parse().ok()?,
        timestamp: Some(fields.next()?.parse().ok()?),
        key: decode(fields.next()?)?,
        value: decode(fields.next()?)?,
        headers: Vec::new(),
    };
    for header in fields {
        let (name, value) = header.split_once('=')?;
        record.headers.push((name.to_owned(), decode(value)?));
    }
    Some(record)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64; `-` is null and `=` is empty, as in `KafkaBridge.java`.
fn encode(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    if bytes.is_empty() {
        return "=".to_owned();
    }
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = usize::try_from((word >> (18 - 6 * i)) & 63).unwrap_or(0);
            let digit = if i <= chunk.len() { ALPHABET[digit] } else { b'=' };
            text.push(char::from(digit));
        }
    }
    text
}

#[expect(clippy::option_option, reason = "a null field is not a broken one")]
fn decode(text: &str) -> Option<Option<Vec<u8>>> {
    if text == "-" {
        return Some(None);
    }
    let mut bytes = Vec::new();
    let (mut word, mut bits) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let digit = ALPHABET.iter().position(|a| *a == c)?;
        word = (word << 6) | u32::try_from(digit).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((word >> bits) & 255).ok()?);
        }
    }
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_the_pipe() {
        for bytes in [None, Some(&b""[..]), Some(b"a"), Some(b"ab"), Some(b"abc"), Some(&[0, 255])]
        {
            assert_eq!(decode(&encode(bytes)), Some(bytes.map(<[u8]>::to_vec)), "{bytes:?}");
        }
        assert_eq!(encode(Some(b"hello")), "aGVsbG8=");
        assert_eq!(decode("ä"), None);
    }
}
