//! The integration tests of brooklet: one binary.
