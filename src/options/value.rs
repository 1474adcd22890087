//! Text forms of durations and sizes, as Flink's `TimeUtils` and `MemorySize` read them.

use std::time::Duration;

/// Reads `10 s`, `500ms`, `1 min`, `2 h`, `1 d`, `5 us`, `7 ns`, in Flink's unit spellings; a bare number is
/// milliseconds. The error says what is allowed.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_number(text)?;
    let nanos_per_unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        other => {
            return Err(format!(
                "unknown time unit '{other}', expected one of d, h, min, s, ms, us, ns"
            ));
        }
    };
    let nanos = number.checked_mul(nanos_per_unit).ok_or("the duration is too long")?;
    Ok(Duration::from_nanos(nanos))
}

/// Reads `64 kb`, `1mb`, `1 g`, `10 bytes`, with binary units; a bare number is bytes.
pub fn parse_memory_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_number(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kibibytes" => 1 << 10,
        "m" | "mb" | "mebibytes" => 1 << 20,
        "g" | "gb" | "gibibytes" => 1 << 30,
        "t" | "tb" | "tebibytes" => 1 << 40,
        other => {
            return Err(format!(
                "unknown memory unit '{other}', expected one of bytes, kb, mb, gb, tb"
            ));
        }
    };
    number.checked_mul(factor).ok_or_else(|| "the size is too large".to_owned())
}

fn split_number(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = number.parse().map_err(|_| "expected a whole number, then a unit".to_owned())?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_flinks_units() {
        assert_eq!(parse_duration("10 s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("250"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration(" 5MIN "), Ok(Duration::from_secs(300)));
        assert!(parse_duration("5 parsecs").unwrap_err().contains("parsecs"));
        assert!(parse_duration("-5 s").is_err());
        assert!(parse_duration("99999999999999999 d").is_err());
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(parse_memory_size("64 kb"), Ok(65_536));
        assert_eq!(parse_memory_size("12"), Ok(12));
        assert!(parse_memory_size("1 x").is_err());
    }
}
