//! Schemas and records of the format `avro-confluent`, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::avro_confluent_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay(
        "avro_confluent_decode",
        brooklet::fuzzing_formats::avro_confluent_decode,
    );
}
