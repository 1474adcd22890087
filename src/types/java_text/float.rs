//! FLOAT and DOUBLE to text, as `Float.toString` and `Double.toString` of JDK 17 and older.
//!
//! Those do not always print the shortest digits that read back (JDK-4511638, corrected in JDK 19): `2.0E23` is
//! printed as `1.9999999999999998E23`, the float 2^31 as `2.14748365E9`. Flink 2.1 runs on JDK 11 and 17, so its results have these
//! digits. The method is Steele and White's: the number is a fraction `rest / scale`, digits are its quotients, and they
//! end where what is left is below half of the distance to the next number. The oddities are in when they end: see
//! [`Small::generate`] and [`generate_wide`].

use super::TextOut;

/// Appends `Double.toString`.
pub fn write_double(value: f64, out: &mut impl TextOut) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let negative = value.is_sign_negative();
    match ((bits >> 52) & 0x7ff) as i32 {
        0x7ff => special(fraction != 0, negative, out),
        0 if fraction == 0 => zero(negative, out),
        0 => {
            let shift = fraction.leading_zeros() - 11;
            let exponent = 1 - shift as i32 - 1023;
            layout(negative, &digits(exponent, fraction << shift, 53 - shift as i32), out);
        }
        biased => layout(negative, &digits(biased - 1023, fraction | (1 << 52), 53), out),
    }
}

/// Appends `Float.toString`.
pub fn write_float(value: f32, out: &mut impl TextOut) {
    let bits = value.to_bits();
    let fraction = u64::from(bits & ((1 << 23) - 1));
    let negative = value.is_sign_negative();
    match ((bits >> 23) & 0xff) as i32 {
        0xff => special(fraction != 0, negative, out),
        0 if fraction == 0 => zero(negative, out),
        0 => {
            let shift = fraction.leading_zeros() - 40;
            let exponent = 1 - shift as i32 - 127;
            layout(negative, &digits(exponent, fraction << (shift + 29), 24 - shift as i32), out);
        }
        biased => layout(negative, &digits(biased - 127, (fraction | (1 << 23)) << 29, 24), out),
    }
}

#[cold]
fn special(nan: bool, negative: bool, out: &mut impl TextOut) {
    out.put(match (nan, negative) {
        (true, _) => "NaN",
        (_, true) => "-Infinity",
        _ => "Infinity",
    });
}

fn zero(negative: bool, out: &mut impl TextOut) {
    out.put(if negative { "-0.0" } else { "0.0" });
}

/// Decimal digits of a number, which is 0.d₁d₂… × 10^`point`.
struct Digits {
    ascii: [u8; DIGITS_MAX],
    len: usize,
    point: i32,
}

/// Digits that a 64-bit whole number or a double can have, with room to spare.
const DIGITS_MAX: usize = 26;

impl Digits {
    fn new() -> Digits {
        Digits { ascii: [b'0'; DIGITS_MAX], len: 0, point: 0 }
    }

    #[inline]
    fn push(&mut self, digit: u8) {
        if let Some(place) = self.ascii.get_mut(self.len) {
            *place = b'0' + digit;
            self.len += 1;
        }
    }

    fn last(&self) -> u8 {
        self.ascii.get(self.len.wrapping_sub(1)).copied().unwrap_or(b'0')
    }

    /// Adds one to the last digit. Nines become zeros that stay.
    fn round_up(&mut self) {
        for at in (0..self.len).rev() {
            if self.ascii[at] != b'9' {
                self.ascii[at] += 1;
                return;
            }
            if at == 0 {
                self.ascii[0] = b'1';
                self.point += 1;
                return;
            }
            self.ascii[at] = b'0';
        }
    }

    fn text(&self) -> &str {
        self.ascii.get(..self.len).and_then(|ascii| std::str::from_utf8(ascii).ok()).unwrap_or("")
    }
}

/// Lays digits out: plain from 10^−3 up to 10^7, else with `E`, always with a digit on both sides of the point.
fn layout(negative: bool, digits: &Digits, out: &mut impl TextOut) {
    // The longest form, `-2.2250738585072014E-308`, has 24 bytes.
    let mut buffer = [b'0'; 40];
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        if let Some(room) = buffer.get_mut(len..len + bytes.len()) {
            room.copy_from_slice(bytes);
            len += bytes.len();
        }
    };
    if negative {
        put(b"-");
    }
    let text = digits.text().as_bytes();
    match digits.point {
        point @ 1..=7 => {
            let whole = point as usize;
            match text.split_at_checked(whole) {
                Some((left, right)) => {
                    put(left);
                    put(b".");
                    put(if right.is_empty() { b"0" } else { right });
                }
                None => {
                    put(text);
                    put(&b"0000000"[text.len()..whole]);
                    put(b".0");
                }
            }
        }
        point @ -2..=0 => {
            put(b"0.");
            put(&b"00"[..point.unsigned_abs() as usize]);
            put(text);
        }
        point => {
            let (head, tail) = text.split_at_checked(1).unwrap_or((text, b""));
            put(head);
            put(b".");
            put(if tail.is_empty() { b"0" } else { tail });
            put(b"E");
            put(itoa::Buffer::new().format(point - 1).as_bytes());
        }
    }
    out.put(buffer.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or(""));
}

/// 5^0 to 5^26.
const POWERS_OF_5: [u64; 27] = {
    let mut powers = [1; 27];
    let mut at = 1;
    while at < 27 {
        powers[at] = powers[at - 1] * 5;
        at += 1;
    }
    powers
};

/// Bits of 5^`power`; three per power, too many, beyond the table.
#[inline]
fn bits_of_5(power: i32) -> i32 {
    match POWERS_OF_5.get(power as usize) {
        Some(1) => 0,
        Some(value) => 64 - value.leading_zeros() as i32,
        None => power * 3,
    }
}

/// The number `fraction` × 2^(`exponent` − 52) as a fraction of whole numbers: each is `mantissa` × 5^a × 2^b. `margin` is
/// half of the distance to the next number, on the scale of `rest`.
struct Ratio {
    mantissa: u64,
    rest: (i32, i32),
    scale: (i32, i32),
    margin: (i32, i32),
    /// Power of ten of the first digit, or one more.
    power: i32,
}

/// Digits of `fraction` × 2^(`exponent` − 52), whose bit 52 is set and of which `significant` bits are known.
fn digits(exponent: i32, fraction: u64, significant: i32) -> Digits {
    let zeros = fraction.trailing_zeros() as i32;
    let mantissa_bits = 53 - zeros;
    let tiny = (mantissa_bits - exponent - 1).max(0);
    if tiny == 0 && exponent <= 62 {
        return whole_digits(exponent, fraction, significant);
    }
    let power = estimate(fraction, exponent);
    let mut rest = ((-power).max(0), (-power).max(0) + tiny + exponent);
    let mut scale = (power.max(0), power.max(0) + tiny);
    let mut margin = (rest.0, rest.1 - significant);
    rest.1 -= mantissa_bits - 1;
    let common = rest.1.min(scale.1);
    rest.1 -= common;
    scale.1 -= common;
    margin.1 -= common;
    // Below a power of two the numbers lie twice as close.
    if mantissa_bits == 1 {
        margin.1 -= 1;
    }
    if margin.1 < 0 {
        rest.1 -= margin.1;
        scale.1 -= margin.1;
        margin.1 = 0;
    }
    let mantissa = fraction >> zeros;
    let ratio = Ratio { mantissa, rest, scale, margin, power };
    let rest_bits = mantissa_bits + rest.1 + bits_of_5(rest.0);
    let scale_bits = scale.1 + 1 + bits_of_5(scale.0 + 1);
    if rest_bits < 32 && scale_bits < 32 {
        Small::<i32>::generate(&ratio)
    } else if rest_bits < 64 && scale_bits < 64 {
        Small::<i64>::generate(&ratio)
    } else if rest_bits < 120 && scale_bits < 120 && ratio.scale.0.max(ratio.rest.0) < 26 {
        Small::<i128>::generate(&ratio)
    } else {
        generate_wide(&ratio)
    }
}

/// Digits of a whole number below 2^63; those beyond what a number of `significant` bits can say are rounded away.
fn whole_digits(exponent: i32, fraction: u64, significant: i32) -> Digits {
    let mut value =
        if exponent >= 52 { fraction << (exponent - 52) } else { fraction >> (52 - exponent) };
    let mut point = 0;
    // floor(p × log10(2)) of the p = exponent − significant − 1 bits that say nothing.
    let spare = exponent - significant - 1;
    let dropped = if exponent > significant && spare > 1 { (spare * 1_233) >> 12 } else { 0 };
    if dropped > 0 {
        let unit = 10_u64.pow(dropped as u32);
        let half = value % unit >= unit >> 1;
        value = value / unit + u64::from(half);
        point += dropped;
    }
    while value.is_multiple_of(10) {
        value /= 10;
        point += 1;
    }
    let mut digits = Digits::new();
    let mut buffer = itoa::Buffer::new();
    buffer.format(value).bytes().for_each(|digit| digits.push(digit - b'0'));
    digits.point = point + digits.len as i32;
    digits
}

/// About the power of ten of the first digit: right, or one too high.
fn estimate(fraction: u64, exponent: i32) -> i32 {
    let mantissa = f64::from_bits((1023 << 52) | (fraction & ((1 << 52) - 1)));
    let log = (mantissa - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(exponent) * std::f64::consts::LOG10_2;
    log.floor() as i32
}

/// Whether digits go on at least to the second: so they do in the form with `E`.
fn needs_two(power: i32) -> bool {
    !(-3..8).contains(&power)
}

/// Generation in machine words. Those of 32 and 64 bits may overflow, as in Java; what Java does in wide numbers, where
/// digits also end where `rest + margin` equals ten, is done in 128 bits where it fits.
struct Small<T>(std::marker::PhantomData<T>);

macro_rules! small {
    ($word:ty, $over:tt) => {
        impl Small<$word> {
            fn generate(ratio: &Ratio) -> Digits {
                let five = |power: i32| POWERS_OF_5[power as usize] as $word;
                let mut rest = (ratio.mantissa as $word).wrapping_mul(five(ratio.rest.0));
                rest <<= ratio.rest.1;
                let scale = five(ratio.scale.0) << ratio.scale.1;
                let mut margin = five(ratio.margin.0) << ratio.margin.1;
                let ten = scale.wrapping_mul(10);
                let mut digits = Digits::new();
                let mut power = ratio.power;
                let mut first = true;
                let (low, high) = loop {
                    let digit = rest / scale;
                    rest = (rest - digit * scale).wrapping_mul(10);
                    margin = margin.wrapping_mul(10);
                    let (mut low, mut high) = (rest < margin, rest.wrapping_add(margin) $over ten);
                    if !first && margin <= 0 {
                        // It overflowed, so that it is above everything.
                        (low, high) = (true, true);
                    }
                    if first && digit == 0 && !high {
                        power -= 1;
                    } else {
                        digits.push(digit as u8);
                    }
                    if first && needs_two(power) {
                        (low, high) = (false, false);
                    }
                    first = false;
                    if low || high {
                        break (low, high);
                    }
                };
                digits.point = power + 1;
                let against_half = (rest << 1).wrapping_sub(ten).cmp(&0);
                finish(digits, low, high, against_half)
            }
        }
    };
}
small!(i32, >);
small!(i64, >);
small!(i128, >=);

/// Rounds the last digit by what is left.
fn finish(mut digits: Digits, low: bool, high: bool, half: std::cmp::Ordering) -> Digits {
    let up = match half {
        _ if !high => false,
        _ if !low => true,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => digits.last() & 1 == 1,
        std::cmp::Ordering::Less => false,
    };
    if up {
        digits.round_up();
    }
    digits
}

/// Generation in wide numbers.
#[cold]
fn generate_wide(ratio: &Ratio) -> Digits {
    let wide = |mantissa: u64, (fives, twos): (i32, i32)| {
        let mut wide = Wide::new(mantissa);
        wide.times_power_of_5(fives as usize);
        wide.shift_left(twos as usize);
        wide
    };
    let scale = wide(1, ratio.scale);
    let mut rest = wide(ratio.mantissa, ratio.rest);
    let mut margin = wide(1, ratio.margin);
    let ten = wide(10, ratio.scale);
    let mut digits = Digits::new();
    let mut power = ratio.power;
    let mut first = true;
    let (low, high) = loop {
        let mut digit = 0;
        while rest.compare(&scale).is_ge() {
            rest.subtract(&scale);
            digit += 1;
        }
        rest.times(10);
        margin.times(10);
        let mut low = rest.compare(&margin).is_lt();
        let mut sum = rest;
        sum.add(&margin);
        let mut high = sum.compare(&ten).is_ge();
        if first && digit == 0 && !high {
            power -= 1;
        } else {
            digits.push(digit);
        }
        if first && needs_two(power) {
            (low, high) = (false, false);
        }
        first = false;
        if low || high {
            break (low, high);
        }
    };
    digits.point = power + 1;
    rest.shift_left(1);
    let half = rest.compare(&ten);
    finish(digits, low, high, half)
}

/// Words of a wide number: 5^324 × 2^325, which no value exceeds by more than a few bits, has 1078.
const WIDE_WORDS: usize = 20;

/// A whole number of up to 1280 bits, the lowest word first.
#[derive(Clone, Copy)]
struct Wide {
    words: [u64; WIDE_WORDS],
    /// Words in use.
    len: usize,
}

impl Wide {
    fn new(value: u64) -> Wide {
        let mut words = [0; WIDE_WORDS];
        words[0] = value;
        Wide { words, len: 1 }
    }

    fn times(&mut self, factor: u64) {
        let mut carry = 0;
        for word in &mut self.words[..self.len] {
            let product = u128::from(*word) * u128::from(factor) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        self.grow(carry as u64);
    }

    fn grow(&mut self, word: u64) {
        if word > 0 && self.len < WIDE_WORDS {
            self.words[self.len] = word;
            self.len += 1;
        }
    }

    fn times_power_of_5(&mut self, power: usize) {
        for _ in 0..power / 26 {
            self.times(POWERS_OF_5[26]);
        }
        self.times(POWERS_OF_5[power % 26]);
    }

    fn shift_left(&mut self, bits: usize) {
        let words = (bits / 64).min(WIDE_WORDS - self.len);
        if words > 0 {
            self.words.copy_within(..self.len, words);
            self.words[..words].fill(0);
            self.len += words;
        }
        self.times(1 << (bits % 64));
    }

    fn add(&mut self, other: &Wide) {
        self.len = self.len.max(other.len);
        let mut carry = 0;
        for (word, other) in self.words[..self.len].iter_mut().zip(&other.words) {
            let sum = u128::from(*word) + u128::from(*other) + carry;
            *word = sum as u64;
            carry = sum >> 64;
        }
        self.grow(carry as u64);
    }

    /// Takes away what is not more than it.
    fn subtract(&mut self, other: &Wide) {
        let mut borrow = false;
        for (word, other) in self.words[..self.len].iter_mut().zip(&other.words) {
            let (difference, below) = word.overflowing_sub(*other);
            let (difference, again) = difference.overflowing_sub(u64::from(borrow));
            *word = difference;
            borrow = below || again;
        }
        while self.len > 1 && self.words[self.len - 1] == 0 {
            self.len -= 1;
        }
    }

    fn compare(&self, other: &Wide) -> std::cmp::Ordering {
        let words = |wide: &Wide| wide.len;
        words(self).cmp(&words(other)).then_with(|| {
            self.words[..self.len].iter().rev().cmp(other.words[..other.len].iter().rev())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(value: f64) -> String {
        let mut out = String::new();
        write_double(value, &mut out);
        out
    }

    fn float(value: f32) -> String {
        let mut out = String::new();
        write_float(value, &mut out);
        out
    }

    /// What JDK 17 prints.
    #[test]
    fn digits_are_those_of_older_jdks() {
        for (value, text) in [
            (2e-322, "2.0E-322"),
            (2.0f64.powi(-44), "5.6843418860808015E-14"),
            (1.0e23, "9.999999999999999E22"),
            (2e23, "1.9999999999999998E23"),
            (8.41e21, "8.409999999999999E21"),
            (5e-324, "4.9E-324"),
            (9_223_372_036_854_775_807.0, "9.223372036854776E18"),
            (1e-3, "0.001"),
            (0.000_123_4, "1.234E-4"),
            (1e300 / 3.0, "3.3333333333333335E299"),
        ] {
            assert_eq!(double(value), text);
        }
        for (value, text) in [
            (2_147_483_648.0, "2.14748365E9"),
            (33_554_432.0, "3.3554432E7"),
            (1.0e10, "1.0E10"),
            (8_388_608.0, "8388608.0"),
            (1.4e-45, "1.4E-45"),
            (3.402_823_5e38, "3.4028235E38"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        let mut state: u64 = 88_172_645_463_325_252;
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = f64::from_bits(state);
            if value.is_finite() {
                assert_eq!(double(value).parse(), Ok(value), "{state:x}");
            }
            let value = f32::from_bits(state as u32);
            if value.is_finite() {
                assert_eq!(float(value).parse(), Ok(value), "{state:x}");
            }
        }
    }
}
