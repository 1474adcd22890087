//! Values of properties on their way to those who read them, and files that properties name.

use std::fs::File;
use std::io::Read;

use crate::error::{Error, Result};
use crate::limits::STORE_BYTES_MAX;

/// Values that the user gave, by name.
pub(crate) struct Given<'a>(&'a dyn Fn(&str) -> Option<&'a str>);

impl<'a> Given<'a> {
    /// Over a look-up.
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<&'a str>) -> Self {
        Self(lookup)
    }

    /// What was given, also if it is empty.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        (self.0)(key)
    }

    /// What was given, unless it is empty: Java takes empty locations and passwords for none.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.raw(key).filter(|value| !value.is_empty())
    }
}

/// The bytes of a file that `property` names.
///
/// # Errors
/// It cannot be read, or is larger than any file with keys is.
pub(crate) fn read_file(property: &str, path: &str) -> Result<Vec<u8>> {
    let wrong = |problem: String| {
        Error::config(property, format!("{property}: cannot read '{path}': {problem}"))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(STORE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > STORE_BYTES_MAX {
        return Err(wrong(format!("it is larger than {STORE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}
