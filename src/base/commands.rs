//! Commands that hints name: they can be pasted into a shell as they are, but for the brokers where these are not known.

use std::borrow::Cow;

/// Brokers that whoever gives the hint does not know.
pub const SOME_BROKERS: &str = "HOST:PORT";

/// Makes a job forget its progress.
pub fn job_reset(job: &str, bootstrap: &str) -> String {
    format!("brooklet job reset {} -b {}", word(job), word(bootstrap))
}

/// Creates a topic.
pub fn topic_create(topic: &str, bootstrap: &str) -> String {
    format!("brooklet topic create {} -b {}", word(topic), word(bootstrap))
}

/// One word of a POSIX shell, in quotes where it needs them.
fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:,/@%+=".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_words() {
        for (job, shown) in [
            ("orders.v2_a-b", "orders.v2_a-b"),
            ("my job", "'my job'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("", "''"),
        ] {
            assert_eq!(job_reset(job, "a:1,b:2"), format!("brooklet job reset {shown} -b a:1,b:2"));
        }
        assert_eq!(topic_create("t", SOME_BROKERS), "brooklet topic create t -b HOST:PORT");
    }
}
