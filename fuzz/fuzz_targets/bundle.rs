#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claw_package::fuzz::bundle(data));
