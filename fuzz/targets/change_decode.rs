//! Records of the formats that hold changes in JSON envelopes, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::change_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("change_decode", brooklet::fuzzing_formats::change_decode);
}
