//! Functions between text and bytes: Base64, hexadecimal digits, charsets.

use super::signature::{STRING, fixed, nullable};
use super::{Function, Param};
use crate::expr::cast::first_chars;
use crate::expr::text::{UPPER_HEX, write_hex};
use crate::types::Kind;
use base64::Engine;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use Param::{Bytes, Long, Text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "TO_BASE64(string)",
        "The text's bytes in Base64.",
        |args| {
            fixed(args, &[Text], 1, STRING).or_else(|| fixed(args, &[Bytes], 1, STRING))
        },
        |call| {
            if call.data_type(0).kind.is_binary() {
                let bytes = call.bytes(0);
                return call.strings(|row, out| {
                    Ok(bytes.get(row).map(|bytes| JAVA.encode_string(bytes, out)))
                });
            }
            let text = call.text(0);
            call.strings(|row, out| Ok(text.get(row).map(|text| JAVA.encode_string(text, out))))
        },
    ),
    Function::new(
        "FROM_BASE64(string)",
        "The text whose bytes are given in Base64.",
        |args| fixed(args, &[Text], 1, STRING),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let bytes = JAVA
                    .decode(text)
                    .map_err(|_| format!("'{}' is not Base64", first_chars(text, 60)))?;
                out.push_str(&String::from_utf8_lossy(&bytes));
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "ENCODE(string, charset)",
        "The text's bytes in a charset: US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16.",
        // Flink declares BINARY(1), and hands out all bytes.
        |args| nullable(fixed(args, &[Text, Text], 2, Kind::Binary(1))),
        |call| {
            let (text, charset) = (call.text(0), call.text(1));
            call.binaries(|row, out| {
                let (Some(text), Some(charset)) = (text.get(row), charset.get(row)) else {
                    return Ok(None);
                };
                encode(text, charset, out)?;
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "DECODE(bytes, charset)",
        "The text of bytes in a charset: US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16.",
        |args| nullable(fixed(args, &[Bytes, Text], 2, STRING)),
        |call| {
            let (bytes, charset) = (call.bytes(0), call.text(1));
            call.strings(|row, out| {
                let (Some(bytes), Some(charset)) = (bytes.get(row), charset.get(row)) else {
                    return Ok(None);
                };
                decode(bytes, charset, out)?;
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "HEX(integer_or_string)",
        "The number, or the bytes of the text, in upper-case hexadecimal digits.",
        |args| fixed(args, &[Long], 1, STRING).or_else(|| fixed(args, &[Text], 1, STRING)),
        |call| {
            if call.data_type(0).kind.is_string() {
                let text = call.text(0);
                return call.strings(|row, out| {
                    Ok(text.get(row).map(|text| write_hex(text.as_bytes(), UPPER_HEX, out)))
                });
            }
            let value = call.long(0);
            call.strings(|row, out| {
                Ok(value.get(row).map(|value| out.push_str(&format!("{value:X}"))))
            })
        },
    ),
    Function::new(
        "UNHEX(string)",
        "The bytes given in hexadecimal digits; NULL where they are none.",
        |args| nullable(fixed(args, &[Text], 1, Kind::VarBinary(Kind::STRING_LENGTH))),
        |call| {
            let text = call.text(0);
            call.binaries(|row, out| Ok(text.get(row).and_then(|text| unhex(text, out))))
        },
    ),
];

/// As `java.util.Base64` reads: padding may be missing, and bits that no byte takes are dropped.
const JAVA: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn unhex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let (odd, pairs) = bytes.split_at(bytes.len() % 2);
    for byte in odd {
        // Flink checks a digit that stands alone and drops its value.
        digit(*byte)?;
        out.push(0);
    }
    for pair in pairs.chunks_exact(2) {
        out.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(())
}

fn encode(text: &str, charset: &str, out: &mut Vec<u8>) -> Result<(), String> {
    match charset.to_ascii_uppercase().as_str() {
        "UTF-8" => out.extend_from_slice(text.as_bytes()),
        "US-ASCII" => out.extend(text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' })),
        "ISO-8859-1" => out.extend(text.chars().map(|c| u8::try_from(c).unwrap_or(b'?'))),
        "UTF-16BE" => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
        "UTF-16LE" => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        // Java marks the order of bytes only where there are some.
        "UTF-16" if text.is_empty() => {}
        "UTF-16" => {
            out.extend([0xFE, 0xFF]);
            out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        }
        _ => return Err(format!("unsupported charset '{charset}'")),
    }
    Ok(())
}

fn decode(bytes: &[u8], charset: &str, out: &mut String) -> Result<(), String> {
    let utf16 = |bytes: &[u8], big: bool| {
        let units = bytes.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        });
        let mut text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect();
        text.extend((bytes.len() % 2 == 1).then_some('\u{FFFD}'));
        text
    };
    match charset.to_ascii_uppercase().as_str() {
        "UTF-8" => out.push_str(&String::from_utf8_lossy(bytes)),
        "US-ASCII" => {
            let known = |b: &u8| if b.is_ascii() { char::from(*b) } else { '\u{FFFD}' };
            out.extend(bytes.iter().map(known));
        }
        "ISO-8859-1" => out.extend(bytes.iter().map(|b| char::from(*b))),
        "UTF-16BE" => out.push_str(&utf16(bytes, true)),
        "UTF-16LE" => out.push_str(&utf16(bytes, false)),
        "UTF-16" => match bytes {
            [0xFF, 0xFE, rest @ ..] => out.push_str(&utf16(rest, false)),
            [0xFE, 0xFF, rest @ ..] => out.push_str(&utf16(rest, true)),
            rest => out.push_str(&utf16(rest, true)),
        },
        _ => return Err(format!("unsupported charset '{charset}'")),
    }
    Ok(())
}
