//! Hints. All but OPTIONS change how Flink executes, not what comes out; they are checked as Flink checks them
//! (`FlinkHintStrategies`), so that a mistyped one is no surprise there.

use super::schema_error;
use crate::base::{Error, Result, nearest};
use crate::options::parse_duration;
use crate::sql::ast::{Hint, HintArgs, Property};

/// What a hint takes.
#[derive(Clone, Copy)]
enum Takes {
    /// Keys and values, at least one.
    Properties,
    /// Keys and values that are durations.
    Durations,
    /// Names of tables, at least one.
    Tables,
    /// What Flink writes for itself.
    Anything,
}

const KNOWN: &[(&str, Takes)] = &[
    (OPTIONS, Takes::Properties),
    ("STATE_TTL", Takes::Durations),
    ("LOOKUP", Takes::Properties),
    ("BROADCAST", Takes::Tables),
    ("SHUFFLE_HASH", Takes::Tables),
    ("SHUFFLE_MERGE", Takes::Tables),
    ("NEST_LOOP", Takes::Tables),
    ("ALIAS", Takes::Anything),
    ("JSON_AGGREGATE_WRAPPED", Takes::Anything),
];

const OPTIONS: &str = "OPTIONS";

/// The OPTIONS hint among those of a table: the first, as Flink's `FlinkHints.getHintedOptions` takes it.
pub(super) fn options(hints: &[Hint]) -> Option<(&Hint, &[Property])> {
    hints.iter().filter(|hint| hint.name.value.eq_ignore_ascii_case(OPTIONS)).find_map(|hint| {
        match &hint.args {
            HintArgs::Properties(properties) => Some((hint, properties.as_slice())),
            HintArgs::None | HintArgs::List(_) => None,
        }
    })
}

/// Refuses hints that Flink does not know, or that it knows with other arguments.
pub(super) fn check(hints: &[Hint]) -> Result<()> {
    hints.iter().try_for_each(check_one)
}

fn check_one(hint: &Hint) -> Result<()> {
    let written = &hint.name.value;
    let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
    let Some((name, takes)) = known else { return Err(unknown(hint)) };
    match (takes, &hint.args) {
        (Takes::Anything, _)
        | (Takes::Properties, HintArgs::Properties(_))
        | (Takes::Tables, HintArgs::List(_)) => Ok(()),
        (Takes::Durations, HintArgs::Properties(properties)) => {
            properties.iter().try_for_each(|property| {
                let said = |message| {
                    let message = format!("invalid value of hint {name}: {message}");
                    schema_error(message, property.span)
                };
                parse_duration(&property.value.value).map(drop).map_err(said)
            })
        }
        (Takes::Tables, _) => {
            let message = format!("hint {name} expects at least one table or view");
            Err(schema_error(message, hint.span).with_hint(format!("write {name}(t)")))
        }
        (Takes::Properties | Takes::Durations, _) => {
            let message = format!("hint {name} only supports non-empty key value options");
            Err(schema_error(message, hint.span)
                .with_hint(format!("write {name}('key' = 'value')")))
        }
    }
}

fn unknown(hint: &Hint) -> Error {
    let name = &hint.name.value;
    let error = schema_error(format!("unknown hint '{name}'"), hint.span);
    match nearest(&name.to_uppercase(), KNOWN.iter().map(|(known, _)| *known)) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error,
    }
}
