//! JSON paths in Jayway's dialect, with the `lax` and `strict` of SQL.

use super::Json;
use super::filter::Filter;
use crate::types::java_text::double_to_string;

/// Results of one path over one document: a path of wildcards multiplies them.
const RESULTS_MAX: usize = 1 << 20;

/// Bytes of the values that one path copies out of one document, with all that hangs on them: of nested objects each may
/// be found, and with it all that it holds.
const COPIED_BYTES_MAX: usize = 128 << 20;

/// What becomes of a part that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is an error.
    Strict,
    /// It is nothing.
    Lax,
}

/// A compiled path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonPath {
    /// Strict unless the path says `lax`, as in Flink.
    pub(crate) mode: Mode,
    steps: Vec<Step>,
    /// `length()` and the like at the end.
    function: Option<PathFunction>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// `.name`, `['name']`
    Name(String),
    /// `['a', 'b']`
    Names(Vec<String>),
    /// `[1]`, `[-1]`
    Index(i64),
    /// `[0, 2]`
    Indices(Vec<i64>),
    /// `[from:to]`
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`
    All,
    /// `..`: this value and all below it.
    Deep,
    /// `[?(…)]`
    Filter(Filter),
}

impl Step {
    /// Whether a step that finds nothing may be taken from these values at all.
    fn fits(&self, values: &[&Json<'_>]) -> bool {
        values.iter().all(|value| match self {
            Step::Slice(..) | Step::Indices(_) => matches!(value, Json::Array(_)),
            Step::Filter(_) => !value.is_scalar(),
            _ => true,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum PathFunction {
    Length,
    Keys,
    Min,
    Max,
    Avg,
    Sum,
    StdDev,
}

const FUNCTIONS: [(&str, PathFunction); 7] = [
    (".length()", PathFunction::Length),
    (".keys()", PathFunction::Keys),
    (".min()", PathFunction::Min),
    (".max()", PathFunction::Max),
    (".avg()", PathFunction::Avg),
    (".sum()", PathFunction::Sum),
    (".stddev()", PathFunction::StdDev),
];

impl PathFunction {
    /// A function of numbers; an error where there are none.
    fn of_numbers(self, values: &[&Json<'_>]) -> Result<Json<'static>, String> {
        let items = values.iter().flat_map(|value| match value {
            Json::Array(items) => items.as_slice(),
            one => std::slice::from_ref(*one),
        });
        let numbers: Vec<f64> = items
            .filter_map(|item| match item {
                Json::Integer(text) | Json::Decimal(text) => text.parse().ok(),
                _ => None,
            })
            .collect();
        if numbers.is_empty() {
            return Err("the function of a JSON path found no numbers".to_owned());
        }
        let (count, sum) = (numbers.len() as f64, numbers.iter().sum::<f64>());
        let value = match self {
            PathFunction::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            PathFunction::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            PathFunction::Sum => sum,
            PathFunction::StdDev => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                (squares / count - sum * sum / count / count).sqrt()
            }
            _ => sum / count,
        };
        Ok(Json::Decimal(double_to_string(value).into()))
    }
}

/// What a path finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'a, 't> {
    /// The value of a definite path.
    One(&'a Json<'t>),
    /// The value of a path that made a new one: a list of an indefinite path, or a function's result.
    Made(Json<'t>),
    /// Nothing.
    Nothing,
}

impl<'t> Found<'_, 't> {
    /// The value, where there is one.
    pub(crate) fn value(&self) -> Option<&Json<'t>> {
        match self {
            Found::One(value) => Some(value),
            Found::Made(value) => Some(value),
            Found::Nothing => None,
        }
    }

    /// [`Found::value`], copied where it is a part of the document.
    pub(crate) fn into_value(self) -> Option<Json<'t>> {
        match self {
            Found::One(value) => Some(value.clone()),
            Found::Made(value) => Some(value),
            Found::Nothing => None,
        }
    }
}

/// Copies values until there are too many bytes.
struct Copier {
    left: usize,
}

impl Copier {
    fn new() -> Copier {
        Copier { left: COPIED_BYTES_MAX }
    }

    fn copy<'t>(&mut self, value: &Json<'t>) -> Result<Json<'t>, String> {
        self.weigh(value)?;
        Ok(value.clone())
    }

    fn weigh(&mut self, value: &Json<'_>) -> Result<(), String> {
        let text = match value {
            Json::Integer(text) | Json::Decimal(text) | Json::String(text) => text.len(),
            Json::Object(members) => {
                members.iter().map(|(name, _)| name.len() + size_of_val(name)).sum()
            }
            _ => 0,
        };
        self.left = self.left.checked_sub(text + size_of_val(value)).ok_or_else(|| {
            format!("a JSON path finds values of more than {COPIED_BYTES_MAX} bytes")
        })?;
        match value {
            Json::Array(items) => items.iter().try_for_each(|item| self.weigh(item)),
            Json::Object(members) => members.iter().try_for_each(|(_, member)| self.weigh(member)),
            _ => Ok(()),
        }
    }
}

impl JsonPath {
    /// Reads a path: `$.a[0]`, `lax $.a`, `strict $.a`.
    ///
    /// # Errors
    /// The text says what is wrong.
    pub(crate) fn new(text: &str) -> Result<JsonPath, String> {
        let (mode, spec) = mode_of(text);
        let wrong = || format!("'{}' is not a JSON path", spec.trim());
        let mut chars = spec.trim();
        // A path without `$` is taken to start there.
        if let Some(rest) = chars.strip_prefix('$') {
            chars = rest;
        } else if chars.is_empty() || chars.starts_with('@') {
            return Err(wrong());
        } else {
            let (steps, function) = steps(&format!(".{chars}")).ok_or_else(wrong)?;
            return Ok(JsonPath { mode, steps, function });
        }
        let (steps, function) = steps(chars).ok_or_else(wrong)?;
        Ok(JsonPath { mode, steps, function })
    }

    /// What the path finds in a document.
    ///
    /// # Errors
    /// In strict mode where a definite path leads nowhere; where the path finds too much.
    pub(crate) fn find<'a, 't>(&self, root: &'a Json<'t>) -> Result<Found<'a, 't>, String> {
        let mut found = vec![root];
        let mut definite = true;
        let (steps, names) = match self.steps.split_last() {
            Some((Step::Names(names), steps)) if self.function.is_none() => (steps, Some(names)),
            _ => (self.steps.as_slice(), None),
        };
        for step in steps {
            let indefinite_step = !matches!(step, Step::Name(_) | Step::Index(_));
            let mut next = Vec::new();
            let before = found.clone();
            for value in found {
                apply(step, value, root, &mut next);
                if next.len() > RESULTS_MAX {
                    return Err(format!("a JSON path finds more than {RESULTS_MAX} values"));
                }
            }
            if next.is_empty() && definite && (!indefinite_step || !step.fits(&before)) {
                return match self.mode {
                    Mode::Strict => Err("no results for the JSON path".to_owned()),
                    Mode::Lax => Ok(Found::Nothing),
                };
            }
            definite &= !indefinite_step;
            found = next;
        }
        if let Some(names) = names {
            return self.chosen(&found, names, definite);
        }
        Ok(Found::Made(match (self.function, found.as_slice()) {
            (None, [one]) if definite => return Ok(Found::One(one)),
            (None, many) => {
                let mut copier = Copier::new();
                let items = many.iter().map(|value| copier.copy(value));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            (Some(PathFunction::Keys), [Json::Object(members)]) if definite => {
                Json::Array(members.iter().map(|(name, _)| Json::String(name.clone())).collect())
            }
            (Some(PathFunction::Keys), _) => Json::Null,
            (Some(PathFunction::Length), found) => {
                let length = match found {
                    [Json::Array(items)] if definite => items.len(),
                    [Json::Object(members)] if definite => members.len(),
                    [_] if definite => return Ok(Found::Made(Json::Null)),
                    many => many.len(),
                };
                Json::Integer(length.to_string().into())
            }
            (Some(function), found) => function.of_numbers(found)?,
        }))
    }

    /// `['a', 'b']` at the end of a path: an object of these members.
    fn chosen<'a, 't>(
        &self,
        found: &[&Json<'t>],
        names: &[String],
        definite: bool,
    ) -> Result<Found<'a, 't>, String> {
        let mut copier = Copier::new();
        let mut objects: Vec<Json<'t>> = Vec::new();
        for value in found.iter().filter(|value| matches!(value, Json::Object(_))) {
            let members = names.iter().filter_map(|name| Some((name, value.member(name)?)));
            let members =
                members.map(|(name, member)| Ok((name.clone().into(), copier.copy(member)?)));
            objects.push(Json::Object(members.collect::<Result<_, String>>()?));
        }
        Ok(match (definite, objects.pop()) {
            (true, Some(object)) => Found::Made(object),
            (true, None) if self.mode == Mode::Strict => {
                return Err("no results for the JSON path".to_owned());
            }
            (true, None) => Found::Nothing,
            (false, last) => {
                objects.extend(last);
                Found::Made(Json::Array(objects))
            }
        })
    }
}

/// `strict` or `lax` in front of a path, in any case.
fn mode_of(text: &str) -> (Mode, &str) {
    let trimmed = text.trim_start();
    let word = |word: &str| {
        let (head, rest) = trimmed.split_at_checked(word.len())?;
        (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then_some(rest)
    };
    if let Some(rest) = word("lax") {
        return (Mode::Lax, rest);
    }
    (Mode::Strict, word("strict").unwrap_or(text))
}

/// The values below `value` that a step leads to.
pub(super) fn apply<'a, 't>(
    step: &Step,
    value: &'a Json<'t>,
    root: &'a Json<'t>,
    out: &mut Vec<&'a Json<'t>>,
) {
    match (step, value) {
        (Step::Name(name), _) => out.extend(value.member(name)),
        (Step::Names(names), Json::Object(_)) => {
            out.extend(names.iter().filter_map(|name| value.member(name)));
        }
        (Step::Index(index), Json::Array(items)) => out.extend(item(items, *index)),
        (Step::Indices(wanted), Json::Array(items)) => {
            out.extend(wanted.iter().filter_map(|index| item(items, *index)));
        }
        (Step::Slice(from, to), Json::Array(items)) => {
            let length = items.len() as i64;
            let place = |index: i64| if index < 0 { (length + index).max(0) } else { index };
            let from = from.map_or(0, place);
            let to = to.map_or(length, place).min(length);
            for at in from..to {
                out.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
            }
        }
        (Step::All, Json::Array(items)) => out.extend(items),
        (Step::All, Json::Object(members)) => out.extend(members.iter().map(|(_, value)| value)),
        (Step::Deep, _) => deep(value, out),
        (Step::Filter(filter), Json::Array(items)) => {
            out.extend(items.iter().filter(|item| filter.holds(item, root)));
        }
        (Step::Filter(filter), Json::Object(_)) if filter.holds(value, root) => out.push(value),
        _ => {}
    }
}

fn item<'a, 't>(items: &'a [Json<'t>], index: i64) -> Option<&'a Json<'t>> {
    let at = if index < 0 { items.len() as i64 + index } else { index };
    items.get(usize::try_from(at).ok()?)
}

fn deep<'a, 't>(value: &'a Json<'t>, out: &mut Vec<&'a Json<'t>>) {
    if value.is_scalar() {
        return;
    }
    out.push(value);
    match value {
        Json::Array(items) => items.iter().for_each(|item| deep(item, out)),
        Json::Object(members) => members.iter().for_each(|(_, member)| deep(member, out)),
        _ => {}
    }
}

/// Steps after `$`, and a function after them.
fn steps(text: &str) -> Option<(Vec<Step>, Option<PathFunction>)> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((_, function)) = FUNCTIONS.iter().find(|(text, _)| *text == rest) {
            return Some((steps, Some(*function)));
        }
        let (step, after) = one_step(rest)?;
        rest = after;
        match step {
            // `..name`: the name is a step of its own.
            Some(step) => steps.push(step),
            None => {
                steps.push(Step::Deep);
                (!rest.is_empty()).then_some(())?;
            }
        }
    }
    Some((steps, None))
}

/// The next step (`None` for the dots of `..`) and what follows it.
pub(super) fn one_step(text: &str) -> Option<(Option<Step>, &str)> {
    if let Some(rest) = text.strip_prefix("..") {
        if rest.starts_with('[') {
            return Some((None, rest));
        }
        // The name after the dots is read as after one dot.
        return Some((None, text.get(1..)?));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (step, rest) = bracket(rest)?;
        return Some((Some(step), rest));
    }
    let rest = text.strip_prefix('.')?;
    if let Some(rest) = rest.strip_prefix('[') {
        let (step, rest) = bracket(rest)?;
        return Some((Some(step), rest));
    }
    let end = rest.find(['.', '[', '(', ')']).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end)?;
    if name.is_empty() || after.starts_with('(') || name.contains(' ') {
        return None;
    }
    let step = if name == "*" { Step::All } else { Step::Name(name.to_owned()) };
    Some((Some(step), after))
}

/// What stands after `[`, and what follows the `]`.
fn bracket(text: &str) -> Option<(Step, &str)> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('?') {
        let (filter, rest) = Filter::read(rest.trim_start())?;
        return Some((Step::Filter(filter), rest.trim_start().strip_prefix(']')?));
    }
    if let Some(rest) = text.strip_prefix('*') {
        return Some((Step::All, rest.trim_start().strip_prefix(']')?));
    }
    if text.starts_with(['\'', '"']) {
        return names(text);
    }
    let (inner, rest) = text.split_once(']')?;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    if let Some((from, to)) = inner.split_once(':') {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            text => number(text).map(Some),
        };
        return Some((Step::Slice(bound(from)?, bound(to)?), rest));
    }
    let mut indices = inner.split(',').map(number).collect::<Option<Vec<i64>>>()?;
    let step = match indices.len() {
        1 => Step::Index(indices.remove(0)),
        _ => Step::Indices(indices),
    };
    Some((step, rest))
}

/// Quoted names up to `]`.
fn names(text: &str) -> Option<(Step, &str)> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = quoted(rest.trim_start())?;
        names.push(name);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(']') {
            let step = match names.len() {
                1 => Step::Name(names.remove(0)),
                _ => Step::Names(names),
            };
            return Some((step, after));
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// A text in single or double quotes, and what follows it.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?.1),
            c if c == quote => return Some((out, text.get(at + 1..)?)),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{parse, write_json};
    use super::*;

    fn found(document: &str, path: &str) -> Result<String, String> {
        let document = parse(document).unwrap();
        let path = JsonPath::new(path)?;
        let mut out = String::new();
        match path.find(&document)?.value() {
            Some(value) => write_json(value, &mut out),
            None => out.push_str("nothing"),
        }
        Ok(out)
    }

    #[test]
    fn paths_find_what_they_name() {
        let document = r#"{"a": [{"b": 1}, {"b": 2, "c d": [3, 4]}], "n": null}"#;
        for (path, expected) in [
            ("$.a[0].b", "1"),
            ("$['a'][1]['c d'][-1]", "4"),
            ("$.a[*].b", "[1,2]"),
            ("$..b", "[1,2]"),
            ("$.a[?(@.b > 1)].b", "[2]"),
            ("$.a[0:1]", r#"[{"b":1}]"#),
            ("$.a.length()", "2"),
            ("$.n", "null"),
            ("$.keys()", r#"["a","n"]"#),
            ("$['n', 'x']", r#"{"n":null}"#),
            ("$.a[*]['b', 'x']", r#"[{"b":1},{"b":2}]"#),
            ("$.a[*].b.max()", "2.0"),
            ("$.a[1]['c d'].avg()", "3.5"),
            ("lax $.x.y", "nothing"),
            ("a[0].b", "1"),
        ] {
            assert_eq!(found(document, path).as_deref(), Ok(expected), "{path}");
        }
        assert!(found(document, "$.x").is_err());
        assert!(JsonPath::new("$.a[").is_err());
        assert!(JsonPath::new("").is_err());
    }

    /// Every object inside of others is found with all that is in it.
    #[test]
    fn what_a_path_copies_is_bounded() {
        const LEVELS: usize = 60;
        let inner = vec!["0"; 80_000].join(",");
        let document = format!("{}[{inner}]{}", r#"{"a":"#.repeat(LEVELS), "}".repeat(LEVELS));
        let document = parse(&document).unwrap();
        for (path, problem) in
            [("$..a", true), ("$..['a', 'b']", true), ("$..a.length()", false), ("$..b", false)]
        {
            let path = JsonPath::new(path).unwrap();
            let mut failed = false;
            let memory = allocation_counter::measure(|| failed = path.find(&document).is_err());
            assert_eq!(failed, problem, "{path:?}");
            assert!(memory.bytes_max < 2 * COPIED_BYTES_MAX as u64, "{path:?}: {memory:?}");
        }
    }
}
