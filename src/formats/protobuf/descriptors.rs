//! Finds the description of a table's message: in a .proto file, or in a descriptor set.

use super::options::{DESCRIPTOR_FILE, MESSAGE, PROTO_FILE, PROTO_PATH};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::options::OptionReader;
use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};
use protox::prost_reflect::prost::Message;
use protox::prost_reflect::prost_types::FileDescriptorSet;
use protox::prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use std::path::{Path, PathBuf};

/// The message that the options name.
pub(super) fn message(options: &OptionReader<'_>) -> Result<MessageDescriptor> {
    let name = options.required(&MESSAGE)?;
    let (opt, pool) = match (options.string(&PROTO_FILE), options.string(&DESCRIPTOR_FILE)) {
        (Some(path), None) => {
            let folders = options.list(&PROTO_PATH);
            let pool = compile(Path::new(&path), &folders)
                .map_err(|problem| options.invalid(&PROTO_FILE, problem))?;
            (&PROTO_FILE, pool)
        }
        (None, Some(path)) => {
            let pool =
                read_set(&path).map_err(|problem| options.invalid(&DESCRIPTOR_FILE, problem))?;
            (&DESCRIPTOR_FILE, pool)
        }
        (Some(_), Some(_)) => {
            return Err(options
                .invalid(&DESCRIPTOR_FILE, "'protobuf.proto-file' describes the message already"));
        }
        (None, None) => {
            return Err(Error::new(
                ErrorKind::Option,
                format!(
                    "missing required option 'protobuf.{}' for {}: no Java class can be loaded here",
                    PROTO_FILE.key,
                    options.subject()
                ),
            )
            .with_hint(
                "Give the .proto file of the message with 'protobuf.proto-file', or a descriptor set with \
                 'protobuf.descriptor-file'",
            ));
        }
    };
    find(&pool, &name).ok_or_else(|| {
        let error =
            options.invalid(&MESSAGE, format!("'protobuf.{}' has no such message", opt.key));
        let names: Vec<String> = pool
            .all_messages()
            .filter(|message| !message.is_map_entry() && !is_googles(message))
            .flat_map(|message| [message.full_name().to_owned(), java_name(&message)])
            .collect();
        let near = nearest(&name, names.iter().map(String::as_str));
        let shown: Vec<&str> =
            names.iter().step_by(2).take(NAMES_SHOWN_MAX).map(String::as_str).collect();
        match near {
            Some(near) => error.with_hint(format!("Did you mean '{near}'?")),
            None => error.with_hint(format!("Its messages: {}", shown.join(", "))),
        }
    })
}

/// A message of a .proto's text.
pub(super) fn of_source(text: &str, message: &str) -> Result<MessageDescriptor> {
    let wrong = |error: protox::Error| Error::new(ErrorKind::Schema, format!("{error:?}"));
    let mut compiler = Compiler::with_file_resolver(Source(text.to_owned()));
    compiler.include_imports(true).open_file(SOURCE_NAME).map_err(wrong)?;
    let pool = decode(&compiler.encode_file_descriptor_set())
        .map_err(|problem| Error::new(ErrorKind::Schema, problem))?;
    find(&pool, message)
        .ok_or_else(|| Error::new(ErrorKind::Schema, format!("there is no message {message}")))
}

const SOURCE_NAME: &str = "source.proto";

/// A text instead of a file.
struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> std::result::Result<File, protox::Error> {
        if name == SOURCE_NAME {
            return File::from_source(name, &self.0);
        }
        GoogleFileResolver::new().open_file(name)
    }
}

/// Messages that a hint lists.
const NAMES_SHOWN_MAX: usize = 12;

fn is_googles(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

fn compile(path: &Path, folders: &[String]) -> std::result::Result<DescriptorPool, String> {
    let own = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut includes: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    if !includes.iter().any(|folder| path.starts_with(folder)) {
        includes.push(own.to_owned());
    }
    let told = |error: protox::Error| match error.file() {
        Some(file) => {
            let places = includes.iter().map(|folder| folder.join(file));
            let edition = places.chain([PathBuf::from(file)]).find_map(|place| {
                edition(&std::fs::read_to_string(place).ok()?).map(str::to_owned)
            });
            match edition {
                Some(edition) => format!("{file} is of edition {edition}: {NO_EDITIONS}"),
                // Its own text has no place.
                None => format!("{error:?}"),
            }
        }
        None => error.to_string(),
    };
    let mut compiler = Compiler::new(&includes).map_err(told)?;
    compiler.include_imports(true).open_file(path).map_err(told)?;
    decode(&compiler.encode_file_descriptor_set())
}

fn read_set(path: &str) -> std::result::Result<DescriptorPool, String> {
    decode(&std::fs::read(path).map_err(|error| error.to_string())?)
}

/// A descriptor set. Also what the compiler has made goes through one: its own pool does not know `packed` of fields,
/// which it resolves before it interprets options.
fn decode(set: &[u8]) -> std::result::Result<DescriptorPool, String> {
    let no_set = |error: &dyn std::fmt::Display| format!("it is no descriptor set: {error}");
    let files = FileDescriptorSet::decode(set).map_err(|error| no_set(&error))?;
    // The pool panics where it tells of a syntax that it does not know.
    for file in &files.file {
        let name = file.name();
        match file.syntax.as_deref() {
            None | Some("proto2" | "proto3") => {}
            Some("editions") => return Err(format!("{name} is of an edition: {NO_EDITIONS}")),
            Some(syntax) => return Err(no_set(&format!("{name} has the syntax '{syntax}'"))),
        }
    }
    DescriptorPool::decode(set).map_err(|error| no_set(&error))
}

/// Features of editions, of files, messages and fields, are not in the descriptors of the compiler that is used here.
const NO_EDITIONS: &str = "Protobuf's editions are not supported yet; with syntax = \"proto3\" and 'optional' before \
                           fields with presence, the same records are read and written";

/// The edition of a .proto's text, if it has one instead of a syntax: that is its first statement.
fn edition(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        rest = match (rest.strip_prefix("//"), rest.strip_prefix("/*")) {
            (Some(line), _) => line.split_once('\n')?.1,
            (_, Some(block)) => block.split_once("*/")?.1,
            _ => break,
        }
        .trim_start();
    }
    let value = rest.strip_prefix("edition")?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value.strip_prefix(quote)?.split_once(quote)?.0)
}

/// The message of a name in Protobuf or in Java; dots may stand for the `$` of a class inside of a class.
fn find(pool: &DescriptorPool, name: &str) -> Option<MessageDescriptor> {
    let dotted = name.replace('$', ".");
    pool.get_message_by_name(name.trim_start_matches('.')).or_else(|| {
        pool.all_messages().find(|message| {
            !message.is_map_entry() && java_name(message).replace('$', ".") == dotted
        })
    })
}

/// The binary name of the class that `protoc` makes of a message.
fn java_name(message: &MessageDescriptor) -> String {
    if let Some(parent) = message.parent_message() {
        return format!("{}${}", java_name(&parent), message.name());
    }
    let file = message.parent_file();
    let options = file.file_descriptor_proto().options.as_ref();
    let package = match options.and_then(|options| options.java_package.as_deref()) {
        Some(package) => package,
        None => file.package_name(),
    };
    let class = match options.and_then(|options| options.java_multiple_files) {
        Some(true) => message.name().to_owned(),
        _ => format!("{}${}", outer_class(&file), message.name()),
    };
    if package.is_empty() { class } else { format!("{package}.{class}") }
}

/// The class around the messages of a file.
fn outer_class(file: &FileDescriptor) -> String {
    let options = file.file_descriptor_proto().options.as_ref();
    if let Some(name) = options.and_then(|options| options.java_outer_classname.as_deref()) {
        return name.to_owned();
    }
    let base = file.name().rsplit('/').next().unwrap_or_default();
    let base = base.strip_suffix(".proto").unwrap_or(base);
    let mut name = String::with_capacity(base.len());
    let mut capital = true;
    for c in base.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(if capital { c.to_ascii_uppercase() } else { c });
            capital = c.is_ascii_digit();
        } else {
            capital = true;
        }
    }
    if has_name(file, &name) {
        name.push_str("OuterClass");
    }
    name
}

/// Whether a message, at any depth, an enum or a service of the file has this name.
fn has_name(file: &FileDescriptor, name: &str) -> bool {
    fn inside(message: &MessageDescriptor, name: &str) -> bool {
        message.name() == name
            || message.child_enums().any(|inner| inner.name() == name)
            || message.child_messages().any(|inner| inside(&inner, name))
    }
    file.messages().any(|message| inside(&message, name))
        || file.enums().any(|inner| inner.name() == name)
        || file.services().any(|inner| inner.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_are_refused_by_name() {
        for (text, expected) in [
            ("edition = \"2023\"; message M {}", Some("2023")),
            ("// of us\n/* both */ edition='2024';", Some("2024")),
            ("syntax = \"proto3\"; // edition = \"2023\";", None),
            ("// edition = \"2023\";", None),
            ("message edition {}", None),
            ("edition 2023", None),
            ("/*", None),
        ] {
            assert_eq!(edition(text), expected, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("imports")).unwrap();
        let imported =
            "edition = \"2023\"; message N { int32 x = 1 [features.field_presence = IMPLICIT]; }";
        std::fs::write(path("imports/n.proto"), imported).unwrap();
        let imports = [path("imports").to_str().unwrap().to_owned()];
        let own = "syntax = \"proto3\"; import \"n.proto\"; message M { N n = 1; }";
        std::fs::write(path("m.proto"), own).unwrap();
        for file in ["imports/n.proto", "m.proto"] {
            let problem = compile(&path(file), &imports).unwrap_err();
            assert!(problem.contains("n.proto is of edition 2023: "), "{problem}");
            assert!(problem.contains("not supported yet"), "{problem}");
        }
        // A set of one file: its name, and "editions" for its syntax.
        let set = |syntax: &str| [b"\x0a\x13\x0a\x07n.proto\x62\x08", syntax.as_bytes()].concat();
        let problem = decode(&set("editions")).unwrap_err();
        assert!(problem.starts_with("n.proto is of an edition: Protobuf's editions are not"));
        let problem = decode(&set("another!")).unwrap_err();
        assert_eq!(problem, "it is no descriptor set: n.proto has the syntax 'another!'");
    }

    #[test]
    fn java_names() {
        let folder = tempfile::tempdir().unwrap();
        for (file, head, message, expected) in [
            ("a.proto", "", "M", "A$M"),
            ("a.proto", "package p.q;", "M", "p.q.A$M"),
            ("a_b-c1d.proto", "package p;", "M", "p.ABC1D$M"),
            ("a.proto", "package p; option java_package = \"j\";", "M", "j.A$M"),
            ("a.proto", "package p; option java_multiple_files = true;", "M", "p.M"),
            ("a.proto", "option java_outer_classname = \"Outer\";", "M", "Outer$M"),
            ("m.proto", "", "M", "MOuterClass$M"),
            ("in.proto", "", "M", "InOuterClass$M"),
            ("a.proto", "package p;", "M.In", "p.A$M$In"),
        ] {
            let path = folder.path().join(file);
            let text = format!("syntax = \"proto3\"; {head} message M {{ message In {{}} }}");
            std::fs::write(&path, text).unwrap();
            let pool = compile(&path, &[]).unwrap();
            let found = find(&pool, expected).unwrap_or_else(|| panic!("{expected}"));
            assert!(found.full_name().ends_with(message), "{expected}");
            assert_eq!(java_name(&found), expected);
            assert_eq!(find(&pool, &expected.replace('$', ".")), Some(found.clone()));
            assert_eq!(find(&pool, found.full_name()), Some(found));
        }
    }
}
