//! A stream of requests to the dev broker.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| brooklet_devbroker::fuzzing::requests(data));

#[cfg(not(fuzzing))]
fn main() {
    brooklet_fuzz::replay("broker_requests", brooklet_devbroker::fuzzing::requests);
}
