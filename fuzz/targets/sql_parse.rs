//! A script of Flink SQL, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing::sql_parse(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("sql_parse", brooklet::fuzzing::sql_parse);
}
