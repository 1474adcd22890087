//! JKS, the key store format of Java up to version 8 (`sun.security.provider.JavaKeyStore` and
//! `KeyProtector`). No crate of some age reads it.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use std::fmt;

use aws_lc_rs::{constant_time, digest};

/// First bytes of every JKS file.
pub(super) const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// The same of a JCEKS file, which needs ciphers that nothing else uses.
pub(super) const MAGIC_JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

const KEY_ENTRY: u32 = 1;
const CERTIFICATE_ENTRY: u32 = 2;
const HASH_BYTES: usize = 20;
/// Mixed into the checksum of the file; the value is Java's.
const WHITENER: &[u8] = b"Mighty Aphrodite";
/// DER of the object identifier 1.3.6.1.4.1.42.2.17.1.1: Sun's way to protect a key.
const PROTECTOR_OID: &[u8] =
    &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Jks {
    /// Trusted certificates, DER.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) keys: Vec<Key>,
}

/// A private key, still encrypted.
pub(super) struct Key {
    protected: Vec<u8>,
    /// From the key's own certificate upwards, DER.
    pub(super) chain: Vec<Vec<u8>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JksError {
    /// The bytes are not JKS, or cut off.
    Damaged,
    /// The checksum is another one: the password is wrong, or the bytes changed.
    Password,
}

impl Jks {
    /// Reads a file. Without a password its checksum is not looked at, as in Java.
    pub(super) fn parse(bytes: &[u8], password: Option<&str>) -> Result<Self, JksError> {
        let (content, checksum) = bytes
            .len()
            .checked_sub(HASH_BYTES)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or(JksError::Damaged)?;
        let mut reader = Reader(content);
        if reader.take(4)? != MAGIC {
            return Err(JksError::Damaged);
        }
        if let Some(password) = password {
            let expected = sha1(&[&utf16(password), WHITENER, content]);
            constant_time::verify_slices_are_equal(checksum, &expected)
                .map_err(|_| JksError::Password)?;
        }
        let version = reader.u32()?;
        if !matches!(version, 1 | 2) {
            return Err(JksError::Damaged);
        }
        let mut found = Self::default();
        for _ in 0..reader.u32()? {
            let tag = reader.u32()?;
            reader.text()?;
            // When the entry was made.
            reader.take(8)?;
            match tag {
                KEY_ENTRY => {
                    let protected = reader.block()?.to_vec();
                    let mut chain = Vec::new();
                    for _ in 0..reader.u32()? {
                        chain.push(reader.certificate(version)?);
                    }
                    found.keys.push(Key { protected, chain });
                }
                CERTIFICATE_ENTRY => found.certificates.push(reader.certificate(version)?),
                _ => return Err(JksError::Damaged),
            }
        }
        if reader.0.is_empty() { Ok(found) } else { Err(JksError::Damaged) }
    }
}

impl Key {
    /// The key as PKCS #8: XORed with a stream of SHA-1 blocks that begins with a salt, and behind
    /// it a checksum.
    pub(super) fn decrypt(&self, password: &str) -> Result<Vec<u8>, JksError> {
        let mut outer = Reader(&self.protected);
        let mut info = Reader(outer.der(0x30)?);
        let algorithm = info.der(0x30)?;
        if !algorithm.starts_with(PROTECTOR_OID) {
            return Err(JksError::Damaged);
        }
        let mut data = Reader(info.der(0x04)?);
        let salt = data.take(HASH_BYTES)?;
        let length = data.0.len().checked_sub(HASH_BYTES).ok_or(JksError::Damaged)?;
        let cipher = data.take(length)?;
        let password = utf16(password);
        let mut block = salt.to_vec();
        let mut plain = Vec::with_capacity(cipher.len());
        for chunk in cipher.chunks(HASH_BYTES) {
            block = sha1(&[&password, &block]);
            plain.extend(chunk.iter().zip(&block).map(|(byte, key)| byte ^ key));
        }
        constant_time::verify_slices_are_equal(data.0, &sha1(&[&password, &plain]))
            .map_err(|_| JksError::Password)?;
        Ok(plain)
    }
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Bytes that are left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], JksError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(JksError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, JksError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(JksError::Damaged)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    fn block(&mut self) -> Result<&'a [u8], JksError> {
        let length = usize::try_from(self.u32()?).map_err(|_| JksError::Damaged)?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a [u8], JksError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(JksError::Damaged)?;
        self.0 = rest;
        self.take(usize::from(u16::from_be_bytes(*taken)))
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, JksError> {
        if version == 2 && self.text()? != b"X.509" {
            return Err(JksError::Damaged);
        }
        Ok(self.block()?.to_vec())
    }

    /// The contents of a DER element with this tag.
    fn der(&mut self, tag: u8) -> Result<&'a [u8], JksError> {
        match self.take(2)? {
            [found, short] if *found == tag && *short < 0x80 => self.take(usize::from(*short)),
            [found, long] if *found == tag && matches!(long, 0x81..=0x83) => {
                let bytes = self.take(usize::from(*long & 0x7f))?;
                self.take(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
            }
            _ => Err(JksError::Damaged),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn with_checksum(content: &[u8], password: &str) -> Vec<u8> {
        let mut file = content.to_vec();
        file.extend(sha1(&[&utf16(password), WHITENER, content]));
        file
    }

    /// One trusted certificate (three bytes long) and one key, in the layout of version 2.
    fn sample(password: &str) -> Vec<u8> {
        let mut content = MAGIC.to_vec();
        content.extend([0, 0, 0, 2, 0, 0, 0, 2]);
        let certificate = b"\0\x05X.509\0\0\0\x03abc";
        content.extend(*b"\0\0\0\x02\0\x02ca\0\0\0\0\0\0\0\0");
        content.extend(certificate);
        content.extend(*b"\0\0\0\x01\0\x01k\0\0\0\0\0\0\0\0");
        let protected = protect(b"the private key, longer than one block", password);
        content.extend(u32::try_from(protected.len()).unwrap().to_be_bytes());
        content.extend(protected);
        content.extend([0, 0, 0, 1]);
        content.extend(certificate);
        with_checksum(&content, password)
    }

    fn protect(plain: &[u8], password: &str) -> Vec<u8> {
        let password = utf16(password);
        let mut block = vec![7; HASH_BYTES];
        let mut data = block.clone();
        for chunk in plain.chunks(HASH_BYTES) {
            block = sha1(&[&password, &block]);
            data.extend(chunk.iter().zip(&block).map(|(a, b)| a ^ b));
        }
        data.extend(sha1(&[&password, plain]));
        let mut algorithm = PROTECTOR_OID.to_vec();
        algorithm.extend([5, 0]);
        let mut info = vec![0x30, u8::try_from(algorithm.len()).unwrap()];
        info.extend(algorithm);
        info.extend([0x04, u8::try_from(data.len()).unwrap()]);
        info.extend(data);
        let mut outer = vec![0x30, 0x81, u8::try_from(info.len()).unwrap()];
        outer.extend(info);
        outer
    }

    #[test]
    fn entries_and_keys() {
        let found = Jks::parse(&sample("changeit"), Some("changeit")).unwrap();
        assert_eq!(found.certificates, [b"abc"]);
        assert_eq!(found.keys[0].chain, [b"abc"]);
        let key = found.keys[0].decrypt("changeit").unwrap();
        assert_eq!(key, b"the private key, longer than one block");
        assert_eq!(found.keys[0].decrypt("other"), Err(JksError::Password));
    }

    #[test]
    fn a_wrong_password_is_told_apart_and_none_is_allowed() {
        let file = sample("pässword");
        assert_eq!(Jks::parse(&file, Some("other")).unwrap_err(), JksError::Password);
        assert!(Jks::parse(&file, Some("pässword")).is_ok());
        assert!(Jks::parse(&file, None).is_ok());
    }

    #[test]
    fn any_cut_and_any_flip_is_an_error_or_a_value() {
        let file = sample("p");
        for cut in 0..file.len() {
            assert!(Jks::parse(&file[..cut], None).is_err(), "{cut}");
        }
        for at in 0..file.len() {
            let mut flipped = file.clone();
            flipped[at] ^= 0xff;
            if let Ok(found) = Jks::parse(&flipped, None) {
                for key in &found.keys {
                    drop(key.decrypt("p"));
                }
            }
            assert!(Jks::parse(&flipped, Some("p")).is_err(), "{at}");
        }
    }
}
