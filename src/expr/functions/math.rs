//! Functions over numbers.

use super::signature::{STRING, any_nullable, fixed};
use super::{Call, Function, Param, Signature};
use crate::expr::value::Value;
use crate::expr::{CompareOp, Expr, Scalar, Selection, build, compare, decimal, is_sortable};
use crate::types::java_text::write_double;
use crate::types::{Column, DataType, Kind};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use std::fmt::Write as _;
use std::sync::Arc;

use Param::{Double, Int, Long, Number};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("ABS(number)", "The value without its sign.", same_number, |call| {
        numbers(call, i64::wrapping_abs, f64::abs, |value, _| Some(value.abs()))
    }),
    Function::new("SIGN(number)", "−1, 0 or 1.", same_number, |call| {
        numbers(
            call,
            i64::signum,
            |value| if value == 0.0 || value.is_nan() { value } else { value.signum() },
            |value, scale| Some(value.signum() * decimal::pow10(u32::from(scale))?),
        )
    }),
    Function::new("FLOOR(number)", "The largest whole number not above it.", whole, |call| {
        round_whole(call, f64::floor, i128::div_euclid)
    }),
    Function::new("CEIL(number)", "The smallest whole number not below it.", whole, |call| {
        round_whole(call, f64::ceil, |value, unit| -(-value).div_euclid(unit))
    })
    .aliases(&["CEILING"]),
    Function::new(
        "ROUND(number [, places])",
        "The number rounded half up to `places` digits after the point, or before it where negative.",
        round_signature,
        |call| round(call, true),
    )
    .can_fail(),
    Function::new(
        "TRUNCATE(number [, places])",
        "The number cut to `places` digits after the point, or before it where negative.",
        round_signature,
        |call| round(call, false),
    )
    .can_fail(),
    Function::new("POWER(base, exponent)", "The base to the exponent.", two_doubles, |call| {
        binary(call, f64::powf)
    }),
    Function::new("SQRT(number)", "The square root.", one_double, |call| {
        // As POWER(number, 0.5), whose result for −0.0 is 0.0.
        unary(call, |x| x.powf(0.5))
    }),
    Function::new("EXP(number)", "e to the number.", one_double, |call| unary(call, f64::exp)),
    Function::new("LN(number)", "The natural logarithm.", one_double, |call| unary(call, f64::ln)),
    Function::new("LOG10(number)", "The logarithm to base 10.", one_double, |call| {
        unary(call, f64::log10)
    }),
    Function::new("LOG2(number)", "The logarithm to base 2.", one_double, |call| {
        unary(call, |x| x.ln() / 2_f64.ln())
    }),
    Function::new(
        "LOG([base, ] number)",
        "The natural logarithm, or that to a base.",
        |args| fixed(args, &[Double, Double], 1, Kind::Double),
        |call| {
            if call.has(1) {
                binary(call, |base, x| x.ln() / base.ln())
            } else {
                unary(call, f64::ln)
            }
        },
    ),
    Function::new("SIN(number)", "The sine.", one_double, |call| unary(call, f64::sin)),
    Function::new("COS(number)", "The cosine.", one_double, |call| unary(call, f64::cos)),
    Function::new("TAN(number)", "The tangent.", one_double, |call| unary(call, f64::tan)),
    Function::new("COT(number)", "The cotangent.", one_double, |call| {
        unary(call, |x| 1.0 / x.tan())
    }),
    Function::new("SINH(number)", "The hyperbolic sine.", one_double, |call| {
        unary(call, f64::sinh)
    }),
    Function::new("COSH(number)", "The hyperbolic cosine.", one_double, |call| {
        unary(call, cosh)
    }),
    Function::new("TANH(number)", "The hyperbolic tangent.", one_double, |call| {
        unary(call, f64::tanh)
    }),
    Function::new("ASIN(number)", "The arc sine.", one_double, |call| unary(call, f64::asin)),
    Function::new("ACOS(number)", "The arc cosine.", one_double, |call| unary(call, f64::acos)),
    Function::new("ATAN(number)", "The arc tangent.", one_double, |call| unary(call, f64::atan)),
    Function::new("ATAN2(y, x)", "The angle of a point.", two_doubles, |call| {
        binary(call, f64::atan2)
    }),
    Function::new("DEGREES(number)", "Radians as degrees.", one_double, |call| {
        unary(call, f64::to_degrees)
    }),
    Function::new("RADIANS(number)", "Degrees as radians.", one_double, |call| {
        unary(call, f64::to_radians)
    }),
    Function::new(
        "PI()",
        "π.",
        |args| fixed(args, &[], 0, Kind::Double),
        |call| call.values::<Float64Type>(|_| Ok(Some(std::f64::consts::PI))),
    ),
    Function::new(
        "E()",
        "Euler's number.",
        |args| fixed(args, &[], 0, Kind::Double),
        |call| call.values::<Float64Type>(|_| Ok(Some(std::f64::consts::E))),
    ),
    Function::new(
        "GREATEST(value, …)",
        "The largest value; NULL where one is NULL.",
        common_signature,
        |call| extreme(call, CompareOp::Gt),
    ),
    Function::new(
        "LEAST(value, …)",
        "The smallest value; NULL where one is NULL.",
        common_signature,
        |call| extreme(call, CompareOp::Lt),
    ),
    Function::new(
        "BIN(integer)",
        "The number in binary.",
        |args| fixed(args, &[Long], 1, STRING),
        |call| {
            let value = call.long(0);
            call.strings(|row, out| {
                Ok(value.get(row).map(|value| out.push_str(&format!("{value:b}"))))
            })
        },
    ),
];

fn one_double(args: &[Expr]) -> Option<Signature> {
    fixed(args, &[Double], 1, Kind::Double)
}

fn two_doubles(args: &[Expr]) -> Option<Signature> {
    fixed(args, &[Double, Double], 2, Kind::Double)
}

fn same_number(args: &[Expr]) -> Option<Signature> {
    let signature = fixed(args, &[Number], 1, Kind::Null)?;
    with_kind_of_first(signature)
}

fn with_kind_of_first(mut signature: Signature) -> Option<Signature> {
    signature.returns.kind = signature.args.first()?.clone();
    Some(signature)
}

/// Decimals lose their digits after the point.
fn whole(args: &[Expr]) -> Option<Signature> {
    let mut signature = same_number(args)?;
    if let Kind::Decimal { scale, .. } = &mut signature.returns.kind {
        *scale = 0;
    }
    Some(signature)
}

fn round_signature(args: &[Expr]) -> Option<Signature> {
    let mut signature = with_kind_of_first(fixed(args, &[Number, Int], 1, Kind::Null)?)?;
    let places = match args.get(1) {
        None => Some(0),
        Some(places) => match places.as_literal() {
            Some(Scalar::Integer(places)) => i32::try_from(*places).ok(),
            _ => None,
        },
    };
    if let (Kind::Decimal { precision, scale }, Some(places)) = (&signature.returns.kind, places) {
        signature.returns.kind = decimal::round_type((*precision, *scale), places);
    }
    Some(signature)
}

fn common_signature(args: &[Expr]) -> Option<Signature> {
    let common = build::common_argument_type(args.iter().map(|arg| &arg.data_type))?;
    if !is_ordered(&common.kind) {
        return None;
    }
    let returns = DataType { kind: common.kind.clone(), nullable: any_nullable(args) };
    Some(Signature { args: vec![common.kind; args.len()], returns })
}

fn is_ordered(kind: &Kind) -> bool {
    is_sortable(kind) && *kind != Kind::Null
}

/// The hyperbolic cosine of fdlibm (`e_cosh.c`), which Java follows, digit by digit.
fn cosh(x: f64) -> f64 {
    let x = x.abs();
    if x < 0.5 * std::f64::consts::LN_2 {
        let t = x.exp_m1();
        let w = 1.0 + t;
        return if x < 2_f64.powi(-55) { w } else { 1.0 + t * t / (w + w) };
    }
    if x < 22.0 {
        let t = exp(x);
        return 0.5 * t + 0.5 / t;
    }
    if x < 709.0 { 0.5 * exp(x) } else { x.cosh() }
}

/// The exponential function of fdlibm (`e_exp.c`) for numbers above ln 2 / 2 whose result is finite.
fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const P: [f64; 5] = [
        1.666_666_666_666_660_2e-1,
        -2.777_777_777_701_559_3e-3,
        6.613_756_321_437_934e-5,
        -1.653_390_220_546_525_2e-6,
        4.138_136_797_057_238_5e-8,
    ];
    let k = if x < 1.5 * std::f64::consts::LN_2 {
        1.0
    } else {
        (std::f64::consts::LOG2_E * x + 0.5).floor()
    };
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let x = high - low;
    let t = x * x;
    let c = x - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    let y = 1.0 - ((low - (x * c) / (2.0 - c)) - high);
    y * 2_f64.powi(k as i32)
}

fn unary(call: &mut Call<'_, '_>, f: impl Fn(f64) -> f64) -> Column {
    let x = call.double(0);
    call.values::<Float64Type>(|row| Ok(x.get(row).map(&f)))
}

fn binary(call: &mut Call<'_, '_>, f: impl Fn(f64, f64) -> f64) -> Column {
    let (x, y) = (call.double(0), call.double(1));
    call.values::<Float64Type>(|row| Ok(x.get(row).zip(y.get(row)).map(|(x, y)| f(x, y))))
}

/// The argument as a column, so that one path serves constants too.
fn first_column(call: &Call<'_, '_>) -> Column {
    call.args[0].clone().into_column(call.data_type(0), call.rows)
}

fn numbers(
    call: &mut Call<'_, '_>,
    integer: impl Fn(i64) -> i64,
    float: impl Fn(f64) -> f64,
    exact: impl Fn(i128, u8) -> Option<i128>,
) -> Column {
    let column = first_column(call);
    match &call.data_type(0).kind {
        Kind::TinyInt => Arc::new(
            column.as_primitive::<Int8Type>().unary::<_, Int8Type>(|v| integer(v.into()) as i8),
        ),
        Kind::SmallInt => Arc::new(
            column.as_primitive::<Int16Type>().unary::<_, Int16Type>(|v| integer(v.into()) as i16),
        ),
        Kind::Int => Arc::new(
            column.as_primitive::<Int32Type>().unary::<_, Int32Type>(|v| integer(v.into()) as i32),
        ),
        Kind::BigInt => Arc::new(column.as_primitive::<Int64Type>().unary::<_, Int64Type>(integer)),
        Kind::Float => Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|v| float(v.into()) as f32),
        ),
        Kind::Double => {
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(float))
        }
        Kind::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            let array = column.as_primitive::<Decimal128Type>();
            let returns = call.returns.physical();
            let values = call.values::<Decimal128Type>(|row| {
                let value = array.is_valid(row).then(|| array.value(row));
                let value = value.and_then(|value| exact(value, scale));
                Ok(value.and_then(|value| decimal::fits(value, precision)))
            });
            Arc::new(values.as_primitive::<Decimal128Type>().clone().with_data_type(returns))
        }
        _ => column,
    }
}

fn round_whole(
    call: &mut Call<'_, '_>,
    float: impl Fn(f64) -> f64,
    exact: impl Fn(i128, i128) -> i128,
) -> Column {
    numbers(
        call,
        |value| value,
        float,
        |value, scale| Some(exact(value, decimal::pow10(u32::from(scale))?)),
    )
}

fn round(call: &mut Call<'_, '_>, half_up: bool) -> Column {
    let column = first_column(call);
    let places = call.int(1);
    let has_places = call.has(1);
    let places = move |row| if has_places { places.get(row) } else { Some(0) };
    match &call.data_type(0).kind {
        Kind::TinyInt => integers::<Int8Type>(call, &column, places, half_up),
        Kind::SmallInt => integers::<Int16Type>(call, &column, places, half_up),
        Kind::Int => integers::<Int32Type>(call, &column, places, half_up),
        Kind::BigInt => integers::<Int64Type>(call, &column, places, half_up),
        Kind::Float => floats::<Float32Type>(call, &column, places, half_up),
        Kind::Double => floats::<Float64Type>(call, &column, places, half_up),
        Kind::Decimal { scale, .. } => {
            let scale = i32::from(*scale);
            let array = column.as_primitive::<Decimal128Type>();
            let (precision, to_scale) = match call.returns.kind {
                Kind::Decimal { precision, scale } => (precision, scale),
                _ => (decimal::PRECISION_MAX, 0),
            };
            let returns = call.returns.physical();
            let from_scale = u8::try_from(scale).unwrap_or(0);
            let values = call.values::<Decimal128Type>(|row| {
                let value = array.is_valid(row).then(|| array.value(row));
                let (Some(value), Some(places)) = (value, places(row)) else { return Ok(None) };
                let rounded = round_exact(value, scale, places, half_up);
                Ok(decimal::rescale(rounded, from_scale, (precision, to_scale)))
            });
            Arc::new(values.as_primitive::<Decimal128Type>().clone().with_data_type(returns))
        }
        _ => column,
    }
}

/// The value, still of `scale`, with digits beyond `places` gone.
fn round_exact(value: i128, scale: i32, places: i32, half_up: bool) -> i128 {
    let drop = i64::from(scale) - i64::from(places);
    if drop <= 0 {
        return value;
    }
    let Some(unit) = u32::try_from(drop).ok().and_then(decimal::pow10) else { return 0 };
    let kept = if half_up { decimal::divide_half_up(value, unit) } else { value / unit };
    kept.saturating_mul(unit)
}

fn integers<T: ArrowPrimitiveType>(
    call: &mut Call<'_, '_>,
    column: &Column,
    places: impl Fn(usize) -> Option<i32>,
    half_up: bool,
) -> Column
where
    T::Native: Into<i64> + TruncateFrom,
{
    let array = column.as_primitive::<T>();
    call.values::<T>(|row| {
        let value = array.is_valid(row).then(|| array.value(row).into());
        let (Some(value), Some(places)) = (value, places(row)) else { return Ok(None) };
        let rounded = round_exact(i128::from(value), 0, places, half_up);
        Ok(Some(T::Native::truncate_from(rounded as i64)))
    })
}

/// Java's narrowing of a long.
trait TruncateFrom {
    fn truncate_from(value: i64) -> Self;
}

macro_rules! truncate_from {
    ($($native:ty),*) => {$(
        impl TruncateFrom for $native {
            fn truncate_from(value: i64) -> $native {
                value as $native
            }
        }
    )*};
}
truncate_from!(i8, i16, i32, i64);

fn floats<T: ArrowPrimitiveType>(
    call: &mut Call<'_, '_>,
    column: &Column,
    places: impl Fn(usize) -> Option<i32>,
    half_up: bool,
) -> Column
where
    T::Native: Into<f64> + NarrowFrom,
{
    let array = column.as_primitive::<T>();
    let mut text = String::new();
    call.values::<T>(|row| {
        let value: Option<f64> = array.is_valid(row).then(|| array.value(row).into());
        let (Some(value), Some(places)) = (value, places(row)) else { return Ok(None) };
        if !value.is_finite() {
            return Err("ROUND and TRUNCATE take no infinity and no NaN".to_owned());
        }
        Ok(Some(T::Native::narrow_from(round_double(value, places, half_up, &mut text))))
    })
}

trait NarrowFrom {
    fn narrow_from(value: f64) -> Self;
}

impl NarrowFrom for f64 {
    fn narrow_from(value: f64) -> f64 {
        value
    }
}

impl NarrowFrom for f32 {
    fn narrow_from(value: f64) -> f32 {
        value as f32
    }
}

/// Rounds, or cuts, the decimal text of the number, as `BigDecimal.valueOf` does.
fn round_double(value: f64, places: i32, half_up: bool, text: &mut String) -> f64 {
    round_apart(value, places, half_up).unwrap_or_else(|| round_text(value, places, half_up, text))
}

/// The same by the number itself where that decides: it is not near to a number that is rounded the other way.
fn round_apart(value: f64, places: i32, half_up: bool) -> Option<f64> {
    /// Powers of ten that are exact.
    const UNITS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
    /// Below it, the text and the product are off by less than [`NEAR`].
    const SCALED_MAX: f64 = 1e11;
    const NEAR: f64 = 1e-3;
    let unit = *UNITS.get(usize::try_from(places).ok()?)?;
    let scaled = value * unit;
    let (whole, distance) = match half_up {
        true => (scaled.round(), scaled.fract().abs() - 0.5),
        false => (scaled.trunc(), scaled - scaled.round()),
    };
    // Java's decimals have no zero below zero.
    (scaled.abs() < SCALED_MAX && distance.abs() > NEAR).then_some(whole / unit + 0.0)
}

fn round_text(value: f64, places: i32, half_up: bool, text: &mut String) -> f64 {
    text.clear();
    write_double(value, text);
    let (digits, exponent) = text.split_once('E').unwrap_or((text.as_str(), "0"));
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = i32::try_from(fraction).unwrap_or(0) - exponent.parse::<i32>().unwrap_or(0);
    // At most 17 of them, and zeros.
    let digits = digits.bytes().filter(u8::is_ascii_digit);
    let unscaled = digits.fold(0, |number: i128, digit| number * 10 + i128::from(digit - b'0'));
    let unscaled = if value < 0.0 { -unscaled } else { unscaled };
    let rounded = round_exact(unscaled, scale, places, half_up);
    text.clear();
    let _ = write!(text, "{rounded}E{}", -scale);
    text.parse().unwrap_or(value)
}

fn extreme(call: &mut Call<'_, '_>, wanted: CompareOp) -> Column {
    let data_type = call.returns.clone();
    let mut best = first_column(call);
    for at in 1..call.args.len() {
        let other = call.args[at].clone().into_column(&data_type, call.rows);
        let (a, b) = (Value::Array(Arc::clone(&other)), Value::Array(Arc::clone(&best)));
        let all = Selection::All(call.rows);
        let better = compare::compare(wanted, (&a, &data_type), (&b, &data_type), &all, call.rows);
        let pick = |row: usize| {
            if other.is_null(row) || (better.is_valid(row) && better.value(row)) {
                (1, row)
            } else {
                (0, row)
            }
        };
        let picks: Vec<(usize, usize)> = (0..call.rows).map(pick).collect();
        let arrays: [&dyn Array; 2] = [best.as_ref(), other.as_ref()];
        match arrow_select::interleave::interleave(&arrays, &picks) {
            Ok(column) => best = column,
            Err(error) => panic!("operands of one call have one type: {error}"),
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_as_their_texts() {
        let mut text = String::new();
        let mut value: f64 = 1e-3;
        while value < 1e13 {
            value *= 1.037;
            for near in [value, value.floor(), value.floor() + 0.5, (value * 100.0).round() / 100.0]
            {
                for (places, half_up) in
                    (0..10).flat_map(|places| [(places, true), (places, false)])
                {
                    for value in [near, -near] {
                        let exact = round_text(value, places, half_up, &mut text);
                        let given = round_double(value, places, half_up, &mut text);
                        assert_eq!(
                            given.to_bits(),
                            exact.to_bits(),
                            "{value} to {places}, {half_up}"
                        );
                    }
                }
            }
        }
        assert_eq!(round_apart(0.123, 2, true), Some(0.12));
        assert_eq!(round_apart(0.125, 2, true), None);
        assert_eq!(round_apart(0.12, 2, false), None);
    }
}
