//! Is a program: it exports `wasi:cli/run` and nothing else.

fn main() {
    println!("nobody runs this");
}
