#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| claw_policy::fuzz::grant(data));
