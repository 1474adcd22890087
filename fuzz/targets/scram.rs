//! What a broker says during a SCRAM login.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing::scram(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("scram", brooklet_kafka::fuzzing::scram);
}
