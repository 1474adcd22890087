//! JAAS strings, PEM text and JKS files.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing::key_stores(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("key_stores", brooklet_kafka::fuzzing::key_stores);
}
