//! Exact decimal arithmetic on unscaled 128-bit values, with Flink's rules for the types of results
//! (`LogicalTypeMerging`, `DecimalDataUtils`).

use std::cmp::Ordering;

/// Largest precision.
pub(crate) const PRECISION_MAX: u8 = 38;

/// `10^n`; `None` above `10^38`.
pub(crate) fn pow10(n: u32) -> Option<i128> {
    10_i128.checked_pow(n)
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
