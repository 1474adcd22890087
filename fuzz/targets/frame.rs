//! A stream of requests, as a broker receives it.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing::frame(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("frame", brooklet_kafka::fuzzing::frame);
}
