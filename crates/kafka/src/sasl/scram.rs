//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677) as Kafka has them (KIP-84): without channel
//! binding, and with names and passwords as their UTF-8 bytes. Kafka's own tools and clients do
//! not apply SASLprep, so doing it here would lock out users whose passwords it changes.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64ct::{Base64, Encoding};

use super::{Next, SaslError};
use crate::config::Secret;
use crate::limits::{SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN};

/// `n,,` in base64: no channel binding, no other identity.
const HEADER: &str = "n,,";
const HEADER_BASE64: &str = "biws";

/// The hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut out = vec![0; self.digest().output_len()];
        pbkdf2::derive(algorithm, iterations, salt, password, &mut out);
        out
    }

    fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.hmac(), key), text).as_ref().to_vec()
    }
}

enum State {
    /// The first message is out.
    First,
    /// The proof is out; the broker must sign with what it knows.
    Final {
        server_signature: Vec<u8>,
    },
    Done,
}

/// One exchange.
pub(crate) struct Scram {
    hash: Hash,
    password: Secret,
    nonce: String,
    first_bare: String,
    state: State,
}

impl Scram {
    /// `nonce` is random and used once; printable ASCII without comma. With `token`, the user is
    /// the id of a delegation token (KIP-48) and the password its HMAC.
    pub(crate) fn new(
        hash: Hash,
        user: &str,
        password: Secret,
        nonce: String,
        token: bool,
    ) -> Self {
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let extension = if token { ",tokenauth=true" } else { "" };
        let first_bare = format!("n={name},r={nonce}{extension}");
        Self { hash, password, nonce, first_bare, state: State::First }
    }

    pub(super) fn mechanism(&self) -> &'static str {
        match self.hash {
            Hash::Sha256 => "SCRAM-SHA-256",
            Hash::Sha512 => "SCRAM-SHA-512",
        }
    }

    pub(super) fn first(&self) -> Vec<u8> {
        format!("{HEADER}{}", self.first_bare).into_bytes()
    }

    pub(super) fn next(&mut self, challenge: &[u8]) -> Result<Next, SaslError> {
        let text = std::str::from_utf8(challenge)
            .map_err(|_| SaslError::new("the broker's SCRAM message is not UTF-8"))?;
        match std::mem::replace(&mut self.state, State::Done) {
            State::First => self.prove(text),
            State::Final { server_signature } => verify(text, &server_signature),
            State::Done => Err(SaslError::new("the broker speaks after the end of the exchange")),
        }
    }

    /// Answers `r=…,s=…,i=…` with the proof.
    fn prove(&mut self, challenge: &str) -> Result<Next, SaslError> {
        let given = ServerFirst::parse(challenge)?;
        let ours = given.nonce.strip_prefix(self.nonce.as_str());
        if ours.is_none_or(str::is_empty) {
            return Err(SaslError::new("the broker's nonce does not continue ours"));
        }
        if !(SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&given.iterations) {
            return Err(SaslError::new(format!(
                "the broker asks for {} iterations; {SCRAM_ITERATIONS_MIN} to {SCRAM_ITERATIONS_MAX} are accepted",
                given.iterations
            )));
        }
        let iterations = NonZeroU32::new(given.iterations)
            .ok_or_else(|| SaslError::new("the broker asks for no iterations"))?;
        let hash = self.hash;
        let salted = hash.salted(self.password.expose().as_bytes(), &given.salt, iterations);
        let client_key = hash.mac(&salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), &client_key);
        let without_proof = format!("c={HEADER_BASE64},r={}", given.nonce);
        let auth = format!("{},{challenge},{without_proof}", self.first_bare);
        let client_signature = hash.mac(stored_key.as_ref(), auth.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&client_signature).map(|(key, signed)| key ^ signed).collect();
        let server_key = hash.mac(&salted, b"Server Key");
        self.state = State::Final { server_signature: hash.mac(&server_key, auth.as_bytes()) };
        let message = format!("{without_proof},p={}", Base64::encode_string(&proof));
        Ok(Next::Send(message.into_bytes()))
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scram").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// What a server says first.
struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(text: &'a str) -> Result<Self, SaslError> {
        if text.starts_with("m=") {
            return Err(SaslError::new("the broker demands a SCRAM extension that is not known"));
        }
        // Extensions may follow.
        let mut fields = text.split(',');
        let mut field = |name: &str| {
            fields
                .next()
                .and_then(|field| field.strip_prefix(name))
                .ok_or_else(|| SaslError::new(format!("the broker's SCRAM message lacks {name}")))
        };
        let nonce = field("r=")?;
        let salt = Base64::decode_vec(field("s=")?)
            .ok()
            .filter(|salt| !salt.is_empty())
            .ok_or_else(|| SaslError::new("the broker's salt is not base64"))?;
        let iterations = field("i=")?
            .parse()
            .map_err(|_| SaslError::new("the broker's number of iterations is not a number"))?;
        if !nonce.bytes().all(|b| matches!(b, 0x21..=0x2b | 0x2d..=0x7e)) {
            return Err(SaslError::new("the broker's nonce is not printable"));
        }
        Ok(Self { nonce, salt, iterations })
    }
}

/// The broker must prove that it knows the password too.
fn verify(text: &str, expected: &[u8]) -> Result<Next, SaslError> {
    if let Some(error) = text.strip_prefix("e=") {
        let error = error.split(',').next().unwrap_or_default();
        return Err(SaslError::new(format!("the broker says: {}", error.escape_debug())));
    }
    let signature = text
        .strip_prefix("v=")
        .and_then(|rest| rest.split(',').next())
        .and_then(|signature| Base64::decode_vec(signature).ok())
        .ok_or_else(|| SaslError::new("the broker's last SCRAM message has no signature"))?;
    constant_time::verify_slices_are_equal(&signature, expected).map_err(|_| {
        SaslError::new("the broker's signature is wrong: it does not know the password")
    })?;
    Ok(Next::Done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// The example of RFC 7677 §3.
    fn example() -> Scram {
        let password = Secret::new("pencil");
        Scram::new(Hash::Sha256, "user", password, "rOprNGfwEbeRWgbNEkqO".to_owned(), false)
    }

    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn sent(next: Result<Next, SaslError>) -> String {
        match next {
            Ok(Next::Send(message)) => String::from_utf8(message).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_exchange_of_rfc_7677() {
        let mut scram = example();
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            sent(scram.next(SERVER_FIRST.as_bytes())),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let server_final = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(scram.next(server_final), Ok(Next::Done));
        assert!(scram.next(server_final).is_err());
    }

    #[test]
    fn names_are_escaped_and_tokens_announced() {
        let password = Secret::new("p");
        let scram = Scram::new(Hash::Sha512, "a=b,c", password, "n".to_owned(), true);
        assert_eq!(scram.first(), b"n,,n=a=3Db=2Cc,r=n,tokenauth=true");
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        for server_final in [
            "v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            "v=",
            "v=%%",
            "",
            "e=other-error",
            "x=1",
        ] {
            let mut scram = example();
            sent(scram.next(SERVER_FIRST.as_bytes()));
            assert!(scram.next(server_final.as_bytes()).is_err(), "{server_final}");
        }
    }

    #[test]
    fn hostile_first_messages() {
        let salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        for (text, said) in [
            (String::new(), "lacks r="),
            (format!("r={nonce},s={salt},i=4096"), "nonce"),
            (format!("r=other,s={salt},i=4096"), "nonce"),
            (format!("r={nonce}x y,s={salt},i=4096"), "printable"),
            (format!("r={nonce}x,s=,i=4096"), "salt"),
            (format!("r={nonce}x,s=???,i=4096"), "salt"),
            (format!("r={nonce}x,s={salt}"), "lacks i="),
            (format!("r={nonce}x,s={salt},i=4095"), "iterations"),
            (format!("r={nonce}x,s={salt},i=4000000000"), "iterations"),
            (format!("r={nonce}x,s={salt},i=99999999999"), "not a number"),
            (format!("r={nonce}x,s={salt},i=-1"), "not a number"),
            (format!("m=x,r={nonce}x,s={salt},i=4096"), "extension"),
        ] {
            let error = example().next(text.as_bytes()).unwrap_err();
            assert!(error.0.contains(said), "{text}: {error}");
        }
        assert!(example().next(b"\xff").is_err());
    }
}
