//! Record batches in every codec, both ways, against the Java client.
//!
//! Java and this crate write batches; both describe all of them, and the descriptions must agree.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{
    BatchBuilder, Batches, ControlKind, ControlRecord, Header, SealedBatch, TimestampType,
};
use bytes::Bytes;

const CLIENTS: &str = "4.3.1";
const LIMIT: usize = 64 << 20;

#[test]
fn batches_agree_with_the_java_client() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(jars) = jars(root) else { return };
    let folder = tempfile::tempdir_in(root).expect("a scratch folder");
    let written = write_ours(folder.path());

    let run = Command::new("java")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("java/RecordsOracle.java"))
        .arg(folder.path())
        .stdin(Stdio::null())
        .output();
    let run = match run {
        Ok(run) => run,
        Err(error) => return skip(&format!("no Java: {error}")),
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let mut compared = 0;
    for entry in fs::read_dir(folder.path()).expect("the folder") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let theirs = fs::read_to_string(file.with_extension("txt")).expect("Java's description");
        let ours = describe(fs::read(&file).expect("a file").into());
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{name}");
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert!(ours == theirs, "{name}: ours {ours:.300}\n Java's {theirs:.300}");
        }
        compared += 1;
    }
    // Java: nine codecs and levels, long and short, and the markers.
    assert_eq!(compared, written + 19);
}

/// The jars of the Java client, copied once into the build folder.
fn jars(root: &Path) -> Option<PathBuf> {
    let jars = root.join(format!("kafka-clients-{CLIENTS}"));
    if jars.is_dir() {
        return Some(jars);
    }
    let work = tempfile::tempdir_in(root).expect("a scratch folder");
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>tests</groupId><artifactId>records</artifactId><version>1</version>\
         <dependencies><dependency><groupId>org.apache.kafka</groupId>\
         <artifactId>kafka-clients</artifactId><version>{CLIENTS}</version></dependency>\
         </dependencies></project>"
    );
    fs::write(work.path().join("pom.xml"), pom).expect("the pom");
    let run = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg("-DoutputDirectory=jars")
        .current_dir(work.path())
        .stdin(Stdio::null())
        .output();
    match run {
        Ok(run) if run.status.success() => {
            // Lost to another process: then its folder is as good.
            fs::rename(work.path().join("jars"), &jars).ok();
            jars.is_dir().then_some(jars)
        }
        Ok(run) => {
            skip(&format!("Maven failed: {}", String::from_utf8_lossy(&run.stdout).trim()));
            None
        }
        Err(error) => {
            skip(&format!("no Maven: {error}"));
            None
        }
    }
}

#[allow(clippy::print_stderr, reason = "a skipped proof must be seen")]
fn skip(cause: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{cause}");
    eprintln!("skipped the comparison with the Java client: {cause}");
}

/// Writes our batches and returns the number of files.
fn write_ours(folder: &Path) -> usize {
    let mut files = 0;
    let mut write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(format!("ours-{name}.bin")), bytes).expect("a batch file");
        files += 1;
    };
    for codec in Compression::ALL {
        let odd = odd(codec).stamp(7, 1, 5, true);
        write(codec.name(), &[odd, many(codec).stamp(-1, -1, -1, false)].concat());
        let mut large = large(codec);
        write(&format!("large-{codec}"), &large.stamp(8, 0, i32::MAX, false));
        let halves = large.split(&mut Compressor::new(), &mut Decompressor::new());
        for (index, mut half) in halves.expect("two halves").into_iter().enumerate() {
            write(&format!("half-{index}-{codec}"), &half.stamp(8, 0, 0, false));
        }
    }
    let header = *Batches::new(odd(Compression::None).stamp(3, 4, 5, true))
        .next()
        .expect("a batch")
        .expect("a valid batch")
        .header();
    for (name, kind) in [("abort", ControlKind::Abort), ("commit", ControlKind::Commit)] {
        let marker = ControlRecord { version: 0, kind, coordinator_epoch: Some(12) };
        write(name, &marker.to_batch(&header));
    }
    files
}

fn seal(mut builder: BatchBuilder) -> SealedBatch {
    builder.seal(&mut Compressor::new()).expect("a batch")
}

fn odd(codec: Compression) -> SealedBatch {
    let mut builder = BatchBuilder::new(codec, 1 << 20);
    let headers = [
        Header { key: b"same", value: Some(b"1") },
        Header { key: b"same", value: Some(b"2") },
        Header { key: b"null", value: None },
        Header { key: b"empty", value: Some(b"") },
        Header { key: b"", value: Some("é".as_bytes()) },
    ];
    let mut append = |timestamp, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[_]| {
        builder.append(timestamp, key, value, headers).expect("room");
    };
    append(1_700_000_000_000, None, Some(b"value"), &[]);
    append(1_700_000_000_000 + (1 << 40), Some(b""), Some(b""), &headers);
    append(5, Some(b"tombstone"), None, &headers[..1]);
    append(-1, Some(b"key"), Some(b"no timestamp"), &[]);
    seal(builder)
}

fn many(codec: Compression) -> SealedBatch {
    let mut builder = BatchBuilder::new(codec, 1 << 20);
    for index in 0..5000u32 {
        let value = format!("{{\"id\":{index},\"name\":\"user {}\"}}", index * 7919);
        let key = (index % 3 != 0).then(|| index.to_be_bytes());
        builder
            .append(
                1_700_000_000_000 + i64::from(index),
                key.as_ref().map(<[u8; 4]>::as_slice),
                Some(value.as_bytes()),
                &[],
            )
            .expect("room");
    }
    seal(builder)
}

fn large(codec: Compression) -> SealedBatch {
    let mut state = 1u32;
    let noise: Vec<u8> = (0..150_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut builder = BatchBuilder::new(codec, 1 << 20);
    for (time, value) in
        [(1, noise.as_slice()), (2, &[0; 200_000]), (3, "lorem ipsum ".repeat(10_000).as_bytes())]
    {
        builder.append(time, None, Some(value), &[]).expect("room");
    }
    seal(builder)
}

/// One line per batch and per record, as the Java program writes them.
fn describe(slab: Bytes) -> String {
    let mut out = String::new();
    let mut decompressor = Decompressor::new();
    let mut batches = Batches::new(slab);
    for view in batches.by_ref() {
        let view = view.expect("a batch");
        view.verify_crc().expect("a checksum");
        let header = view.header();
        let time = match header.timestamp_type() {
            TimestampType::NoTimestamp => "NoTimestampType",
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        writeln!(
            out,
            "batch {} {} {} {time} {} {} {} {} {} {} {} {}",
            header.base_offset,
            header.last_offset(),
            header.max_timestamp,
            header.compression().expect("a codec"),
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            header.partition_leader_epoch,
            header.is_transactional(),
            header.is_control(),
            header.record_count,
        )
        .expect("memory");
        if header.is_control() {
            let control = view.control_record(&mut decompressor, LIMIT).expect("a control record");
            assert!(control.is_some_and(|control| control.coordinator_epoch.is_some()));
        }
        let mut records = view.records(&mut decompressor, LIMIT).expect("records");
        while let Some(record) = records.next_record() {
            let record = record.expect("a record");
            write!(out, "{} {} ", record.offset, record.timestamp).expect("memory");
            hex(&mut out, record.key);
            out.push(' ');
            hex(&mut out, record.value);
            for header in record.headers {
                out.push(' ');
                hex(&mut out, Some(header.key));
                out.push('=');
                hex(&mut out, header.value);
            }
            out.push('\n');
        }
    }
    assert!(!batches.truncated());
    out
}

fn hex(out: &mut String, bytes: Option<&[u8]>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(bytes) = bytes else { return out.push_str("null") };
    out.push('x');
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
