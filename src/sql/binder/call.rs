//! Function calls by name.

use super::coerce::{self, shown};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::expr::{
    ArithmeticOp, CompareOp, Expr, FUNCTIONS, Function, Node, Scalar, common_argument_type,
    function, is_sortable,
};
use crate::types::{DataType, Kind};

/// Flink's aggregate functions.
const AGGREGATES: &[&str] = &[
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "AVG",
    "COLLECT",
    "COUNT",
    "CUME_DIST",
    "DENSE_RANK",
    "FIRST_VALUE",
    "GROUPING",
    "GROUPING_ID",
    "GROUP_ID",
    "JSON_ARRAYAGG",
    "JSON_OBJECTAGG",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "LISTAGG",
    "MAX",
    "MIN",
    "NTILE",
    "PERCENTILE",
    "PERCENT_RANK",
    "RANK",
    "ROW_NUMBER",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "SUM",
    "SUM0",
    "VARIANCE",
    "VAR_POP",
    "VAR_SAMP",
];

/// Flink's functions over windows and time attributes.
const WINDOWS: &[&str] = &[
    "HOP",
    "HOP_END",
    "HOP_PROCTIME",
    "HOP_ROWTIME",
    "HOP_START",
    "SESSION",
    "SESSION_END",
    "SESSION_PROCTIME",
    "SESSION_ROWTIME",
    "SESSION_START",
    "SOURCE_WATERMARK",
    "TUMBLE",
    "TUMBLE_END",
    "TUMBLE_PROCTIME",
    "TUMBLE_ROWTIME",
    "TUMBLE_START",
];

/// Names of other systems, and Flink's function for them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("ARRAY_LENGTH", "CARDINALITY"),
    ("CHARINDEX", "LOCATE"),
    ("DATEADD", "TIMESTAMPADD"),
    ("DATEDIFF", "TIMESTAMPDIFF"),
    ("DATE_ADD", "TIMESTAMPADD"),
    ("DATE_TRUNC", "FLOOR"),
    ("FROM_JSON", "JSON_VALUE"),
    ("GET_JSON_OBJECT", "JSON_VALUE"),
    ("JSON_EXTRACT", "JSON_VALUE"),
    ("LCASE", "LOWER"),
    ("LEN", "CHAR_LENGTH"),
    ("LENGTH", "CHAR_LENGTH"),
    ("NVL", "IFNULL"),
    ("POW", "POWER"),
    ("RANDOM", "RAND"),
    ("REGEXP_LIKE", "REGEXP"),
    ("SIZE", "CARDINALITY"),
    ("SPLIT_PART", "SPLIT_INDEX"),
    ("STRPOS", "INSTR"),
    ("TO_CHAR", "DATE_FORMAT"),
    ("TO_JSON", "JSON_STRING"),
    ("UCASE", "UPPER"),
];

/// Functions that take a bare NULL, by the type inference of Flink's newer functions; the others refuse it.
const TAKE_NULL: &[&str] = &[
    "ARRAY_APPEND",
    "ARRAY_CONTAINS",
    "ARRAY_JOIN",
    "ARRAY_POSITION",
    "ARRAY_PREPEND",
    "ARRAY_REMOVE",
    "ARRAY_SLICE",
    "ARRAY_SORT",
    "BTRIM",
    "ELT",
    "ENDSWITH",
    "JSON_QUOTE",
    "JSON_STRING",
    "JSON_UNQUOTE",
    "PARSE_JSON",
    "PRINTF",
    "REGEXP_COUNT",
    "REGEXP_EXTRACT_ALL",
    "REGEXP_INSTR",
    "REGEXP_SUBSTR",
    "SPLIT",
    "STARTSWITH",
    "TO_TIMESTAMP_LTZ",
    "TRY_PARSE_JSON",
    "UNHEX",
    "URL_DECODE",
    "URL_ENCODE",
];

/// Functions whose positions and lengths are an `int` in Flink's Java: its code with a BIGINT does not compile.
const INT_ONLY: &[&str] = &[
    "INSTR",
    "LEFT",
    "LOCATE",
    "LPAD",
    "POSITION",
    "REPEAT",
    "RIGHT",
    "RPAD",
    "SPLIT_INDEX",
    "SUBSTRING",
];

/// Functions that are bound here and not of [`FUNCTIONS`], and how they are written.
const SPECIAL: &[(&str, &str)] = &[
    ("COALESCE", "COALESCE(value, …)"),
    ("CURRENT_DATABASE", "CURRENT_DATABASE()"),
    ("CURRENT_WATERMARK", "CURRENT_WATERMARK(rowtime)"),
    ("IF", "IF(condition, then, else)"),
    ("IFNULL", "IFNULL(value, replacement)"),
    ("MOD", "MOD(dividend, divisor)"),
    ("NULLIF", "NULLIF(value, other)"),
    ("TYPEOF", "TYPEOF(value [, TRUE | FALSE])"),
];

/// A call of the function called `name`.
pub(super) fn call(name: &str, mut args: Vec<Expr>) -> Result<Expr> {
    match (name.to_ascii_uppercase().as_str(), args.len()) {
        ("COALESCE", 1..) => return coalesce(args),
        ("IFNULL", 2) => {
            let known = args
                .first()
                .is_some_and(|value| !value.data_type.nullable && value.data_type.kind.is_string());
            if known && common_argument_type(args.iter().map(|arg| &arg.data_type)).is_some() {
                args.truncate(1);
            }
            return coalesce(args);
        }
        ("IF", 3) => {
            let (Some(otherwise), Some(then), Some(condition)) =
                (args.pop(), args.pop(), args.pop())
            else {
                return Err(Error::internal("IF lost its arguments"));
            };
            if [&condition, &then, &otherwise].iter().any(|arg| arg.data_type.kind == Kind::Null) {
                return Err(super::expr::illegal_null());
            }
            if condition.data_type.kind != Kind::Boolean {
                return Err(refused(
                    "IF",
                    &[condition, then, otherwise],
                    "IF(condition, then, else)",
                ));
            }
            if !is_sortable(&then.data_type.kind) || !is_sortable(&otherwise.data_type.kind) {
                let form = "CASE WHEN condition THEN … ELSE … END for arrays, maps and rows";
                return Err(refused("IF", &[condition, then, otherwise], form));
            }
            let nullable = condition.data_type.nullable;
            let mut chosen = coerce::case(vec![(condition, then)], Some(otherwise))?;
            chosen.data_type.nullable |= nullable;
            return Ok(chosen);
        }
        ("NULLIF", 2) => {
            let (Some(other), Some(value)) = (args.pop(), args.pop()) else {
                return Err(Error::internal("NULLIF lost its arguments"));
            };
            if value.data_type.kind == Kind::Null {
                return Err(Error::new(ErrorKind::Schema, "the first operand of NULLIF is NULL"));
            }
            let same = coerce::compare(CompareOp::Eq, value.clone(), other)?;
            let kind = value.data_type.kind.clone();
            return Ok(Expr::case(vec![(same, Expr::null(kind.clone()))], Some(value), kind));
        }
        ("TYPEOF", 1 | 2) => {
            let data_type = DataType::string();
            let text = args.first().map(|arg| arg.data_type.to_string()).unwrap_or_default();
            let full = match args.get(1).map(Expr::as_literal) {
                None => false,
                Some(Some(Scalar::Boolean(full))) => *full,
                Some(_) => return Err(refused(name, &args, "TYPEOF(value [, TRUE | FALSE])")),
            };
            // Flink keeps intervals by their smallest unit.
            let text = text.replace("INTERVAL DAY TO SECOND", "INTERVAL SECOND");
            let text = text.replace("INTERVAL YEAR TO MONTH", "INTERVAL MONTH");
            let text = if full { serializable(&text) } else { text };
            return Ok(Expr::literal(Scalar::String(text), data_type));
        }
        ("MOD", 2) => {
            let (Some(divisor), Some(dividend)) = (args.pop(), args.pop()) else {
                return Err(Error::internal("MOD lost its arguments"));
            };
            return coerce::arithmetic(ArithmeticOp::Remainder, dividend, divisor);
        }
        ("CURRENT_WATERMARK", 1) => return current_watermark(args),
        _ => {}
    }
    let Some(found) = function(name) else { return Err(unknown(name, &args)) };
    const WRITTEN_OTHERWISE: &[&str] =
        &["$CEIL", "$EXTRACT", "$FLOOR", "$IS_JSON", "$SIMILAR", "$TRIM"];
    let inner = found.name.starts_with('$') && !WRITTEN_OTHERWISE.contains(&found.name);
    if !inner
        && !TAKE_NULL.contains(&found.name)
        && args.iter().any(|arg| arg.data_type.kind == Kind::Null)
    {
        return Err(super::expr::illegal_null());
    }
    match Expr::call(found, args.clone()) {
        Some(expr) => not_in_flink(found.name, &args).map_or(Ok(expr), Err),
        None => Err(refused(name, &args, found.usage)),
    }
}

fn is_small(kind: &Kind) -> bool {
    matches!(kind, Kind::TinyInt | Kind::SmallInt)
}

/// Calls that fit the signature and fail in Flink all the same.
fn not_in_flink(name: &str, args: &[Expr]) -> Option<Error> {
    let of_kind = |wanted: fn(&Kind) -> bool| args.iter().any(|arg| wanted(&arg.data_type.kind));
    let number = |at: usize| match args.get(at).and_then(Expr::as_literal) {
        Some(Scalar::Integer(number)) => Some(*number),
        _ => None,
    };
    let message = match name {
        _ if INT_ONLY.contains(&name) && of_kind(|kind| *kind == Kind::BigInt) => {
            let error =
                format!("cannot apply '{name}' to arguments of type '{name}({})'", arguments(args));
            let hint = "Flink takes INT here, no BIGINT: CAST(… AS INT)";
            return Some(Error::new(ErrorKind::Schema, error).with_hint(hint));
        }
        "ATAN2" if of_kind(|kind| matches!(kind, Kind::Decimal { .. })) => {
            let decimals = of_kind(|kind| !matches!(kind, Kind::Decimal { .. }));
            decimals.then(|| format!("unsupported call: ATAN2({})", arguments(args)))?
        }
        "$MAP"
            if args
                .iter()
                .any(|arg| is_small(&arg.data_type.kind) && arg.as_literal().is_none()) =>
        {
            let hint = "Flink's code for it does not compile: CAST(… AS INT)";
            let error = "MAP[…] of columns of type TINYINT or SMALLINT";
            return Some(Error::new(ErrorKind::Schema, error).with_hint(hint));
        }
        "SHA2" => {
            let bits = number(1).filter(|bits| ![224, 256, 384, 512].contains(bits))?;
            format!("unsupported algorithm: SHA-{bits}")
        }
        "ELT" => {
            let index = number(0).filter(|index| *index < 0)?;
            format!("index must be an integer starting from '0', but was '{index}'")
        }
        _ => return None,
    };
    Some(Error::new(ErrorKind::Schema, message))
}

/// A type's text without abbreviations (`LogicalType.asSerializableString`).
fn serializable(text: &str) -> String {
    let text = text.replace("STRING", "VARCHAR(2147483647)");
    text.replace("BYTES", "VARBINARY(2147483647)")
}

/// The watermark of the rowtime attribute. No operator makes watermarks yet, so it is what it is before the first one:
/// NULL.
fn current_watermark(args: Vec<Expr>) -> Result<Expr> {
    match args.as_slice() {
        [Expr { node: Node::Column(_), data_type, .. }]
            if matches!(data_type.kind, Kind::Timestamp(..=3) | Kind::TimestampLtz(..=3)) =>
        {
            Ok(Expr::null(data_type.kind.clone()))
        }
        _ => Err(Error::new(
            ErrorKind::Schema,
            "CURRENT_WATERMARK() must be called with a single rowtime attribute argument",
        )),
    }
}

fn coalesce(args: Vec<Expr>) -> Result<Expr> {
    let common = common_argument_type(args.iter().map(|arg| &arg.data_type));
    let Some(mut common) = common.filter(|common| common.kind != Kind::Null) else {
        return Err(refused("COALESCE", &args, "COALESCE(<COMMON>...)"));
    };
    // Days and times of days have days in common to Flink's functions, other than to CASE.
    if matches!(common.kind, Kind::Timestamp(_))
        && args.iter().any(|arg| arg.data_type.kind == Kind::Date)
    {
        common.kind = Kind::Date;
    }
    let args = args.into_iter().map(|arg| arg.cast_kind(common.kind.clone())).collect();
    Ok(Expr::coalesce(args, common.kind))
}

fn arguments(args: &[Expr]) -> String {
    let types: Vec<String> =
        args.iter().map(|arg| format!("<{}>", shown(&arg.data_type))).collect();
    types.join(", ")
}

fn refused(name: &str, args: &[Expr], usage: &str) -> Error {
    let name = name.trim_start_matches('$');
    Error::new(
        ErrorKind::Schema,
        format!("cannot apply '{name}' to arguments of type '{name}({})'", arguments(args)),
    )
    .with_hint(format!("supported form: {}", usage.trim_start_matches('$')))
}

fn unknown(name: &str, args: &[Expr]) -> Error {
    let special = SPECIAL.iter().find(|(special, _)| special.eq_ignore_ascii_case(name));
    if let Some((special, usage)) = special {
        return refused(special, args, usage);
    }
    let lists = [(AGGREGATES, "aggregate function"), (WINDOWS, "window function")];
    for (names, what) in lists {
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Error::unsupported(format!("{what} {}", name.to_ascii_uppercase()));
        }
    }
    let known = FUNCTIONS.iter().flat_map(|group| group.iter()).filter(|f| f.is_public());
    let known = known.flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
    let error = Error::new(
        ErrorKind::Schema,
        format!("no match found for function signature {name}({})", arguments(args)),
    );
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    if let Some((_, near)) = elsewhere {
        return error.with_hint(format!("did you mean '{near}'?"));
    }
    let others = AGGREGATES.iter().chain(WINDOWS).copied();
    match nearest(
        &name.to_ascii_uppercase(),
        known.chain(others).chain(SPECIAL.iter().map(|(name, _)| *name)),
    ) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error,
    }
}

/// Whether a script can call a function of this name, with some arguments.
pub(super) fn is_function(name: &str) -> bool {
    function(name).is_some_and(Function::is_public)
        || SPECIAL.iter().any(|(special, _)| special.eq_ignore_ascii_case(name))
}

/// The constant of a unit of time.
pub(super) fn unit(name: &str) -> Expr {
    let data_type = DataType::string().with_nullable(false);
    Expr::literal(Scalar::String(name.to_owned()), data_type)
}
