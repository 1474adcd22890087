//! Typed options: each is declared once; parsing, validation, help and documents derive from it.

mod reader;
mod secret;
mod value;

pub use reader::{OptionReader, OptionValue, Options, OwnedReader, Taken, brief};
pub use secret::{REDACTED, is_secret, shown, user_infos};
pub use value::{parse_duration, parse_memory_size};

/// What values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptKind {
    /// Any text.
    String,
    /// `true` or `false`, in any case.
    Bool,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// Floating point.
    Double,
    /// Flink's duration: `10 s`, `500ms`, `5 min`; a bare number is milliseconds.
    Duration,
    /// Flink's memory size: `64 kb`; a bare number is bytes.
    MemorySize,
    /// One of these words, in any case.
    Enum(&'static [&'static str]),
    /// `;`-separated list of texts.
    List,
}

/// One option of a connector, a format or the session (Flink's `ConfigOption`).
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Key without any prefix, such as `scan.startup.mode`. A `#` stands for any name (`fields.#.kind`), a trailing
    /// `*` for any rest (`properties.*`).
    pub key: &'static str,
    /// What values it takes.
    pub kind: OptKind,
    /// Default as a user would write it; `None` means unset.
    pub default: Option<&'static str>,
    /// One or two sentences for the reference.
    pub doc: &'static str,
    /// Values show as `******` everywhere.
    pub secret: bool,
}

impl Opt {
    /// An option that is unset by default.
    pub const fn new(key: &'static str, kind: OptKind, doc: &'static str) -> Opt {
        Opt { key, kind, default: None, doc, secret: false }
    }

    /// The same with a default.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Opt {
        self.default = Some(default);
        self
    }

    /// The same, marked as holding a secret.
    #[must_use]
    pub const fn secret(mut self) -> Opt {
        self.secret = true;
        self
    }

    /// Whether `key` is this option; understands `#` and `*` in the declaration.
    pub fn matches(&self, key: &str) -> bool {
        matches(self.key, key)
    }
}

/// Whether `key` is the one that is declared as `declared`.
fn matches(declared: &str, key: &str) -> bool {
    if declared == key {
        return true;
    }
    if let Some(prefix) = declared.strip_suffix('*') {
        return key.len() > prefix.len() && key.starts_with(prefix);
    }
    let Some((head, tail)) = declared.split_once('#') else { return false };
    key.len() > head.len() + tail.len() && key.starts_with(head) && key.ends_with(tail)
}
