//! What `\p{…}` names in Java's regular expressions, as contents of a class.

/// Java's POSIX classes: ASCII only.
pub(super) fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "A-Za-z",
        "Digit" => "0-9",
        "Alnum" => "0-9A-Za-z",
        "Punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
        "Graph" => r"\x21-\x7E",
        "Print" => r"\x20-\x7E",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9A-Fa-f",
        "Space" => r"\x20\t\n\x0B\x0C\r",
        _ => return None,
    })
}

/// The same under `(?U)`.
pub(super) fn unicode_posix(name: &str) -> &'static str {
    match name {
        "Lower" => r"\p{Lowercase}",
        "Upper" => r"\p{Uppercase}",
        "Alpha" => r"\p{Alphabetic}",
        "Digit" => r"\p{Nd}",
        "Alnum" => r"\p{Alphabetic}\p{Nd}",
        "Punct" => r"\p{P}",
        "Graph" => r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]",
        "Print" => r"[[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]\p{Zs}]",
        "Blank" => r"\p{Zs}\t",
        "Cntrl" => r"\p{Cc}",
        "XDigit" => r"\p{Nd}\p{Hex_Digit}",
        "Space" => r"\p{White_Space}",
        _ => r"\x00-\x7F",
    }
}

/// Methods of `java.lang.Character`.
pub(super) fn java_method(name: &str) -> Option<&'static str> {
    Some(match name {
        "javaLowerCase" => r"\p{Lowercase}",
        "javaUpperCase" => r"\p{Uppercase}",
        "javaTitleCase" => r"\p{Lt}",
        "javaAlphabetic" => r"\p{Alphabetic}",
        "javaLetter" => r"\p{L}",
        "javaDigit" => r"\p{Nd}",
        "javaLetterOrDigit" => r"\p{L}\p{Nd}",
        "javaWhitespace" => r"\t\n\x0B\x0C\r\x1C-\x1F[\p{Z}--[\x{A0}\x{2007}\x{202F}]]",
        "javaSpaceChar" => r"\p{Z}",
        "javaISOControl" => r"\p{Cc}",
        "javaIdeographic" => r"\p{Ideographic}",
        "javaDefined" => r"[^\p{Cn}]",
        _ => return None,
    })
}

/// Categories, scripts, binary properties and the blocks that patterns name most.
pub(super) fn other_property(name: &str) -> Option<String> {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => known(&format!(r"\p{{Script={value}}}")),
            "blk" | "block" => block(value),
            "gc" | "general_category" => known(&format!(r"\p{{gc={value}}}")),
            _ => None,
        };
    }
    if let Some(value) = name.strip_prefix("In") {
        return block(value);
    }
    if let Some(value) = name.strip_prefix("Is") {
        return known(&format!(r"\p{{{value}}}"))
            .or_else(|| known(&format!(r"\p{{Script={value}}}")));
    }
    match name {
        "all" => Some(r"\x{0}-\x{10ffff}".to_owned()),
        "L1" => Some(r"\x00-\xFF".to_owned()),
        "LC" | "LD" => Some(if name == "LD" { r"\p{L}\p{Nd}" } else { r"\p{LC}" }.to_owned()),
        _ => known(&format!(r"\p{{gc={name}}}")),
    }
}

fn known(property: &str) -> Option<String> {
    regex::Regex::new(property).is_ok().then(|| property.to_owned())
}

/// Unicode's blocks, whose names count without case, spaces, `-` and `_`.
fn block(name: &str) -> Option<String> {
    let name: String = name
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let (from, to) = match name.as_str() {
        "basiclatin" => (0x0000, 0x007F),
        "latin1supplement" => (0x0080, 0x00FF),
        "latinextendeda" => (0x0100, 0x017F),
        "latinextendedb" => (0x0180, 0x024F),
        "latinextendedadditional" => (0x1E00, 0x1EFF),
        "ipaextensions" => (0x0250, 0x02AF),
        "combiningdiacriticalmarks" => (0x0300, 0x036F),
        "greek" | "greekandcoptic" => (0x0370, 0x03FF),
        "cyrillic" => (0x0400, 0x04FF),
        "armenian" => (0x0530, 0x058F),
        "hebrew" => (0x0590, 0x05FF),
        "arabic" => (0x0600, 0x06FF),
        "devanagari" => (0x0900, 0x097F),
        "bengali" => (0x0980, 0x09FF),
        "tamil" => (0x0B80, 0x0BFF),
        "thai" => (0x0E00, 0x0E7F),
        "georgian" => (0x10A0, 0x10FF),
        "hanguljamo" => (0x1100, 0x11FF),
        "generalpunctuation" => (0x2000, 0x206F),
        "superscriptsandsubscripts" => (0x2070, 0x209F),
        "currencysymbols" => (0x20A0, 0x20CF),
        "letterlikesymbols" => (0x2100, 0x214F),
        "numberforms" => (0x2150, 0x218F),
        "arrows" => (0x2190, 0x21FF),
        "mathematicaloperators" => (0x2200, 0x22FF),
        "boxdrawing" => (0x2500, 0x257F),
        "geometricshapes" => (0x25A0, 0x25FF),
        "miscellaneoussymbols" => (0x2600, 0x26FF),
        "dingbats" => (0x2700, 0x27BF),
        "cjksymbolsandpunctuation" => (0x3000, 0x303F),
        "hiragana" => (0x3040, 0x309F),
        "katakana" => (0x30A0, 0x30FF),
        "bopomofo" => (0x3100, 0x312F),
        "cjkunifiedideographsextensiona" => (0x3400, 0x4DBF),
        "cjkunifiedideographs" => (0x4E00, 0x9FFF),
        "hangulsyllables" => (0xAC00, 0xD7AF),
        "privateusearea" => (0xE000, 0xF8FF),
        "cjkcompatibilityideographs" => (0xF900, 0xFAFF),
        "halfwidthandfullwidthforms" => (0xFF00, 0xFFEF),
        "emoticons" => (0x1_F600, 0x1_F64F),
        "miscellaneoussymbolsandpictographs" => (0x1_F300, 0x1_F5FF),
        "transportandmapsymbols" => (0x1_F680, 0x1_F6FF),
        "supplementalsymbolsandpictographs" => (0x1_F900, 0x1_F9FF),
        _ => return None,
    };
    Some(format!(r"\x{{{from:x}}}-\x{{{to:x}}}"))
}
