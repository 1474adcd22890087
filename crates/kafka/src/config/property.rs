//! One row of the property table, and what a value must look like.

/// A property of the Java client.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name, as in Java.
    pub name: &'static str,
    /// What a value looks like.
    pub value: Value,
    /// The value when nobody sets one.
    pub default: &'static str,
    /// Which side of the client reads it.
    pub applies: Applies,
    /// What happens when it is set.
    pub support: Support,
    /// One sentence for the reference.
    pub doc: &'static str,
}

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A whole number between two bounds, both included.
    Int(i64, i64),
    /// `true` or `false`.
    Bool,
    /// Any text.
    Text,
    /// Texts, separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// One of these words; case does not matter.
    Choice(&'static [&'static str]),
    /// Text that is never shown.
    Password,
}

/// Which side of the client reads a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// Sources and sinks.
    Both,
    /// Sources.
    Consumer,
    /// Sinks.
    Producer,
}

/// What happens when a property is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has its effect.
    Used,
    /// Accepted: it has no meaning here, or the behaviour is always the safer one.
    Inert,
    /// Accepted with a warning that says why it has no effect.
    Ignored(&'static str),
    /// An error that says what to do instead.
    Refused(&'static str),
}

impl Value {
    /// `Err` says what is allowed.
    pub(super) fn check(self, value: &str) -> Result<(), String> {
        let ok = match self {
            Self::Int(min, max) => value.parse().is_ok_and(|n: i64| (min..=max).contains(&n)),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Choice(words) => words.iter().any(|word| word.eq_ignore_ascii_case(value)),
            Self::Text | Self::List | Self::Class | Self::Password => true,
        };
        if ok { Ok(()) } else { Err(self.allowed()) }
    }

    fn allowed(self) -> String {
        match self {
            Self::Int(min, i64::MAX) => format!("a whole number of at least {min}"),
            Self::Int(min, max) => format!("a whole number from {min} to {max}"),
            Self::Bool => "true or false".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Text | Self::List | Self::Class | Self::Password => "text".to_owned(),
        }
    }
}
