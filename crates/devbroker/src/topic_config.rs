//! Topic configuration: names and defaults of Apache Kafka, and the few settings that act.

use std::collections::BTreeMap;

/// How the value of a topic setting is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    Boolean,
    Text,
    Int,
    Long,
    Double,
    List,
}

impl ValueType {
    /// The number of this type in DescribeConfigs (Kafka's `ConfigEntry.ConfigType`).
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Boolean => value == "true" || value == "false",
            Self::Text | Self::List => true,
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok(),
        }
    }
}

/// A topic setting that the broker knows.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) value_type: ValueType,
}

const fn setting(name: &'static str, default: &'static str, value_type: ValueType) -> Setting {
    Setting { name, default, value_type }
}

pub(crate) const CLEANUP_POLICY: &str = "cleanup.policy";
pub(crate) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
pub(crate) const RETENTION_BYTES: &str = "retention.bytes";
pub(crate) const TIMESTAMP_TYPE: &str = "message.timestamp.type";

/// Topic settings of Kafka 4 with their defaults, by name. Only the four above act: a log in
/// memory has no segments to roll, and compaction and retention by time are never due. A compacted topic takes records
/// with a key only.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(CLEANUP_POLICY, "delete", ValueType::List),
    setting("compression.type", "producer", ValueType::Text),
    setting("delete.retention.ms", "86400000", ValueType::Long),
    setting("file.delete.delay.ms", "60000", ValueType::Long),
    setting("flush.messages", "9223372036854775807", ValueType::Long),
    setting("flush.ms", "9223372036854775807", ValueType::Long),
    setting("index.interval.bytes", "4096", ValueType::Int),
    setting("max.compaction.lag.ms", "9223372036854775807", ValueType::Long),
    setting(MAX_MESSAGE_BYTES, "1048588", ValueType::Int),
    setting("message.timestamp.after.max.ms", "3600000", ValueType::Long),
    setting("message.timestamp.before.max.ms", "9223372036854775807", ValueType::Long),
    setting(TIMESTAMP_TYPE, "CreateTime", ValueType::Text),
    setting("min.cleanable.dirty.ratio", "0.5", ValueType::Double),
    setting("min.compaction.lag.ms", "0", ValueType::Long),
    setting("min.insync.replicas", "1", ValueType::Int),
    setting("preallocate", "false", ValueType::Boolean),
    setting(RETENTION_BYTES, "-1", ValueType::Long),
    setting("retention.ms", "604800000", ValueType::Long),
    setting("segment.bytes", "1073741824", ValueType::Int),
    setting("segment.index.bytes", "10485760", ValueType::Int),
    setting("segment.jitter.ms", "0", ValueType::Long),
    setting("segment.ms", "604800000", ValueType::Long),
    setting("unclean.leader.election.enable", "false", ValueType::Boolean),
];

fn known(name: &str) -> Result<&'static Setting, String> {
    let found = SETTINGS.iter().find(|setting| setting.name == name);
    found.ok_or_else(|| format!("Unknown topic config name: {}", shortened(name)))
}

/// The settings of one topic.
#[derive(Debug, Clone)]
pub(crate) struct TopicConfig {
    /// Values that were set.
    pub(crate) set: BTreeMap<&'static str, String>,
    /// `max.message.bytes`: largest batch, bytes.
    pub(crate) max_message_bytes: usize,
    /// `retention.bytes` per partition; `None` keeps everything.
    pub(crate) retention_bytes: Option<usize>,
    /// `message.timestamp.type` is LogAppendTime.
    pub(crate) log_append_time: bool,
    /// `cleanup.policy` contains `compact`.
    pub(crate) compacted: bool,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            set: BTreeMap::new(),
            max_message_bytes: 1_048_588,
            retention_bytes: None,
            log_append_time: false,
            compacted: false,
        }
    }
}

impl TopicConfig {
    /// Reads the settings of a CreateTopics request; the error names the setting at fault.
    pub(crate) fn parse<'a>(
        settings: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, String> {
        let mut config = Self::default();
        for (name, value) in settings {
            let known = known(name)?;
            let value = value.ok_or_else(|| format!("Null value not supported for: {name}"))?;
            let value = value.trim();
            if value.len() > 256 || !known.value_type.accepts(value) {
                return Err(invalid(name, value));
            }
            config.apply(known.name, value)?;
            config.set.insert(known.name, value.to_owned());
        }
        Ok(config)
    }

    /// What is set.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        self.set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The elements of a list; of its default where it is not set.
    ///
    /// # Errors
    /// The setting is none, or no list.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<String>, String> {
        let known = known(name)?;
        if !matches!(known.value_type, ValueType::List) {
            return Err(format!("Config {name} is no list: only SET and DELETE change it"));
        }
        let (value, _) = self.value(known);
        let elements = value.split(',').map(str::trim).filter(|element| !element.is_empty());
        Ok(elements.map(str::to_owned).collect())
    }

    fn apply(&mut self, name: &'static str, value: &str) -> Result<(), String> {
        match name {
            MAX_MESSAGE_BYTES => {
                self.max_message_bytes = value.parse().map_err(|_| invalid(name, value))?;
            }
            RETENTION_BYTES => {
                let bytes: i64 = value.parse().map_err(|_| invalid(name, value))?;
                self.retention_bytes = usize::try_from(bytes).ok();
            }
            TIMESTAMP_TYPE => {
                self.log_append_time = match value {
                    "CreateTime" => false,
                    "LogAppendTime" => true,
                    _ => return Err(invalid(name, value)),
                };
            }
            CLEANUP_POLICY => {
                let mut parts = value.split(',').map(str::trim);
                if !parts.clone().all(|part| matches!(part, "delete" | "compact")) {
                    return Err(invalid(name, value));
                }
                self.compacted = parts.any(|part| part == "compact");
            }
            "compression.type"
                if !matches!(
                    value,
                    "uncompressed" | "zstd" | "lz4" | "snappy" | "gzip" | "producer"
                ) =>
            {
                return Err(invalid(name, value));
            }
            _ => {}
        }
        Ok(())
    }

    /// The value of a setting, and whether it was set for this topic.
    pub(crate) fn value(&self, setting: &Setting) -> (String, bool) {
        match self.set.get(setting.name) {
            Some(value) => (value.clone(), true),
            None => (setting.default.to_owned(), false),
        }
    }
}

fn invalid(name: &str, value: &str) -> String {
    format!("Invalid value {} for configuration {name}", shortened(value))
}

/// Text of a client in a message: bounded.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_act_and_mistakes_are_named() {
        let parse =
            |name: &'static str, value| TopicConfig::parse([(name, Some(value))].into_iter());
        assert_eq!(parse(MAX_MESSAGE_BYTES, "10").unwrap().max_message_bytes, 10);
        assert_eq!(parse(RETENTION_BYTES, "99").unwrap().retention_bytes, Some(99));
        assert_eq!(parse(RETENTION_BYTES, "-1").unwrap().retention_bytes, None);
        assert!(parse(TIMESTAMP_TYPE, "LogAppendTime").unwrap().log_append_time);
        assert!(parse(CLEANUP_POLICY, "compact,delete").unwrap().compacted);
        assert!(!parse(CLEANUP_POLICY, "delete").unwrap().compacted);
        for (name, value, expected) in [
            ("retention.byte", "1", "Unknown topic config name: retention.byte"),
            (MAX_MESSAGE_BYTES, "-1", "Invalid value -1"),
            (TIMESTAMP_TYPE, "Sometime", "Invalid value Sometime"),
            ("cleanup.policy", "shred", "Invalid value shred"),
            ("segment.ms", "soon", "Invalid value soon"),
        ] {
            assert!(parse(name, value).unwrap_err().contains(expected), "{name}={value}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_valid() {
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        for setting in SETTINGS {
            let config = TopicConfig::parse([(setting.name, Some(setting.default))].into_iter());
            assert!(config.is_ok(), "{}", setting.name);
        }
    }
}
