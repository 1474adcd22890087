//! The `brooklet` program: parse arguments, run, exit code.

fn main() {}
