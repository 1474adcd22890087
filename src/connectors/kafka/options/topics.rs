//! Which topics a table names.

use super::{TOPIC, TOPIC_PATTERN};
use crate::base::Result;
use crate::java_regex::JavaRegex;
use crate::options::{OptionReader, brief};
use brooklet_kafka::limits::TOPIC_NAME_BYTES_MAX;

/// Which topics.
#[derive(Clone, Debug)]
pub(crate) enum Topics {
    /// These, by name.
    List(Vec<String>),
    /// All whose whole name matches.
    Pattern(JavaRegex),
}

impl Topics {
    /// The topic, where there is no choice.
    pub(crate) fn single(&self) -> Option<&str> {
        match self {
            Topics::List(names) => match names.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Topics::Pattern(_) => None,
        }
    }

    /// Names of topics, or a pattern without what no name has.
    pub(crate) fn names(&self) -> Vec<String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match self {
            Topics::List(names) => names.clone(),
            Topics::Pattern(pattern) => {
                let chars = pattern.as_str().chars();
                vec![chars.map(|c| if legal(c) { c } else { '_' }).collect()]
            }
        }
    }

    /// Whether the source reads this topic.
    pub(crate) fn contain(&self, topic: &str) -> bool {
        match self {
            Topics::List(names) => names.iter().any(|name| name == topic),
            Topics::Pattern(pattern) => fits(pattern, topic),
        }
    }

    /// Whether a sink may write to a topic; what is wrong otherwise.
    pub(crate) fn check(&self, topic: &str) -> std::result::Result<(), String> {
        let invalid = "the topic of the sink record is not valid";
        match self {
            Topics::List(names) if names.iter().any(|name| name == topic) => Ok(()),
            Topics::Pattern(pattern) if fits(pattern, topic) => Ok(()),
            Topics::List(names) => Err(format!(
                "{invalid}: expected topic to be one of {} but it was '{topic}'",
                names.join(", ")
            )),
            Topics::Pattern(pattern) => Err(format!(
                "{invalid}: expected topic to match '{}' but it was '{topic}'",
                pattern.as_str()
            )),
        }
    }
}

/// Whether a pattern means a topic. One that takes too many steps for the few characters of a name does not: Java would
/// never come to an end there.
pub(crate) fn fits(pattern: &JavaRegex, topic: &str) -> bool {
    pattern.is_match(topic).unwrap_or(false)
}

/// `topic` or `topic-pattern`.
pub(super) fn topics(options: &OptionReader<'_>) -> Result<Topics> {
    let list = options.list(&TOPIC);
    match (list.is_empty(), options.pattern(&TOPIC_PATTERN)?) {
        (false, None) => match list.iter().find_map(|name| Some((name, wrong_name(name)?))) {
            None => Ok(Topics::List(list)),
            Some((name, _)) if name.contains(',') => {
                let problem = "is no name of a topic: topics are separated by ';'";
                Err(options.invalid(&TOPIC, format!("'{}' {problem}", brief(name))))
            }
            Some((name, problem)) => {
                let problem = format!("'{}' is no name of a topic: {problem}", brief(name));
                Err(options.invalid(&TOPIC, problem))
            }
        },
        (true, Some(pattern)) => Ok(Topics::Pattern(pattern)),
        (false, Some(_)) => Err(options.invalid(
            &TOPIC_PATTERN,
            "option 'topic' and 'topic-pattern' shouldn't be set together",
        )),
        (true, None) => {
            let text =
                format!("either 'topic' or 'topic-pattern' must be set for {}", options.subject());
            Err(options.at(&TOPIC, options.missing(&TOPIC, text)))
        }
    }
}

/// Why no topic can have this name: brokers would answer so, whoever asks (`Topic.validate`).
pub(crate) fn wrong_name(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name {
        "" => Some("it is empty".to_owned()),
        "." | ".." => Some("it is '.' or '..'".to_owned()),
        _ if !name.chars().all(fits) => {
            Some("it has other characters than ASCII letters, digits, '.', '_' and '-'".to_owned())
        }
        _ if name.len() > TOPIC_NAME_BYTES_MAX => {
            Some(format!("it has more than {TOPIC_NAME_BYTES_MAX} characters"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_topics() {
        let longest = "t".repeat(TOPIC_NAME_BYTES_MAX);
        for name in ["a", "...", "a.b_c-9", &longest] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
        for name in ["", ".", "..", "a b", "a,b", "ä", &format!("{longest}t")] {
            assert!(wrong_name(name).is_some(), "{name}");
        }
    }
}
