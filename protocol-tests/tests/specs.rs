//! The message tables against Kafka's own specifications, and our bytes against Kafka's own codec.
//!
//! Both live in the `kafka-clients` archives of Maven Central, which are fetched when missing.

mod wire;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use brooklet_kafka::wire::layout::{FieldSpec, MessageSpec, TypeSpec};
use brooklet_kafka::wire::{ErrorCode, Message, Request};
use serde_json::Value;
use wire::{maven, sample};

/// Versions as the specifications write them: `4`, `0-12`, `3+`, `none`.
fn range(text: &str) -> std::ops::RangeInclusive<i16> {
    let number = |text: &str| text.trim().parse::<i16>().expect("a version");
    if text == "none" {
        return i16::MAX..=i16::MAX;
    }
    match (text.split_once('-'), text.strip_suffix('+')) {
        (Some((from, to)), _) => number(from)..=number(to),
        (_, Some(from)) => number(from)..=i16::MAX,
        _ => number(text)..=number(text),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).map(|value| value.as_str().expect("text"))
}

/// Most flags are JSON booleans, a few are quoted.
fn flag(value: &Value, key: &str) -> bool {
    value.get(key).is_some_and(|flag| flag == &Value::Bool(true) || flag == "true")
}

/// The specification `name` of an archive; it is JSON but for lines of comment.
fn specification(archive: &Path, name: &str) -> Value {
    let file = File::open(archive).expect("the archive was just found");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let mut entry =
        archive.by_name(&format!("common/message/{name}.json")).expect("a specification");
    let mut json = String::new();
    entry.read_to_string(&mut json).expect("text");
    let lines: Vec<&str> =
        json.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut json: Value =
        serde_json::from_str(&lines.join("\n")).expect("JSON behind the comments");
    let shared = json["commonStructs"].clone();
    inline(&mut json["fields"], &shared);
    json
}

/// Puts structs that a specification names in several places where they are named.
fn inline(fields: &mut Value, shared: &Value) {
    for field in fields.as_array_mut().into_iter().flatten() {
        let layout = text(field, "type").unwrap_or_default().trim_start_matches("[]").to_owned();
        let mut named = shared.as_array().into_iter().flatten();
        if let Some(found) = named.find(|one| text(one, "name") == Some(&layout)) {
            field["fields"] = found["fields"].clone();
        }
        if let Some(fields) = field.get_mut("fields") {
            inline(fields, shared);
        }
    }
}

/// A field at one version, in words of both sides.
#[derive(Debug, PartialEq)]
struct Shape {
    name: String,
    layout: String,
    null: bool,
    tag: Option<u64>,
    ignorable: bool,
    default: String,
    fields: Vec<Shape>,
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn plain_default(layout: &str) -> &'static str {
    match layout {
        "bool" => "false",
        "string" => "",
        "uuid" => "AAAAAAAAAAAAAAAAAAAAAA",
        number if number.starts_with("int") || number.starts_with("uint") => "0",
        _ => "empty",
    }
}

fn theirs(fields: &Value, version: i16) -> Vec<Shape> {
    let fields = fields.as_array().map(Vec::as_slice).unwrap_or_default();
    let present = fields.iter().filter(|field| {
        range(text(field, "versions").expect("every field has versions")).contains(&version)
    });
    present
        .map(|field| {
            let layout = text(field, "type").expect("every field has a type");
            let null =
                text(field, "nullableVersions").is_some_and(|null| range(null).contains(&version));
            let tagged = text(field, "taggedVersions")
                .is_some_and(|tagged| range(tagged).contains(&version));
            let default = match field.get("default") {
                Some(Value::String(default)) => match default.strip_prefix("0x") {
                    Some(hex) => i64::from_str_radix(hex, 16).expect("hexadecimal").to_string(),
                    None => default.clone(),
                },
                Some(default) => default.to_string(),
                // Java's records start as null.
                None if layout == "records" => "null".to_owned(),
                None => plain_default(layout).to_owned(),
            };
            Shape {
                name: snake_case(text(field, "name").expect("every field has a name")),
                layout: layout.replace("records", "bytes"),
                null,
                tag: tagged.then(|| field["tag"].as_u64().expect("a tag")),
                ignorable: flag(field, "ignorable"),
                default,
                fields: theirs(&field["fields"], version),
            }
        })
        .collect()
}

fn layout_name(layout: &TypeSpec) -> String {
    match layout {
        TypeSpec::Plain(name) | TypeSpec::Struct(name, _) => (*name).to_owned(),
        TypeSpec::Array(element) => format!("[]{}", layout_name(element)),
    }
}

fn fields_of(layout: &TypeSpec) -> &[FieldSpec] {
    match layout {
        TypeSpec::Plain(_) => &[],
        TypeSpec::Struct(_, fields) => fields,
        TypeSpec::Array(element) => fields_of(element),
    }
}

fn ours(layout: &TypeSpec, version: i16) -> Vec<Shape> {
    let present = fields_of(layout).iter().filter(|field| field.rules.present(version));
    present
        .map(|field| Shape {
            name: field.name.to_owned(),
            layout: layout_name(&field.layout),
            null: field.rules.nullable(version),
            tag: field.rules.tag.map(u64::from),
            ignorable: field.rules.ignorable,
            default: match field.default {
                "" => plain_default(&layout_name(&field.layout)).to_owned(),
                "None" => "null".to_owned(),
                "Some(String::new())" => String::new(),
                "i32::MIN" => i32::MIN.to_string(),
                "i32::MAX" => i32::MAX.to_string(),
                "i64::MAX" => i64::MAX.to_string(),
                other => other.to_owned(),
            },
            fields: ours(&field.layout, version),
        })
        .collect()
}

/// What an older specification may differ in without other bytes.
fn without_words(shapes: Vec<Shape>) -> Vec<Shape> {
    let bare = |shape: Shape| {
        let array = shape.layout.starts_with("[]");
        let layout = if shape.fields.is_empty() { shape.layout } else { format!("{array}") };
        let fields = without_words(shape.fields);
        let (name, default) = (String::new(), String::new());
        Shape { name, layout, ignorable: false, default, fields, ..shape }
    };
    shapes.into_iter().map(bare).collect()
}

fn agrees_with_newest(archive: &Path, name: &str, spec: &MessageSpec) {
    let json = specification(archive, name);
    assert_eq!(text(&json, "name"), Some(name));
    assert_eq!(layout_name(&spec.layout), name);
    assert_eq!(json["apiKey"].as_i64(), Some(i64::from(spec.api.key)), "{name}");
    let flexible = range(text(&json, "flexibleVersions").expect("versions"));
    assert_eq!(*flexible.start(), spec.api.flexible_from, "{name}: first flexible version");
    for version in spec.api.version_min..=spec.api.version_max {
        let shapes = ours(&spec.layout, version);
        assert_eq!(shapes, theirs(&json["fields"], version), "{name} version {version}");
    }
}

/// Only the request says which versions are stable.
fn covers_newest<R: Request>(archive: &Path) {
    let json = specification(archive, &format!("{}Request", R::NAME));
    let valid = range(text(&json, "validVersions").expect("versions"));
    let unstable = i16::from(flag(&json, "latestVersionUnstable"));
    assert_eq!(*R::VERSIONS.end(), valid.end() - unstable, "{}", R::NAME);
    // Versions that only brokers before 2.1 need (KIP-896) are ours alone.
    assert!(R::VERSIONS.start() <= valid.start(), "{}", R::NAME);
}

fn agrees_with_floor(archive: &Path, name: &str, spec: &MessageSpec) {
    let json = specification(archive, name);
    let valid = range(text(&json, "validVersions").expect("versions"));
    let from = spec.api.version_min.max(*valid.start());
    let to = spec.api.version_max.min(*valid.end());
    assert_eq!(to, *valid.end(), "{name}: the highest version of the floor is missing");
    if let Some(deprecated) = text(&json, "deprecatedVersions").map(range) {
        assert!(from <= deprecated.end() + 1, "{name}: the lowest version in use is missing");
    }
    for version in from..=to {
        assert_eq!(
            without_words(ours(&spec.layout, version)),
            without_words(theirs(&json["fields"], version)),
            "{name} version {version}"
        );
    }
}

macro_rules! for_each_request {
    ($check:ident, $($argument:expr),*) => {{
        macro_rules! visit {
            ($request:ty) => {
                $check::<$request>($($argument),*)
            };
        }
        brooklet_kafka::for_each_request!(visit);
    }};
}

#[test]
fn tables_follow_the_newest_kafka() {
    fn check<R: Request>(archive: &Path) {
        covers_newest::<R>(archive);
        agrees_with_newest(archive, &format!("{}Request", R::NAME), &R::SPEC);
        agrees_with_newest(archive, &format!("{}Response", R::NAME), &R::Response::SPEC);
    }
    if let Some(archive) = maven::archive(maven::NEWEST) {
        for_each_request!(check, &archive);
    }
}

#[test]
fn tables_cover_the_oldest_kafka() {
    fn check<R: Request>(archive: &Path) {
        agrees_with_floor(archive, &format!("{}Request", R::NAME), &R::SPEC);
        agrees_with_floor(archive, &format!("{}Response", R::NAME), &R::Response::SPEC);
    }
    if let Some(archive) = maven::archive(maven::FLOOR) {
        for_each_request!(check, &archive);
    }
}

/// The encoder adds tagged fields in the order of the table, so tags must rise in it.
#[test]
fn tags_rise_in_every_struct() {
    fn rising(layout: &TypeSpec) {
        let fields = fields_of(layout);
        let tags: Vec<u32> = fields.iter().filter_map(|field| field.rules.tag).collect();
        assert!(tags.is_sorted_by(|one, next| one < next), "{}", layout_name(layout));
        fields.iter().for_each(|field| rising(&field.layout));
    }
    fn check<R: Request>() {
        rising(&R::SPEC.layout);
        rising(&R::Response::SPEC.layout);
    }
    for_each_request!(check,);
}

/// Kafka's own Java codec reads our bytes at every version and writes the same.
#[test]
fn java_echoes_our_bytes() {
    fn check<R: Request>(archive: &Path, lines: &mut Vec<(String, String)>) {
        let json = specification(archive, &format!("{}Request", R::NAME));
        let valid = range(text(&json, "validVersions").expect("versions"));
        for version in R::VERSIONS.filter(|version| valid.contains(version)) {
            for (kind, spec) in [("request", R::SPEC), ("response", R::Response::SPEC)] {
                for seed in 100..110 {
                    let body = sample::body(&spec, version, seed);
                    let body: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
                    lines.push((format!("{} {version} {kind}", R::KEY), body));
                }
            }
        }
    }
    let Some(archive) = maven::archive(maven::NEWEST) else { return };
    let mut lines = Vec::new();
    for_each_request!(check, &archive, &mut lines);
    let file = tempfile::NamedTempFile::new().expect("a scratch file");
    let input: String = lines.iter().map(|(head, body)| format!("{head} {body}\n")).collect();
    std::fs::write(file.path(), input).expect("a scratch file");
    let path = file.path().to_str().expect("UTF-8");
    let Some(echo) = maven::java("Oracle.java", &["echo", path]) else { return };
    assert_eq!(echo.lines().count(), lines.len());
    for ((head, body), echo) in lines.iter().zip(echo.lines()) {
        assert_eq!(echo, body, "key, version, kind: {head}");
    }
}

/// Codes, names and retriability as in Java.
#[test]
fn error_codes_are_those_of_java() {
    let Some(errors) = maven::java("Oracle.java", &["errors"]) else { return };
    let theirs: Vec<&str> = errors.lines().collect();
    let ours = ErrorCode::ALL
        .iter()
        .map(|code| format!("{} {} {}", code.0, code.name(), code.is_retriable()));
    let ours: Vec<String> = ours.collect();
    assert_eq!(ours, theirs);
}
