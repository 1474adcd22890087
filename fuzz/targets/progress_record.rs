//! Progress records of exactly-once jobs, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing::progress_record(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("progress_record", brooklet::fuzzing::progress_record);
}
