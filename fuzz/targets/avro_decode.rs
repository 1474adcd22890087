//! Records of the format `avro`, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::avro_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("avro_decode", brooklet::fuzzing_formats::avro_decode);
}
