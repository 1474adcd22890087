//! How wide text is on a terminal, as Flink's `TableauStyle` counts it: one column for each UTF-16 unit, and one more for
//! a character that is wide or full-width.

/// Ranges of characters that take two columns: `East_Asian_Width` W and F of Unicode 14.
const WIDE: &[(char, char)] = &[
    ('\u{1100}', '\u{115f}'),
    ('\u{231a}', '\u{231b}'),
    ('\u{2329}', '\u{232a}'),
    ('\u{23e9}', '\u{23ec}'),
    ('\u{23f0}', '\u{23f0}'),
    ('\u{23f3}', '\u{23f3}'),
    ('\u{25fd}', '\u{25fe}'),
    ('\u{2614}', '\u{2615}'),
    ('\u{2648}', '\u{2653}'),
    ('\u{267f}', '\u{267f}'),
    ('\u{2693}', '\u{2693}'),
    ('\u{26a1}', '\u{26a1}'),
    ('\u{26aa}', '\u{26ab}'),
    ('\u{26bd}', '\u{26be}'),
    ('\u{26c4}', '\u{26c5}'),
    ('\u{26ce}', '\u{26ce}'),
    ('\u{26d4}', '\u{26d4}'),
    ('\u{26ea}', '\u{26ea}'),
    ('\u{26f2}', '\u{26f3}'),
    ('\u{26f5}', '\u{26f5}'),
    ('\u{26fa}', '\u{26fa}'),
    ('\u{26fd}', '\u{26fd}'),
    ('\u{2705}', '\u{2705}'),
    ('\u{270a}', '\u{270b}'),
    ('\u{2728}', '\u{2728}'),
    ('\u{274c}', '\u{274c}'),
    ('\u{274e}', '\u{274e}'),
    ('\u{2753}', '\u{2755}'),
    ('\u{2757}', '\u{2757}'),
    ('\u{2795}', '\u{2797}'),
    ('\u{27b0}', '\u{27b0}'),
    ('\u{27bf}', '\u{27bf}'),
    ('\u{2b1b}', '\u{2b1c}'),
    ('\u{2b50}', '\u{2b50}'),
    ('\u{2b55}', '\u{2b55}'),
    ('\u{2e80}', '\u{2e99}'),
    ('\u{2e9b}', '\u{2ef3}'),
    ('\u{2f00}', '\u{2fd5}'),
    ('\u{2ff0}', '\u{2ffb}'),
    ('\u{3000}', '\u{303e}'),
    ('\u{3041}', '\u{3096}'),
    ('\u{3099}', '\u{30ff}'),
    ('\u{3105}', '\u{312f}'),
    ('\u{3131}', '\u{318e}'),
    ('\u{3190}', '\u{31e3}'),
    ('\u{31f0}', '\u{321e}'),
    ('\u{3220}', '\u{3247}'),
    ('\u{3250}', '\u{4dbf}'),
    ('\u{4e00}', '\u{a48c}'),
    ('\u{a490}', '\u{a4c6}'),
    ('\u{a960}', '\u{a97c}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe10}', '\u{fe19}'),
    ('\u{fe30}', '\u{fe52}'),
    ('\u{fe54}', '\u{fe66}'),
    ('\u{fe68}', '\u{fe6b}'),
    ('\u{ff01}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{16fe0}', '\u{16fe4}'),
    ('\u{16ff0}', '\u{16ff1}'),
    ('\u{17000}', '\u{187f7}'),
    ('\u{18800}', '\u{18cd5}'),
    ('\u{18d00}', '\u{18d08}'),
    ('\u{1aff0}', '\u{1aff3}'),
    ('\u{1aff5}', '\u{1affb}'),
    ('\u{1affd}', '\u{1affe}'),
    ('\u{1b000}', '\u{1b122}'),
    ('\u{1b150}', '\u{1b152}'),
    ('\u{1b164}', '\u{1b167}'),
    ('\u{1b170}', '\u{1b2fb}'),
    ('\u{1f004}', '\u{1f004}'),
    ('\u{1f0cf}', '\u{1f0cf}'),
    ('\u{1f18e}', '\u{1f18e}'),
    ('\u{1f191}', '\u{1f19a}'),
    ('\u{1f200}', '\u{1f202}'),
    ('\u{1f210}', '\u{1f23b}'),
    ('\u{1f240}', '\u{1f248}'),
    ('\u{1f250}', '\u{1f251}'),
    ('\u{1f260}', '\u{1f265}'),
    ('\u{1f300}', '\u{1f320}'),
    ('\u{1f32d}', '\u{1f335}'),
    ('\u{1f337}', '\u{1f37c}'),
    ('\u{1f37e}', '\u{1f393}'),
    ('\u{1f3a0}', '\u{1f3ca}'),
    ('\u{1f3cf}', '\u{1f3d3}'),
    ('\u{1f3e0}', '\u{1f3f0}'),
    ('\u{1f3f4}', '\u{1f3f4}'),
    ('\u{1f3f8}', '\u{1f43e}'),
    ('\u{1f440}', '\u{1f440}'),
    ('\u{1f442}', '\u{1f4fc}'),
    ('\u{1f4ff}', '\u{1f53d}'),
    ('\u{1f54b}', '\u{1f54e}'),
    ('\u{1f550}', '\u{1f567}'),
    ('\u{1f57a}', '\u{1f57a}'),
    ('\u{1f595}', '\u{1f596}'),
    ('\u{1f5a4}', '\u{1f5a4}'),
    ('\u{1f5fb}', '\u{1f64f}'),
    ('\u{1f680}', '\u{1f6c5}'),
    ('\u{1f6cc}', '\u{1f6cc}'),
    ('\u{1f6d0}', '\u{1f6d2}'),
    ('\u{1f6d5}', '\u{1f6d7}'),
    ('\u{1f6dd}', '\u{1f6df}'),
    ('\u{1f6eb}', '\u{1f6ec}'),
    ('\u{1f6f4}', '\u{1f6fc}'),
    ('\u{1f7e0}', '\u{1f7eb}'),
    ('\u{1f7f0}', '\u{1f7f0}'),
    ('\u{1f90c}', '\u{1f93a}'),
    ('\u{1f93c}', '\u{1f945}'),
    ('\u{1f947}', '\u{1f9ff}'),
    ('\u{1fa70}', '\u{1fa74}'),
    ('\u{1fa78}', '\u{1fa7c}'),
    ('\u{1fa80}', '\u{1fa86}'),
    ('\u{1fa90}', '\u{1faac}'),
    ('\u{1fab0}', '\u{1faba}'),
    ('\u{1fac0}', '\u{1fac5}'),
    ('\u{1fad0}', '\u{1fad9}'),
    ('\u{1fae0}', '\u{1fae7}'),
    ('\u{1faf0}', '\u{1faf6}'),
    ('\u{20000}', '\u{2fffd}'),
    ('\u{30000}', '\u{3fffd}'),
];

fn is_wide(character: char) -> bool {
    let at = WIDE.partition_point(|(_, last)| *last < character);
    WIDE.get(at).is_some_and(|(first, _)| *first <= character)
}

/// Columns that `text` takes. A character beyond the basic plane counts a second time for its second UTF-16 unit.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.len_utf16() + usize::from(is_wide(c))).sum()
}

/// Appends `cell` in `columns` columns, to the right; what does not fit ends in `...`.
pub(super) fn put_cell(cell: &str, columns: usize, out: &mut String) {
    let missing = columns.checked_sub(width(cell));
    if let Some(missing) = missing {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(cell);
        return;
    }
    let room = columns.saturating_sub(CUT.len());
    let mut taken = 0;
    let mut kept = String::new();
    for character in cell.chars() {
        taken += 1 + usize::from(is_wide(character));
        if taken > room {
            break;
        }
        if character.len_utf16() == 2 {
            taken += 1;
            if taken > room {
                // Java cuts between the two units; half a pair is written as a question mark.
                kept.push('?');
                break;
            }
        }
        kept.push(character);
    }
    out.extend(std::iter::repeat_n(' ', room.saturating_sub(width(&kept))));
    out.push_str(&kept);
    out.push_str(CUT);
}

/// The end of text that was cut.
const CUT: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        for (text, columns) in [("", 0), ("abc", 3), ("杭州", 4), ("żółw 😀 ÄÖ", 11), ("é", 1)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn text_that_does_not_fit_is_cut() {
        for (text, columns, cell) in [
            ("abc", 5, "  abc"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc..."),
            ("杭州杭州", 7, "杭州..."),
            ("杭州杭州", 6, " 杭..."),
            ("a😀bcdefg", 7, "a😀..."),
            ("ab😀cdefg", 7, " ab?..."),
        ] {
            let mut out = String::new();
            put_cell(text, columns, &mut out);
            assert_eq!(out, cell, "{text}");
        }
    }
}
