//! Private keys under a password: `EncryptedPrivateKeyInfo` (RFC 5958 §3).
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use p12_keystore::Pkcs12Archive;
use pkcs8::EncryptedPrivateKeyInfoRef;
use x509_parser::asn1_rs::{Any, FromDer, Oid, Tag, oid};

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The bytes are none.
    Damaged,
    Password,
    /// Encrypted by what has this name.
    Unsupported(String),
}

/// The key as PKCS #8.
pub(super) fn decrypt(der: &[u8], password: &str) -> Result<Vec<u8>, KeyError> {
    let algorithm = algorithm(der).ok_or(KeyError::Damaged)?;
    if algorithm == oid!(1.2.840.113549.1.5.13) {
        // PBES2. What can be read but not by the library has a cipher or a digest that it lacks.
        let info = EncryptedPrivateKeyInfoRef::try_from(der)
            .map_err(|_| KeyError::Unsupported("PBES2 with an old cipher".to_owned()))?;
        let plain = info.decrypt(password).map_err(|_| KeyError::Password)?;
        Ok(plain.as_bytes().to_vec())
    } else if algorithm == oid!(1.2.840.113549.1.12.1.3)
        || algorithm == oid!(1.2.840.113549.1.12.1.6)
    {
        // PBE-SHA1-3DES and PBE-SHA1-RC2-40 are those of PKCS #12.
        let archive = Pkcs12Archive::from_pkcs12(&archive_of(der), password);
        let key = archive.ok().and_then(|archive| archive.keys.into_iter().next());
        Ok(key.ok_or(KeyError::Password)?.key.as_der().to_vec())
    } else {
        let names = [
            (oid!(1.2.840.113549.1.5.3), "PBE-MD5-DES"),
            (oid!(1.2.840.113549.1.5.10), "PBE-SHA1-DES"),
            (oid!(1.2.840.113549.1.12.1.1), "PBE-SHA1-RC4-128"),
            (oid!(1.2.840.113549.1.12.1.2), "PBE-SHA1-RC4-40"),
            (oid!(1.2.840.113549.1.12.1.4), "PBE-SHA1-2DES"),
            (oid!(1.2.840.113549.1.12.1.5), "PBE-SHA1-RC2-128"),
        ];
        let name = names.into_iter().find(|(known, _)| *known == algorithm);
        Err(KeyError::Unsupported(name.map_or_else(|| algorithm.to_string(), |n| n.1.to_owned())))
    }
}

/// `EncryptedPrivateKeyInfo ::= SEQUENCE { SEQUENCE { algorithm, parameters }, OCTET STRING }`.
fn algorithm(der: &[u8]) -> Option<Oid<'_>> {
    let (_, info) = Any::from_der(der).ok()?;
    let (data, encryption) = Any::from_der(info.data).ok()?;
    let (_, algorithm) = Any::from_der(encryption.data).ok()?;
    let (rest, _) = Any::from_der(data).ok()?;
    let sequences = [&info, &encryption].iter().all(|any| any.tag() == Tag::Sequence);
    if sequences && rest.is_empty() { algorithm.oid().ok() } else { None }
}

/// A PKCS #12 archive with nothing but this key (RFC 7292 §4).
fn archive_of(key: &[u8]) -> Vec<u8> {
    /// 1.2.840.113549.1.7.1, `data`.
    const DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    /// 1.2.840.113549.1.12.10.1.2, `pkcs8ShroudedKeyBag`.
    const KEY_BAG: &[u8] = &[0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];
    const VERSION: &[u8] = &[0x02, 1, 3];
    let sequence = |parts: &[&[u8]]| element(0x30, parts);
    let explicit = |content: &[u8]| element(0xa0, &[content]);
    let data = |content: &[u8]| sequence(&[DATA, &explicit(&element(0x04, &[content]))]);
    let bags = sequence(&[&sequence(&[KEY_BAG, &explicit(key)])]);
    sequence(&[VERSION, &data(&sequence(&[&data(&bags)]))])
}

/// An element of DER: its tag, the length of its contents and they.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match (length.as_slice(), u8::try_from(length.len())) {
        ([], _) => out.push(0),
        ([short], _) if *short < 0x80 => out.push(*short),
        (long, count) => {
            // At most the eight bytes of a usize.
            out.push(0x80 | count.unwrap_or_default());
            out.extend(long);
        }
    }
    out.extend(content);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::tls::pem;

    /// See its first line.
    const KEYS: &str = include_str!("testdata/encrypted_keys.pem");

    fn key(made_with: &str) -> Vec<u8> {
        let (_, text) = KEYS.split_once(&format!("# {made_with}\n")).unwrap();
        pem::blocks(text).unwrap().swap_remove(0).der
    }

    #[test]
    fn openssls_ways_to_encrypt() {
        let plain = decrypt(&key("-v2 aes256"), "secret1").unwrap();
        for made_with in [
            "-v1 PBE-SHA1-3DES",
            "-v1 PBE-SHA1-RC2-40",
            "-v2 des3",
            "-v2 aes256 -v2prf hmacWithSHA1",
        ] {
            let der = key(made_with);
            assert_eq!(decrypt(&der, "secret1").as_ref(), Ok(&plain), "{made_with}");
            assert_eq!(decrypt(&der, "other"), Err(KeyError::Password), "{made_with}");
        }
        for (made_with, name) in
            [("-v1 PBE-MD5-DES", "PBE-MD5-DES"), ("-v2 des", "PBES2 with an old cipher")]
        {
            let unsupported = Err(KeyError::Unsupported(name.to_owned()));
            assert_eq!(decrypt(&key(made_with), "secret1"), unsupported);
        }
        for cut in 0..20 {
            assert_eq!(decrypt(&key("-v2 des3")[..cut], "secret1"), Err(KeyError::Damaged));
        }
    }

    #[test]
    fn lengths_of_every_size() {
        for (length, head) in
            [(0, vec![0]), (127, vec![127]), (128, vec![0x81, 128]), (256, vec![0x82, 1, 0])]
        {
            let found = element(4, &[&vec![7; length]]);
            assert_eq!(found[..=head.len()], [vec![4], head].concat());
        }
    }
}
