//! Requests and connections on a network of their own, with the real resolver and the real addresses: the program
//! moves into a fresh network namespace, gives itself the addresses that must not be reached, and listens there.

mod cases;
mod guest;
#[path = "../harness.rs"]
mod harness;
mod network;
mod servers;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if !args.contains(&"--list") {
        network::enter();
    }
    harness::run(&args, cases::ALL)
}
