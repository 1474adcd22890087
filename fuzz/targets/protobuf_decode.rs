//! Records of the format `protobuf`, in any bytes.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet::fuzzing_formats::protobuf_decode(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("protobuf_decode", brooklet::fuzzing_formats::protobuf_decode);
}
