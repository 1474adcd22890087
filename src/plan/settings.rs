//! Session settings: what SET and `-D` may say.

use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptKind, OptionReader, Options, Taken};
use crate::table::Warnings;
use std::sync::OnceLock;
use std::time::Duration;

const PARALLELISM: Opt =
    Opt::new("parallelism.default", OptKind::Int, "Visible parallelism of jobs.").default("1");
const TABLE_PARALLELISM: Opt = Opt::new(
    "table.exec.resource.default-parallelism",
    OptKind::Int,
    "The same for SQL alone; -1 leaves it to `parallelism.default`.",
)
.default("-1");
const DIALECT: Opt =
    Opt::new("table.sql-dialect", OptKind::Enum(&["default"]), "Whose SQL it is: Flink's.")
        .default("default");
const CHECKPOINT_INTERVAL: Opt = Opt::new(
    "execution.checkpointing.interval",
    OptKind::Duration,
    "Time between epochs (Flink: checkpoints).",
)
.default("1 s");
const TIME_ZONE: Opt = Opt::new(
    "table.local-time-zone",
    OptKind::String,
    "Session time zone, such as Europe/Berlin; `default` is the machine's.",
)
.default("default");
const RUNTIME_MODE: Opt = Opt::new(
    "execution.runtime-mode",
    OptKind::Enum(&["streaming", "batch", "automatic"]),
    "Whether results are a changelog or final rows.",
)
.default("streaming");
const DML_SYNC: Opt = Opt::new(
    "table.dml-sync",
    OptKind::Bool,
    "Await each job at its place in the script instead of at the end.",
)
.default("false");
const PIPELINE_NAME: Opt =
    Opt::new("pipeline.name", OptKind::String, "Name of the job; its progress is kept under it.");
const RESTART: Opt = Opt::new(
    "restart-strategy.type",
    OptKind::Enum(&[
        "exponential-delay",
        "exponentialdelay",
        "fixed-delay",
        "fixeddelay",
        "none",
        "off",
        "disable",
    ]),
    "Whether a job goes on from its last epoch after a failure that may pass.",
)
.default("exponential-delay");
const RESTART_ATTEMPTS: Opt = Opt::new(
    "restart-strategy.exponential-delay.attempts-before-reset-backoff",
    OptKind::Int,
    "Restarts without progress before the job fails. The delay doubles from 200 ms to 10 s. Unless it is set, restarts \
     while brokers do not answer are not counted.",
)
.default("10");
const FIXED_ATTEMPTS: Opt =
    Opt::new("restart-strategy.fixed-delay.attempts", OptKind::Int, "The same with `fixed-delay`.")
        .default("1");
const FIXED_DELAY: Opt = Opt::new(
    "restart-strategy.fixed-delay.delay",
    OptKind::Duration,
    "The delay before each restart with `fixed-delay`.",
)
.default("1 s");
const SHARED: Opt = Opt::new(
    "job.shared",
    OptKind::Bool,
    "Several processes run the job and share the partitions of its source, as members of a consumer group. Not Flink's.",
)
.default("false");
const NOT_NULL: Opt = Opt::new(
    "table.exec.sink.not-null-enforcer",
    OptKind::Enum(&["error", "drop"]),
    "What a NULL for a NOT NULL column of a sink means.",
)
.default("error");
const COLUMN_WIDTH: Opt = Opt::new(
    "table.display.max-column-width",
    OptKind::Int,
    "Columns of the terminal that a printed column of variable length takes.",
)
.default("30");

/// Widest column that may be asked for: what prints a wide column whole asks for 100,000 or a million, and a line of
/// some such columns still fits into memory.
const COLUMN_WIDTH_LIMIT: usize = 1 << 20;

const TYPE_LENGTH: Opt = Opt::new(
    "table.exec.sink.type-length-enforcer",
    OptKind::Enum(&["ignore", "trim_pad", "error"]),
    "What a value means that is longer or shorter than the type of a sink's column.",
)
.default("ignore");
const UPSERT_MATERIALIZE: Opt = Opt::new(
    "table.exec.sink.upsert-materialize",
    OptKind::Enum(&["auto", "force", "none"]),
    "Whether rows are put in order by the sink's PRIMARY KEY before it. `auto` does where the plan needs it, which is \
     refused by name for now; `none` never does.",
)
.default("auto");
const DUPLICATE_CHANGES: Opt = Opt::new(
    "table.exec.source.cdc-events-duplicate",
    OptKind::Bool,
    "Whether changes may come twice and have to be deduplicated by PRIMARY KEY. `true` is refused for now.",
)
.default("false");
const LEGACY_CAST: Opt = Opt::new(
    "table.exec.legacy-cast-behaviour",
    OptKind::Enum(&["enabled", "disabled"]),
    "Casts as before Flink 1.15, also those of INSERT: NULL instead of failing, texts and bytes longer or shorter than the \
     type says stay so, and as text TRUE is `true`, a row `(1,null)`.",
)
.default("disabled");
const OPTION_HINTS: Opt = Opt::new(
    "table.dynamic-table-options.enabled",
    OptKind::Bool,
    "Whether `/*+ OPTIONS(…) */` behind a table may change its options.",
)
.default("true");

/// Every setting that is honoured, for the reference.
pub const SETTINGS: &[Opt] = &[
    PARALLELISM,
    TABLE_PARALLELISM,
    DIALECT,
    CHECKPOINT_INTERVAL,
    TIME_ZONE,
    RUNTIME_MODE,
    DML_SYNC,
    PIPELINE_NAME,
    RESTART,
    RESTART_ATTEMPTS,
    FIXED_ATTEMPTS,
    FIXED_DELAY,
    SHARED,
    NOT_NULL,
    COLUMN_WIDTH,
    TYPE_LENGTH,
    UPSERT_MATERIALIZE,
    DUPLICATE_CHANGES,
    LEGACY_CAST,
    OPTION_HINTS,
];

/// What follows a failure that may pass (`restart-strategy.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartStrategy {
    /// Restarts without progress between them, before the job fails.
    pub attempts: u32,
    /// The delay before each; `None`: it doubles from one to the next.
    pub fixed_delay: Option<Duration>,
    /// Restarts while brokers do not answer are not counted.
    pub outlasts_outages: bool,
}

impl RestartStrategy {
    /// The first failure ends the job.
    pub const NONE: RestartStrategy =
        RestartStrategy { attempts: 0, fixed_delay: None, outlasts_outages: false };
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Visible parallelism.
    pub parallelism: usize,
    /// Time between epochs.
    pub checkpoint_interval: Duration,
    /// Session time zone.
    pub time_zone: chrono_tz::Tz,
    /// Final rows instead of a changelog.
    pub batch: bool,
    /// Await each job at its place.
    pub dml_sync: bool,
    /// `pipeline.name`.
    pub pipeline_name: Option<String>,
    /// What follows a failure that may pass.
    pub restart: RestartStrategy,
    /// Several processes share the job.
    pub shared: bool,
    /// Rows with NULL in a NOT NULL column of a sink are dropped instead of failing the job.
    pub drop_null_violations: bool,
    /// Width of printed columns of variable length, in columns of the terminal.
    pub column_width_max: usize,
    /// What is done to values that do not have the length of their column's type.
    pub type_length: TypeLengthEnforcer,
    /// Whether rows are put in order by the sink's key.
    pub upsert_materialize: UpsertMaterialize,
    /// Changes may come twice.
    pub duplicate_changes: bool,
    /// Casts are those of Flink before 1.15.
    pub legacy_cast: bool,
    /// OPTIONS hints may be used.
    pub option_hints: bool,
}

/// `table.exec.sink.upsert-materialize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsertMaterialize {
    /// Where the plan needs it.
    Auto,
    /// Always.
    Force,
    /// Never.
    Never,
}

/// `table.exec.sink.type-length-enforcer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeLengthEnforcer {
    /// Values are written as they are.
    Ignore,
    /// Values are cut, or filled with blanks.
    TrimPad,
    /// Rows fail.
    Error,
}

impl Settings {
    /// Says one line about a setting that changes nothing here, so that nobody waits for its effect.
    pub fn note(key: &str, warnings: &Warnings) {
        let prefixes = ["table.plan.", "properties."];
        let honoured = SETTINGS.iter().any(|opt| opt.matches(key));
        if !honoured && !prefixes.iter().any(|prefix| key.starts_with(prefix)) {
            warnings.debug(&format!("setting '{key}' is accepted and has no effect here"));
        }
    }

    /// Reads what SET and `-D` gave. Unknown keys are fine: Flink has hundreds that mean nothing here.
    pub fn read(options: &Options) -> Result<Settings> {
        let taken = Taken::default();
        let reader = OptionReader::new(options, &taken, "the session");
        reader.word(&DIALECT)?;
        let of_tables = reader.long(&TABLE_PARALLELISM)?.filter(|n| *n != -1);
        let (opt, parallelism) = match of_tables {
            Some(parallelism) => (&TABLE_PARALLELISM, Some(parallelism)),
            None => (&PARALLELISM, reader.long(&PARALLELISM)?),
        };
        let parallelism = parallelism
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n > 0)
            .ok_or_else(|| reader.invalid(opt, "expected a number from 1"))?;
        let attempts = |opt: &Opt| -> Result<u32> {
            let wrong = || reader.invalid(opt, "expected a number from 0");
            u32::try_from(reader.long(opt)?.unwrap_or(0)).map_err(|_| wrong())
        };
        let (fixed, growing) = (attempts(&FIXED_ATTEMPTS)?, attempts(&RESTART_ATTEMPTS)?);
        let delay = reader.duration(&FIXED_DELAY)?;
        let restart = match reader.word(&RESTART)? {
            Some("none" | "off" | "disable") => RestartStrategy::NONE,
            Some("fixed-delay" | "fixeddelay") => {
                RestartStrategy { attempts: fixed, fixed_delay: delay, outlasts_outages: false }
            }
            // A number that somebody has set counts all restarts, as in Flink.
            _ => RestartStrategy {
                attempts: growing,
                fixed_delay: None,
                outlasts_outages: !reader.is_set(&RESTART_ATTEMPTS),
            },
        };
        Ok(Settings {
            parallelism,
            checkpoint_interval: reader
                .duration(&CHECKPOINT_INTERVAL)?
                .filter(|interval| !interval.is_zero())
                .ok_or_else(|| {
                    reader.invalid(&CHECKPOINT_INTERVAL, "expected a duration above 0")
                })?,
            time_zone: time_zone(&reader)?,
            batch: reader.word(&RUNTIME_MODE)? == Some("batch"),
            dml_sync: reader.bool(&DML_SYNC)?,
            pipeline_name: reader.string(&PIPELINE_NAME),
            restart,
            shared: reader.bool(&SHARED)?,
            drop_null_violations: reader.word(&NOT_NULL)? == Some("drop"),
            column_width_max: reader
                .long(&COLUMN_WIDTH)?
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=COLUMN_WIDTH_LIMIT).contains(n))
                .ok_or_else(|| {
                    let expected = format_args!("expected a number from 1 to {COLUMN_WIDTH_LIMIT}");
                    reader.invalid(&COLUMN_WIDTH, expected)
                })?,
            type_length: match reader.word(&TYPE_LENGTH)? {
                Some("trim_pad") => TypeLengthEnforcer::TrimPad,
                Some("error") => TypeLengthEnforcer::Error,
                _ => TypeLengthEnforcer::Ignore,
            },
            upsert_materialize: match reader.word(&UPSERT_MATERIALIZE)? {
                Some("force") => UpsertMaterialize::Force,
                Some("none") => UpsertMaterialize::Never,
                _ => UpsertMaterialize::Auto,
            },
            duplicate_changes: reader.bool(&DUPLICATE_CHANGES)?,
            legacy_cast: reader.word(&LEGACY_CAST)? == Some("enabled"),
            option_hints: reader.bool(&OPTION_HINTS)?,
        })
    }
}

/// The zone that the machine is in, asked for once: settings are read for every statement.
static MACHINE: OnceLock<Option<String>> = OnceLock::new();

fn time_zone(reader: &OptionReader<'_>) -> Result<chrono_tz::Tz> {
    let name = reader.string(&TIME_ZONE).unwrap_or_default();
    if name != "default" {
        return parse_zone(&name).ok_or_else(|| {
            reader.invalid(&TIME_ZONE, "expected a zone such as UTC or Europe/Berlin")
        });
    }
    let machine = MACHINE.get_or_init(|| {
        let variable = std::env::var("TZ").ok().filter(|tz| !tz.is_empty());
        variable.or_else(|| iana_time_zone::get_timezone().ok())
    });
    match machine {
        None => Ok(chrono_tz::UTC),
        Some(name) => machine_zone(name).ok_or_else(|| {
            Error::new(ErrorKind::Option, format!("the machine's time zone '{name}' is not known"))
                .with_hint("SET 'table.local-time-zone' = 'UTC'")
        }),
    }
}

/// What `TZ` says as Java understands it: the name of a zone, a path to its file, Java's `GMT+2`; other offsets count the
/// other way round, as in POSIX.
fn machine_zone(name: &str) -> Option<chrono_tz::Tz> {
    let name = name.trim_start_matches(':');
    if let Some((_, zone)) = name.split_once("/zoneinfo/") {
        return parse_zone(zone);
    }
    if name.starts_with('/') {
        return parse_zone(&iana_time_zone::get_timezone().ok()?);
    }
    match name.strip_prefix("UTC").map(str::as_bytes) {
        Some([b'+', hours @ ..]) => {
            parse_zone(&format!("GMT-{}", std::str::from_utf8(hours).ok()?))
        }
        Some([b'-', hours @ ..]) => {
            parse_zone(&format!("GMT+{}", std::str::from_utf8(hours).ok()?))
        }
        _ => parse_zone(name),
    }
}

/// Zone names; Java's `GMT+08:00` only for whole hours.
fn parse_zone(name: &str) -> Option<chrono_tz::Tz> {
    if let Ok(zone) = name.parse() {
        return Some(zone);
    }
    if matches!(name, "Z" | "+00:00" | "GMT+00:00" | "UTC+00:00") {
        return Some(chrono_tz::UTC);
    }
    let offset = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
    let (sign, rest) = match offset.strip_prefix('+') {
        Some(rest) => ('-', rest),
        None => ('+', offset.strip_prefix('-')?),
    };
    let hours: u32 = rest.strip_suffix(":00").unwrap_or(rest).parse().ok()?;
    // POSIX zones count the other way round.
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_setting_of_the_client_that_changes_nothing_says_so() {
        let said = |key: &str| {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&lines);
            Settings::note(key, &Warnings::to(move |l| sink.lock().unwrap().push(l.to_owned())));
            lines.lock().unwrap().join("\n")
        };
        for key in [
            "sql-client.execution.result-mode",
            "sql-client.display.max-column-width",
            "sql-client.execution.max-table-result.rows",
        ] {
            let line = format!("[DEBUG] setting '{key}' is accepted and has no effect here");
            assert_eq!(said(key), line);
        }
        assert_eq!(said("table.display.max-column-width"), "");
    }

    #[test]
    fn zones_have_javas_spellings() {
        assert_eq!(parse_zone("UTC"), Some(chrono_tz::UTC));
        assert_eq!(parse_zone("GMT+08:00"), Some(chrono_tz::Etc::GMTMinus8));
        assert_eq!(parse_zone("Mars/Olympus"), None);
    }

    #[test]
    fn the_machines_zone_may_be_a_path_or_an_offset() {
        for (name, zone) in [
            ("Asia/Tokyo", chrono_tz::Asia::Tokyo),
            (":Asia/Tokyo", chrono_tz::Asia::Tokyo),
            ("/usr/share/zoneinfo/Asia/Tokyo", chrono_tz::Asia::Tokyo),
            ("GMT+2", chrono_tz::Etc::GMTMinus2),
            ("UTC-3", chrono_tz::Etc::GMTMinus3),
            ("UTC", chrono_tz::UTC),
        ] {
            assert_eq!(machine_zone(name), Some(zone), "{name}");
        }
    }

    #[test]
    fn wrong_values_are_refused_and_unknown_keys_are_not() {
        let mut options = Options::default();
        options.set("state.backend", "rocksdb", None);
        assert_eq!(Settings::read(&options).unwrap().parallelism, 1);
        options.set("parallelism.default", "zero", None);
        assert!(Settings::read(&options).unwrap_err().to_string().contains("parallelism.default"));
        options.set("table.exec.resource.default-parallelism", "3", None);
        assert_eq!(Settings::read(&options).unwrap().parallelism, 3);
        options.set("table.sql-dialect", "hive", None);
        assert!(Settings::read(&options).unwrap_err().to_string().contains("table.sql-dialect"));
    }
}
