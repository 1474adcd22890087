//! Shared by the proofs of the wire codecs; each uses a part.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses another part")]

pub mod maven;
pub mod sample;
