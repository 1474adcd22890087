//! One folder or file per connector. A new one is a file here and a line in `registry`.

pub mod blackhole;
pub mod datagen;
pub mod kafka;
pub mod print;
