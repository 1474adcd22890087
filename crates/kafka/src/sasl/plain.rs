//! PLAIN (RFC 4616).

use super::Exchange;
use crate::config::Secret;

/// `NUL user NUL password`. The caller has seen to it that neither holds a NUL.
pub(crate) fn plain(user: &str, password: &Secret) -> Exchange {
    let message = format!("\0{user}\0{}", password.expose());
    Exchange::single("PLAIN", user.to_owned(), message.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::Next;

    #[test]
    fn one_message() {
        let mut exchange = plain("tim", &Secret::new("tan=st,äaf"));
        assert_eq!(exchange.first(), "\0tim\0tan=st,äaf".as_bytes());
        assert_eq!(exchange.next(b""), Ok(Next::Done));
    }
}
