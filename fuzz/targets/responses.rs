//! One response, as a client receives it.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing::responses(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("responses", brooklet_kafka::fuzzing::responses);
}
