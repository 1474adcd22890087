//! Records of the format `raw`, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::raw_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("raw_decode", brooklet::fuzzing_formats::raw_decode);
}
