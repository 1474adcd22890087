//! Exact decimal arithmetic on unscaled 128-bit values, with Flink's rules for the types of results
//! (`LogicalTypeMerging`, `DecimalDataUtils`).

use crate::types::Kind;
use std::cmp::Ordering;

/// Largest precision.
pub const PRECISION_MAX: u8 = 38;

/// Digits after the point that an adjusted type keeps at least.
const ADJUSTED_SCALE_MIN: i32 = 6;

/// Precision and scale.
pub(crate) type Digits = (u8, u8);

/// `10^n`; `None` above `10^38`.
pub(crate) fn pow10(n: u32) -> Option<i128> {
    10_i128.checked_pow(n)
}

/// Type of `a + b` and `a - b`.
pub(crate) fn sum_type((p1, s1): Digits, (p2, s2): Digits) -> Kind {
    let scale = s1.max(s2);
    adjust(i32::from((p1 - s1).max(p2 - s2)) + i32::from(scale) + 1, i32::from(scale))
}

/// Type of `a * b`.
pub(crate) fn product_type((p1, s1): Digits, (p2, s2): Digits) -> Kind {
    adjust(i32::from(p1) + i32::from(p2) + 1, i32::from(s1) + i32::from(s2))
}

/// Type of `a / b`.
pub(crate) fn quotient_type((p1, s1): Digits, (p2, s2): Digits) -> Kind {
    let scale = (i32::from(s1) + i32::from(p2) + 1).max(6);
    adjust(i32::from(p1) - i32::from(s1) + i32::from(s2) + scale, scale)
}

/// Type of `a % b`.
pub(crate) fn remainder_type((p1, s1): Digits, (p2, s2): Digits) -> Kind {
    let scale = s1.max(s2);
    adjust(i32::from((p1 - s1).min(p2 - s2)) + i32::from(scale), i32::from(scale))
}

/// Type of `ROUND(a, places)`.
pub(crate) fn round_type((precision, scale): Digits, places: i32) -> Kind {
    if places >= i32::from(scale) {
        return Kind::Decimal { precision, scale };
    }
    let whole = i32::from(precision) - i32::from(scale) + 1;
    let places = places.max(0);
    decimal_kind((whole + places).min(i32::from(PRECISION_MAX)), places)
}

/// Smallest type that holds both, capped at 38 digits (`LogicalTypeMerging.createCommonExactNumericType`).
pub(crate) fn common_type((p1, s1): Digits, (p2, s2): Digits) -> Kind {
    let scale = i32::from(s1.max(s2));
    let whole = i32::from((p1 - s1).max(p2 - s2));
    let precision = (whole + scale).min(i32::from(PRECISION_MAX));
    decimal_kind(precision, scale.min(precision))
}

/// Above 38 digits, digits after the point are given up before digits in front of it, down to six.
fn adjust(precision: i32, scale: i32) -> Kind {
    let max = i32::from(PRECISION_MAX);
    if precision <= max {
        return decimal_kind(precision, scale);
    }
    let whole = precision - scale;
    decimal_kind(max, (max - whole).max(scale.min(ADJUSTED_SCALE_MIN)))
}

fn decimal_kind(precision: i32, scale: i32) -> Kind {
    let digits = |n: i32| u8::try_from(n.max(0)).unwrap_or(PRECISION_MAX);
    Kind::Decimal { precision: digits(precision.max(1)), scale: digits(scale) }
}

/// Orders two decimals of any scale.
pub(crate) fn compare(a: i128, a_scale: u8, b: i128, b_scale: u8) -> Ordering {
    if a_scale == b_scale {
        return a.cmp(&b);
    }
    if a_scale > b_scale {
        return compare(b, b_scale, a, a_scale).reverse();
    }
    // `a` has fewer digits after the point: compare whole parts first, so that nothing can overflow.
    let Some(factor) = pow10(u32::from(b_scale - a_scale)) else { return a.cmp(&0) };
    let (whole, rest) = (b.div_euclid(factor), b.rem_euclid(factor));
    a.cmp(&whole).then(if rest == 0 { Ordering::Equal } else { Ordering::Less })
}

/// The value with another scale, rounded half up (away from zero), if it fits `precision` digits.
pub(crate) fn rescale(value: i128, from_scale: u8, to: Digits) -> Option<i128> {
    let (precision, scale) = to;
    let value = if scale >= from_scale {
        value.checked_mul(pow10(u32::from(scale - from_scale))?)?
    } else {
        divide_half_up(value, pow10(u32::from(from_scale - scale))?)
    };
    fits(value, precision)
}

/// The value, if it has at most `precision` digits.
pub(crate) fn fits(value: i128, precision: u8) -> Option<i128> {
    let limit = pow10(u32::from(precision))?;
    (value.unsigned_abs() < limit.unsigned_abs()).then_some(value)
}

/// Quotient rounded half away from zero; `divisor` is positive.
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    if rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) {
        quotient + value.signum()
    } else {
        quotient
    }
}

/// `a + b` of type `to`; `None` where it does not fit.
pub(crate) fn add(a: (i128, u8), b: (i128, u8), to: Digits) -> Option<i128> {
    let scale = a.1.max(b.1);
    let a = a.0.checked_mul(pow10(u32::from(scale - a.1))?);
    let b_value = b.0.checked_mul(pow10(u32::from(scale - b.1))?);
    rescale(a?.checked_add(b_value?)?, scale, to)
}

/// `a * b` of type `to`; `None` where it does not fit.
pub(crate) fn multiply(a: (i128, u8), b: (i128, u8), to: Digits) -> Option<i128> {
    let scale = u32::from(a.1) + u32::from(b.1);
    if let (Some(product), Ok(scale)) = (a.0.checked_mul(b.0), u8::try_from(scale))
        && scale <= to.1.saturating_add(PRECISION_MAX)
    {
        return rescale(product, scale, to);
    }
    let negative = (a.0 < 0) != (b.0 < 0);
    let product = Wide::product(a.0.unsigned_abs(), b.0.unsigned_abs());
    // A product that needs more than 128 bits only fits if digits are dropped.
    let drop = scale.checked_sub(u32::from(to.1))?;
    let quotient = product.divide_half_up(Wide::pow10(drop)?)?;
    fits(signed(quotient, negative)?, to.0)
}

/// `a / b` of type `to`; `None` where it does not fit. `b` is not zero.
pub(crate) fn divide(a: (i128, u8), b: (i128, u8), to: Digits) -> Option<i128> {
    let exponent = i32::from(to.1) + i32::from(b.1) - i32::from(a.1);
    let negative = (a.0 < 0) != (b.0 < 0);
    let (numerator, denominator) = (a.0.unsigned_abs(), b.0.unsigned_abs());
    let power = 10_u128.checked_pow(exponent.unsigned_abs());
    let quotient = match (exponent >= 0, power) {
        (true, Some(power)) => match numerator.checked_mul(power) {
            Some(numerator) => round_quotient(numerator, denominator),
            None => Wide::product(numerator, power).divide_half_up(Wide::from(denominator))?,
        },
        (false, Some(power)) => {
            Wide::from(numerator).divide_half_up(Wide::product(denominator, power))?
        }
        // More than 38 digits of shift: only zero fits.
        (positive, None) => {
            if positive && numerator != 0 {
                return None;
            }
            0
        }
    };
    fits(signed(quotient, negative)?, to.0)
}

/// `a % b` of type `to`, with the sign of `a`. `b` is not zero.
pub(crate) fn remainder(a: (i128, u8), b: (i128, u8), to: Digits) -> Option<i128> {
    let scale = a.1.max(b.1);
    let up = |(value, own): (i128, u8)| {
        value.checked_mul(pow10(u32::from(scale - own)).unwrap_or(i128::MAX))
    };
    let rest = match (up(a), up(b)) {
        (Some(a), Some(b)) => a.checked_rem(b)?,
        // A divisor too large to scale up is larger than any dividend.
        (Some(a), None) => a,
        _ => return None,
    };
    rescale(rest, scale, to)
}

fn round_quotient(numerator: u128, denominator: u128) -> u128 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    quotient + u128::from(rest >= denominator - rest)
}

fn signed(magnitude: u128, negative: bool) -> Option<i128> {
    let value = i128::try_from(magnitude).ok()?;
    Some(if negative { -value } else { value })
}

/// An unsigned number of 256 bits, for products that need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wide {
    high: u128,
    low: u128,
}

impl From<u128> for Wide {
    fn from(low: u128) -> Wide {
        Wide { high: 0, low }
    }
}

impl Wide {
    fn product(a: u128, b: u128) -> Wide {
        const MASK: u128 = u64::MAX as u128;
        let (a_high, a_low, b_high, b_low) = (a >> 64, a & MASK, b >> 64, b & MASK);
        let low = a_low * b_low;
        let middle = a_high * b_low + (low >> 64);
        let other = a_low * b_high + (middle & MASK);
        Wide {
            high: a_high * b_high + (middle >> 64) + (other >> 64),
            low: (low & MASK) | (other << 64),
        }
    }

    fn pow10(n: u32) -> Option<Wide> {
        let first = 10_u128.checked_pow(n.min(38))?;
        let second = 10_u128.checked_pow(n.saturating_sub(38))?;
        Some(Wide::product(first, second))
    }

    /// Quotient rounded half up, if it fits 128 bits.
    fn divide_half_up(self, divisor: Wide) -> Option<u128> {
        if self.high == 0 && divisor.high == 0 {
            return Some(round_quotient(self.low, divisor.low));
        }
        let (mut quotient, mut rest) = (Wide::from(0), Wide::from(0));
        for bit in (0..256).rev() {
            let next = if bit >= 128 { self.high >> (bit - 128) } else { self.low >> bit } & 1;
            rest = Wide { high: (rest.high << 1) | (rest.low >> 127), low: (rest.low << 1) | next };
            quotient =
                Wide { high: (quotient.high << 1) | (quotient.low >> 127), low: quotient.low << 1 };
            if rest >= divisor {
                rest = rest.minus(divisor);
                quotient.low |= 1;
            }
        }
        if quotient.high != 0 {
            return None;
        }
        quotient.low.checked_add(u128::from(rest >= divisor.minus(rest)))
    }

    fn minus(self, other: Wide) -> Wide {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Wide { high: self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow)), low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(precision: u8, scale: u8) -> Kind {
        Kind::Decimal { precision, scale }
    }

    #[test]
    fn result_types_are_flinks() {
        assert_eq!(sum_type((10, 2), (5, 4)), decimal(13, 4));
        assert_eq!(sum_type((38, 8), (32, 8)), decimal(38, 7));
        assert_eq!(product_type((10, 2), (5, 1)), decimal(16, 3));
        assert_eq!(product_type((38, 18), (38, 18)), decimal(38, 6));
        assert_eq!(quotient_type((10, 2), (5, 1)), decimal(17, 8));
        assert_eq!(quotient_type((38, 18), (38, 18)), decimal(38, 6));
        assert_eq!(remainder_type((10, 2), (5, 1)), decimal(6, 2));
        assert_eq!(round_type((10, 3), 1), decimal(9, 1));
        assert_eq!(round_type((10, 3), -1), decimal(8, 0));
        assert_eq!(round_type((10, 3), 5), decimal(10, 3));
        assert_eq!(common_type((10, 2), (12, 0)), decimal(14, 2));
    }

    #[test]
    fn values_round_half_away_from_zero() {
        assert_eq!(rescale(1_245, 2, (10, 1)), Some(125));
        assert_eq!(rescale(-1_245, 2, (10, 1)), Some(-125));
        assert_eq!(rescale(1_244, 2, (10, 1)), Some(124));
        assert_eq!(rescale(999, 0, (2, 0)), None);
        assert_eq!(divide((1, 0), (3, 0), (10, 6)), Some(333_333));
        assert_eq!(divide((-2, 0), (3, 0), (10, 6)), Some(-666_667));
        assert_eq!(remainder((-75, 1), (2, 0), (5, 1)), Some(-15));
        assert_eq!(add((15, 1), (25, 2), (10, 2)), Some(175));
    }

    #[test]
    fn wide_values_keep_every_digit() {
        let nines = 10_i128.pow(38) - 1;
        assert_eq!(multiply((nines, 38), (nines, 38), (38, 38)), Some(nines - 1));
        assert_eq!(multiply((nines, 0), (10, 0), (38, 0)), None);
        assert_eq!(divide((nines, 0), (nines, 38), (38, 0)), None);
        assert_eq!(divide((nines, 38), (nines, 38), (38, 37)), Some(10_i128.pow(37)));
        assert_eq!(divide((nines, 30), (nines, 0), (38, 6)), Some(0));
    }

    #[test]
    fn scales_compare_by_value() {
        assert_eq!(compare(150, 2, 15, 1), Ordering::Equal);
        assert_eq!(compare(-151, 2, -15, 1), Ordering::Less);
        assert_eq!(compare(1, 0, i128::MAX, 38), Ordering::Less);
        assert_eq!(compare(2, 0, i128::MAX, 38), Ordering::Greater);
    }
}
