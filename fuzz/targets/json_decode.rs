//! Records of the format `json`, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::json_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("json_decode", brooklet::fuzzing_formats::json_decode);
}
