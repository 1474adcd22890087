//! The 128-bit ids of topics and directories.

use std::fmt;

/// A topic or directory id in network order. All zeros means "no id".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// "No id": what a broker answers for a topic asked for by name that has none (KIP-516).
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this is [`Uuid::ZERO`].
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl std::str::FromStr for Uuid {
    type Err = NoUuid;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NoUuid> {
        let mut bits = 0_u128;
        let mut digits = 0_u32;
        for byte in text.bytes() {
            let value = ALPHABET.iter().position(|digit| *digit == byte).ok_or(NoUuid)? as u128;
            digits = digits.checked_add(1).filter(|digits| *digits <= 22).ok_or(NoUuid)?;
            bits = match digits {
                22 if value & 15 == 0 => bits << 2 | value >> 4,
                22 => return Err(NoUuid),
                _ => bits << 6 | value,
            };
        }
        if digits == 22 { Ok(Self(bits.to_be_bytes())) } else { Err(NoUuid) }
    }
}

/// The text is no id in Kafka's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoUuid;

impl fmt::Display for NoUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of 22 digits in URL-safe base64")
    }
}

impl std::error::Error for NoUuid {}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Kafka's tools print ids as unpadded URL-safe base64, 22 characters; so do we.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for digit in 0..22_u32 {
            // 22 digits hold 132 bits: the last one carries 2 bits and 4 zeros.
            let shift = 122_u32.checked_sub(digit.saturating_mul(6));
            let value = shift.map_or(bits << 4, |shift| bits >> shift) & 63;
            let byte = ALPHABET.get(value as usize).copied().unwrap_or(b'?');
            write!(f, "{}", char::from(byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn prints_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        let one = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(one.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        for bytes in [[0; 16], [0xff; 16], *b"any sixteen byte"] {
            assert_eq!(Uuid(bytes).to_string().parse(), Ok(Uuid(bytes)));
        }
        for wrong in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
    }
}
