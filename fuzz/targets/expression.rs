//! An expression of Flink SQL, in any bytes: bound and evaluated.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing::expression(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("expression", brooklet::fuzzing::expression);
}
