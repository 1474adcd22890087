//! Record batches as a broker sends them.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_kafka::fuzzing_records::record_batch(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("record_batch", brooklet_kafka::fuzzing_records::record_batch);
}
