//! Compressed record sections.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing_records::codecs(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("codecs", brooklet_kafka::fuzzing_records::codecs);
}
