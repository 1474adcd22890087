//! Functions over text. Positions count code points from 1, as in Flink.

use super::signature::{
    STRING, any_nullable, fixed, not_null, nullable, returning, text_length, variadic, varying,
};
use super::{Call, Function, Param, Signature};
use crate::expr::cast::first_chars;
pub(super) use crate::expr::value::within_limit;
use crate::expr::value::{Bin, Str};
use crate::types::{Column, DataType};
use arrow_array::types::Int32Type;

use Param::{Bytes, Int, Long, Text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("UPPER(string)", "The text in upper case.", same_text, |call| {
        map(call, |text, out| out.extend(text.chars().flat_map(char::to_uppercase)))
    }),
    Function::new("LOWER(string)", "The text in lower case.", same_text, |call| {
        map(call, |text, out| out.push_str(&text.to_lowercase()))
    }),
    Function::new(
        "INITCAP(string)",
        "The first letter of each word in upper case, the others in lower case.",
        same_text,
        |call| {
            // Flink knows the letters and digits of ASCII only; anything else ends a word and stays as it is.
            map(call, |text, out| {
                let mut inside = false;
                for c in text.chars() {
                    out.push(if inside { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() });
                    inside = c.is_ascii_alphanumeric();
                }
            })
        },
    ),
    Function::new("REVERSE(string)", "The characters from last to first.", |args| nullable(one_text(args)), |call| {
        map(call, |text, out| out.extend(text.chars().rev()))
    }),
    Function::new(
        "CHAR_LENGTH(string)",
        "The number of characters.",
        |args| fixed(args, &[Text], 1, crate::types::Kind::Int),
        |call| {
            let text = call.text(0);
            call.values::<Int32Type>(|row| Ok(text.get(row).map(|text| length(text) as i32)))
        },
    )
    .aliases(&["CHARACTER_LENGTH"]),
    Function::new(
        "SUBSTRING(string, start [, length])",
        "Part of the text from `start` on, at most `length` characters. A negative `start` counts from the end.",
        |args| part_of(args, fixed(args, &[Text, Int, Int], 2, STRING)),
        substring,
    )
    .aliases(&["SUBSTR"]),
    Function::new(
        "LEFT(string, length)",
        "The first characters; empty where the length is not positive.",
        |args| part_of(args, fixed(args, &[Text, Int], 2, STRING)),
        |call| {
            let (text, count) = (call.text(0), call.int(1));
            call.slices(|row| Some(first_chars(text.get(row)?, at_least_zero(count.get(row)?))))
        },
    ),
    Function::new(
        "RIGHT(string, length)",
        "The last characters; empty where the length is not positive.",
        |args| part_of(args, fixed(args, &[Text, Int], 2, STRING)),
        |call| {
            let (text, count) = (call.text(0), call.int(1));
            call.slices(|row| {
                let (text, count) = (text.get(row)?, at_least_zero(count.get(row)?));
                Some(after_chars(text, length(text).saturating_sub(count)))
            })
        },
    ),
    Function::new(
        "$TRIM(side, characters, string)",
        "TRIM in its long form.",
        |args| {
            let signature = fixed(args, &[Text, Text, Text], 3, STRING);
            returning(signature, args, |kinds| varying(kinds[2]))
        },
        |call| {
            let (side, set, text) = (call.text(0), call.text(1), call.text(2));
            call.slices(|row| Some(trim(text.get(row)?, set.get(row)?, side.get(row)?)))
        },
    ),
    Function::new(
        "TRIM(string)",
        "The text without blanks at both ends; `TRIM(LEADING 'x' FROM string)` cuts other characters and one end.",
        |args| returning(one_text(args), args, |kinds| varying(kinds[0])),
        |call| {
            let text = call.text(0);
            call.slices(|row| Some(trim(text.get(row)?, " ", "BOTH")))
        },
    ),
    Function::new(
        "LTRIM(string [, characters])",
        "The text without the characters (blanks) at its start.",
        |args| returning(fixed(args, &[Text, Text], 1, STRING), args, |kinds| varying(kinds[0])),
        |call| trim_side(call, "LEADING"),
    ),
    Function::new(
        "RTRIM(string [, characters])",
        "The text without the characters (blanks) at its end.",
        |args| returning(fixed(args, &[Text, Text], 1, STRING), args, |kinds| varying(kinds[0])),
        |call| trim_side(call, "TRAILING"),
    ),
    Function::new(
        "BTRIM(string [, characters])",
        "The text without the characters (blanks) at both ends.",
        |args| fixed(args, &[Text, Text], 1, STRING),
        |call| trim_side(call, "BOTH"),
    ),
    Function::new(
        "CONCAT(string, …)",
        "The texts joined; NULL where one of them is NULL.",
        |args| variadic(args, &[], Text, 1, STRING),
        concat,
    ),
    Function::new(
        "||(string, string)",
        "The texts joined.",
        |args| {
            let signature = fixed(args, &[Text, Text], 2, STRING);
            returning(signature, args, |kinds| {
                use crate::types::Kind;
                let length = text_length(kinds[0])?.saturating_add(text_length(kinds[1])?);
                let length = length.min(Kind::STRING_LENGTH);
                Some(match (kinds[0], kinds[1]) {
                    (Kind::Char(_), Kind::Char(_)) => Kind::Char(length),
                    _ => Kind::VarChar(length),
                })
            })
        },
        concat,
    ),
    Function::new(
        "CONCAT_WS(separator, string, …)",
        "The texts that are not NULL, joined by the separator.",
        concat_ws_signature,
        |call| {
            let separator = call.text(0);
            let texts: Vec<Str<'_>> = (1..call.args.len()).map(|at| call.text(at)).collect();
            call.strings(|row, out| {
                let Some(separator) = separator.get(row) else { return Ok(None) };
                let mut first = true;
                for text in texts.iter().filter_map(|text| text.get(row)) {
                    if !first {
                        out.push_str(separator);
                    }
                    first = false;
                    out.push_str(text);
                }
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "REPLACE(string, search, replacement)",
        "Every occurrence of `search` replaced.",
        |args| fixed(args, &[Text, Text, Text], 3, STRING),
        |call| {
            let (text, from, to) = (call.text(0), call.text(1), call.text(2));
            call.strings(|row, out| {
                let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row))
                else {
                    return Ok(None);
                };
                replace(text, from, to, out)?;
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "POSITION(search, string [, start])",
        "Position of the first occurrence, 0 where there is none; written POSITION(search IN string).",
        |args| fixed(args, &[Text, Text, Int], 2, crate::types::Kind::Int),
        |call| position(call, 0, 1),
    ),
    Function::new(
        "LOCATE(search, string [, start])",
        "Position of the first occurrence from `start` on, 0 where there is none.",
        |args| fixed(args, &[Text, Text, Int], 2, crate::types::Kind::Int),
        |call| position(call, 0, 1),
    ),
    Function::new(
        "INSTR(string, search [, start [, occurrence]])",
        "Position of the n-th occurrence from `start` on, 0 where there is none. A negative `start` searches backwards.",
        |args| fixed(args, &[Text, Text, Int, Int], 2, crate::types::Kind::Int),
        instr,
    )
    .can_fail(),
    Function::new(
        "LPAD(string, length, pad)",
        "The text padded on the left, or cut, to `length` characters; NULL where the length is negative or `pad` is empty.",
        |args| fixed(args, &[Text, Int, Text], 3, STRING),
        |call| pad(call, true),
    )
    .can_fail(),
    Function::new(
        "RPAD(string, length, pad)",
        "The text padded on the right, or cut, to `length` characters; NULL where the length is negative or `pad` is empty.",
        |args| fixed(args, &[Text, Int, Text], 3, STRING),
        |call| pad(call, false),
    )
    .can_fail(),
    Function::new(
        "REPEAT(string, count)",
        "The text repeated; empty where the count is not positive.",
        |args| fixed(args, &[Text, Int], 2, STRING),
        |call| {
            let (text, count) = (call.text(0), call.int(1));
            call.strings(|row, out| {
                let (Some(text), Some(count)) = (text.get(row), count.get(row)) else {
                    return Ok(None);
                };
                // The limit below does not hold for the empty text.
                let count = if text.is_empty() { 0 } else { at_least_zero(count) };
                within_limit(text.len().saturating_mul(count))?;
                (0..count).for_each(|_| out.push_str(text));
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "SPLIT_INDEX(string, delimiter, index)",
        "Part number `index`, from 0, of the text split at a delimiter, or at a character code; NULL where there is none.",
        split_index_signature,
        split_index,
    ),
    Function::new(
        "OVERLAY(string, replacement, start [, length])",
        "Part of the text replaced; written OVERLAY(string PLACING replacement FROM start [FOR length]).",
        |args| {
            let signature = fixed(args, &[Text, Text, Int, Int], 3, STRING);
            returning(signature, args, |kinds| {
                let length = text_length(kinds[0])?.saturating_add(text_length(kinds[1])?);
                Some(crate::types::Kind::VarChar(length.min(crate::types::Kind::STRING_LENGTH)))
            })
        },
        overlay,
    ),
    Function::new(
        "ASCII(string)",
        "The code of the first byte; 0 for the empty text.",
        |args| fixed(args, &[Text], 1, crate::types::Kind::Int),
        |call| {
            let text = call.text(0);
            call.values::<Int32Type>(|row| {
                // Flink answers the byte as Java reads it, with a sign.
                let first = |text: &str| text.bytes().next().map_or(0, |byte| i32::from(byte as i8));
                Ok(text.get(row).map(first))
            })
        },
    ),
    Function::new(
        "CHR(code)",
        "The character of a code modulo 256; empty for a negative code.",
        |args| nullable(fixed(args, &[Long], 1, STRING)),
        |call| {
            let code = call.long(0);
            call.strings(|row, out| {
                let Some(code) = code.get(row) else { return Ok(None) };
                if code >= 0 {
                    out.push(char::from((code & 0xFF) as u8));
                }
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "STARTSWITH(string, prefix)",
        "Whether the text, or the bytes, start with the other.",
        text_or_bytes,
        |call| has_affix(call, <[u8]>::starts_with),
    ),
    Function::new(
        "ENDSWITH(string, suffix)",
        "Whether the text, or the bytes, end with the other.",
        text_or_bytes,
        |call| has_affix(call, <[u8]>::ends_with),
    ),
    Function::new(
        "ELT(index, string, …)",
        "Text number `index`, from 1, or bytes; NULL where there are none.",
        |args| {
            let texts = variadic(args, &[Int], Text, 2, STRING);
            let signature = texts.or_else(|| variadic(args, &[Int], Bytes, 2, STRING));
            returning(nullable(signature), args, |_| {
                let texts = args.get(1..)?.iter().map(|arg| &arg.data_type);
                Some(crate::expr::common_type(texts)?.kind)
            })
        },
        |call| {
            let index = call.int(0);
            if call.data_type(1).kind.is_binary() {
                let all: Vec<Bin<'_>> = (1..call.args.len()).map(|at| call.bytes(at)).collect();
                return call.binaries(|row, out| {
                    let place = index.get(row).and_then(|at| usize::try_from(at).ok()?.checked_sub(1));
                    let bytes = place.and_then(|place| all.get(place)?.get(row));
                    Ok(bytes.map(|bytes| out.extend_from_slice(bytes)))
                });
            }
            let texts: Vec<Str<'_>> = (1..call.args.len()).map(|at| call.text(at)).collect();
            call.slices(|row| {
                let index = usize::try_from(index.get(row)?).ok()?.checked_sub(1)?;
                texts.get(index)?.get(row)
            })
        },
    ),
    Function::new(
        "TRANSLATE(string, from, to)",
        "Each character of `from` replaced by that of `to` at the same place, or removed.",
        |args| {
            let mut signature = fixed(args, &[Text, Text, Text], 3, STRING)?;
            signature.returns.nullable = args.first()?.data_type.nullable;
            Some(signature)
        },
        |call| {
            let (text, from, to) = (call.text(0), call.text(1), call.text(2));
            call.strings(|row, out| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let (Some(from), Some(to)) = (from.get(row), to.get(row)) else {
                    out.push_str(text);
                    return Ok(Some(()));
                };
                for c in text.chars() {
                    match from.chars().position(|wanted| wanted == c) {
                        None => out.push(c),
                        Some(at) => out.extend(to.chars().nth(at)),
                    }
                }
                Ok(Some(()))
            })
        },
    )
    .aliases(&["TRANSLATE3"]),
    Function::new(
        "IS_ALPHA(string)",
        "Whether every character is a letter; FALSE for NULL and the empty text.",
        |args| not_null(fixed(args, &[Text], 1, crate::types::Kind::Boolean)),
        |call| test(call, |text| !text.is_empty() && text.chars().all(char::is_alphabetic)),
    ),
    Function::new(
        "IS_DIGIT(string)",
        "Whether every character is a digit; FALSE for NULL and the empty text.",
        |args| not_null(fixed(args, &[Text], 1, crate::types::Kind::Boolean)),
        |call| test(call, |text| !text.is_empty() && text.chars().all(char::is_numeric)),
    ),
    Function::new(
        "IS_DECIMAL(string)",
        "Whether the text is a number; FALSE for NULL and the empty text.",
        |args| not_null(fixed(args, &[Text], 1, crate::types::Kind::Boolean)),
        |call| test(call, |text| crate::types::java_text::parse_double(text).is_some()),
    ),
];

fn one_text(args: &[crate::expr::Expr]) -> Option<Signature> {
    fixed(args, &[Text], 1, STRING)
}

fn concat(call: &mut Call<'_, '_>) -> Column {
    let texts: Vec<Str<'_>> = (0..call.args.len()).map(|at| call.text(at)).collect();
    call.strings(|row, out| {
        for text in &texts {
            let Some(text) = text.get(row) else { return Ok(None) };
            out.push_str(text);
        }
        Ok(Some(()))
    })
}

fn same_text(args: &[crate::expr::Expr]) -> Option<Signature> {
    returning(one_text(args), args, |kinds| kinds[0].is_string().then(|| kinds[0].clone()))
}

/// A result that is a part of the first argument, and NULL by its type.
fn part_of(args: &[crate::expr::Expr], signature: Option<Signature>) -> Option<Signature> {
    nullable(returning(signature, args, |kinds| varying(kinds[0])))
}

/// Whether texts, or bytes, begin or end with others.
fn has_affix(call: &mut Call<'_, '_>, has: impl Fn(&[u8], &[u8]) -> bool) -> Column {
    if call.data_type(0).kind.is_binary() {
        let (bytes, affix) = (call.bytes(0), call.bytes(1));
        return call.bools(|row| {
            Ok(bytes.get(row).zip(affix.get(row)).map(|(bytes, affix)| has(bytes, affix)))
        });
    }
    let (text, affix) = (call.text(0), call.text(1));
    call.bools(|row| {
        let pair = text.get(row).zip(affix.get(row));
        Ok(pair.map(|(text, affix)| has(text.as_bytes(), affix.as_bytes())))
    })
}

fn text_or_bytes(args: &[crate::expr::Expr]) -> Option<Signature> {
    let kind = crate::types::Kind::Boolean;
    fixed(args, &[Text, Text], 2, kind.clone()).or_else(|| fixed(args, &[Bytes, Bytes], 2, kind))
}

fn concat_ws_signature(args: &[crate::expr::Expr]) -> Option<Signature> {
    let mut signature = variadic(args, &[], Text, 1, STRING)?;
    signature.returns = DataType { kind: STRING, nullable: any_nullable(args) };
    Some(signature)
}

fn split_index_signature(args: &[crate::expr::Expr]) -> Option<Signature> {
    let by_text = fixed(args, &[Text, Text, Int], 3, STRING);
    nullable(by_text.or_else(|| fixed(args, &[Text, Int, Int], 3, STRING)))
}

fn map(call: &mut Call<'_, '_>, f: impl Fn(&str, &mut String)) -> Column {
    let text = call.text(0);
    call.strings(|row, out| Ok(text.get(row).map(|text| f(text, out))))
}

fn test(call: &mut Call<'_, '_>, f: impl Fn(&str) -> bool) -> Column {
    let text = call.text(0);
    call.bools(|row| Ok(Some(text.get(row).is_some_and(&f))))
}

/// Number of code points.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn at_least_zero(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// The text after its first `n` code points.
fn after_chars(text: &str, n: usize) -> &str {
    &text[first_chars(text, n).len()..]
}

fn substring(call: &mut Call<'_, '_>) -> Column {
    let (text, start, count) = (call.text(0), call.int(1), call.int(2));
    let bounded = call.has(2);
    call.slices(|row| {
        let (text, start) = (text.get(row)?, i64::from(start.get(row)?));
        let count = if bounded { count.get(row)? } else { i32::MAX };
        let count = usize::try_from(count).ok()?;
        let skip = match start {
            0 => 0,
            1.. => start - 1,
            _ => {
                let from_end = length(text) as i64 + start;
                if from_end < 0 {
                    return Some("");
                }
                from_end
            }
        };
        Some(first_chars(after_chars(text, usize::try_from(skip).unwrap_or(0)), count))
    })
}

fn trim<'t>(text: &'t str, set: &str, side: &str) -> &'t str {
    let cut = |c: char| set.contains(c);
    match side {
        "LEADING" => text.trim_start_matches(cut),
        "TRAILING" => text.trim_end_matches(cut),
        _ => text.trim_matches(cut),
    }
}

fn trim_side(call: &mut Call<'_, '_>, side: &str) -> Column {
    let (text, set) = (call.text(0), call.text(1));
    let given = call.has(1);
    call.slices(|row| {
        let set = if given { set.get(row)? } else { " " };
        Some(trim(text.get(row)?, set, side))
    })
}

fn replace(text: &str, from: &str, to: &str, out: &mut String) -> Result<(), String> {
    // Java puts the replacement around every character where nothing is searched for; so does Rust.
    let mut last = 0;
    for (at, found) in text.match_indices(from) {
        out.push_str(&text[last..at]);
        out.push_str(to);
        last = at + found.len();
        within_limit(out.len())?;
    }
    out.push_str(&text[last..]);
    Ok(())
}

fn position(call: &mut Call<'_, '_>, search: usize, within: usize) -> Column {
    let (search, text, start) = (call.text(search), call.text(within), call.int(2));
    let has_start = call.has(2);
    call.values::<Int32Type>(|row| {
        let (Some(search), Some(text)) = (search.get(row), text.get(row)) else { return Ok(None) };
        let start = if has_start { start.get(row) } else { Some(1) };
        Ok(start.map(|start| find(text, search, start)))
    })
}

/// Position, from 1, of the first occurrence at or after `start`; 0 for none.
fn find(text: &str, search: &str, start: i32) -> i32 {
    let skip = at_least_zero(start.saturating_sub(1));
    if search.is_empty() {
        // `BinaryStringData.indexOf` answers 0 for the empty text wherever the search begins.
        return 1;
    }
    let head = first_chars(text, skip);
    let rest = &text[head.len()..];
    match rest.find(search) {
        Some(at) => (length(head) + length(&rest[..at]) + 1) as i32,
        None => 0,
    }
}

fn instr(call: &mut Call<'_, '_>) -> Column {
    let (text, search, start, nth) = (call.text(0), call.text(1), call.int(2), call.int(3));
    let (has_start, has_nth) = (call.has(2), call.has(3));
    call.values::<Int32Type>(|row| {
        let (Some(text), Some(search)) = (text.get(row), search.get(row)) else { return Ok(None) };
        let start = if has_start { start.get(row) } else { Some(1) };
        let nth = if has_nth { nth.get(row) } else { Some(1) };
        let (Some(start), Some(nth)) = (start, nth) else { return Ok(None) };
        if nth <= 0 {
            return Err("the occurrence of INSTR must be positive".to_owned());
        }
        if start >= 0 {
            return Ok(Some(nth_position(text, search, start, nth)));
        }
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        let found = nth_position(&reversed(text), &reversed(search), start.saturating_neg(), nth);
        Ok(Some(match found {
            0 => 0,
            found => length(text) as i32 + 2 - found - length(search) as i32,
        }))
    })
}

/// Position, from 1, of the `nth` occurrence at or after `start`, of which two may overlap; 0 for none.
fn nth_position(text: &str, search: &str, start: i32, nth: i32) -> i32 {
    if start == 0 {
        return 0;
    }
    if nth == 1 || search.is_empty() {
        return find(text, search, start);
    }
    let head = first_chars(text, at_least_zero(start.saturating_sub(1)));
    let rest = text.get(head.len()..).unwrap_or_default();
    match nth_match(rest.as_bytes(), search.as_bytes(), at_least_zero(nth)) {
        Some(at) => (length(head) + length(&rest[..at]) + 1) as i32,
        None => 0,
    }
}

/// Where the `nth` match starts, of which two may overlap, in time that grows with the sum of the lengths (Knuth, Morris
/// and Pratt).
fn nth_match(text: &[u8], search: &[u8], nth: usize) -> Option<usize> {
    // For each length of a matched start of `search`, the longest shorter one that ends it too.
    let mut shorter = vec![0; search.len() + 1];
    let extend = |shorter: &[usize], mut matched: usize, byte: u8| {
        while matched > 0 && search.get(matched) != Some(&byte) {
            matched = shorter[matched];
        }
        matched + usize::from(search.get(matched) == Some(&byte))
    };
    for at in 1..search.len() {
        shorter[at + 1] = extend(&shorter, shorter[at], search[at]);
    }
    let mut matched = 0;
    let mut ends = text.iter().enumerate().filter_map(|(at, byte)| {
        matched = extend(&shorter, matched, *byte);
        (matched == search.len()).then_some(at + 1)
    });
    ends.nth(nth.checked_sub(1)?).map(|end| end - search.len())
}

fn pad(call: &mut Call<'_, '_>, left: bool) -> Column {
    let (text, count, fill) = (call.text(0), call.int(1), call.text(2));
    call.strings(|row, out| {
        let (Some(text), Some(count), Some(fill)) = (text.get(row), count.get(row), fill.get(row))
        else {
            return Ok(None);
        };
        let Ok(count) = usize::try_from(count) else { return Ok(None) };
        if fill.is_empty() {
            return Ok(None);
        }
        within_limit(count)?;
        // Flink counts UTF-16 units here.
        let (kept, units) = first_units(text, count);
        let mut padding = String::new();
        let mut missing = count - units;
        for c in fill.chars().cycle() {
            if c.len_utf16() > missing {
                break;
            }
            missing -= c.len_utf16();
            padding.push(c);
        }
        out.push_str(if left { &padding } else { kept });
        out.push_str(if left { kept } else { &padding });
        Ok(Some(()))
    })
}

/// The first characters that together have at most `n` UTF-16 units, and how many units they have.
fn first_units(text: &str, n: usize) -> (&str, usize) {
    let mut units = 0;
    for (at, c) in text.char_indices() {
        if units + c.len_utf16() > n {
            return (&text[..at], units);
        }
        units += c.len_utf16();
    }
    (text, units)
}

fn split_index(call: &mut Call<'_, '_>) -> Column {
    let (text, index) = (call.text(0), call.int(2));
    if call.data_type(1).kind.is_string() {
        let delimiter = call.text(1);
        return call.slices(|row| {
            let index = usize::try_from(index.get(row)?).ok()?;
            part(text.get(row)?, delimiter.get(row)?, index)
        });
    }
    let code = call.int(1);
    call.slices(|row| {
        let index = usize::try_from(index.get(row)?).ok()?;
        let code = u8::try_from(code.get(row)?).ok().filter(|code| *code > 0)?;
        let mut buffer = [0; 4];
        part(text.get(row)?, char::from(code).encode_utf8(&mut buffer), index)
    })
}

/// `StringUtils.splitByWholeSeparatorPreserveAllTokens`: no separator means blanks, and the empty text has no parts.
fn part<'t>(text: &'t str, delimiter: &str, index: usize) -> Option<&'t str> {
    if text.is_empty() {
        return None;
    }
    if delimiter.is_empty() {
        return text.split(char::is_whitespace).nth(index);
    }
    text.split(delimiter).nth(index)
}

fn overlay(call: &mut Call<'_, '_>) -> Column {
    let (text, with, start, count) = (call.text(0), call.text(1), call.int(2), call.int(3));
    let has_count = call.has(3);
    call.strings(|row, out| {
        let (Some(text), Some(with), Some(start)) = (text.get(row), with.get(row), start.get(row))
        else {
            return Ok(None);
        };
        let count = if has_count { count.get(row) } else { Some(length(with) as i32) };
        let Some(count) = count else { return Ok(None) };
        let total = length(text) as i64;
        let (start, count) = (i64::from(start), i64::from(count));
        if start <= 0 || start > total {
            out.push_str(text);
            return Ok(Some(()));
        }
        out.push_str(first_chars(text, usize::try_from(start - 1).unwrap_or(0)));
        out.push_str(with);
        if start + count <= total && count > 0 {
            out.push_str(after_chars(text, usize::try_from(start - 1 + count).unwrap_or(0)));
        }
        Ok(Some(()))
    })
}
