//! One input: random bytes, or an example with a few things changed.

use crate::rng::Rng;

const MAX_RANDOM_BYTES: usize = 200;
const MAX_CHANGES: usize = 6;
/// Numbers at which lengths and counts go wrong.
const ODD_BYTES: [u8; 10] = [0, 1, 2, 0x0a, 0x2f, 0x3f, 0x7f, 0x80, 0xfe, 0xff];

pub(super) fn generate(rng: &mut Rng, examples: &[Vec<u8>]) -> Vec<u8> {
    if examples.is_empty() || rng.below(4) == 0 {
        return (0..rng.below(MAX_RANDOM_BYTES)).map(|_| rng.byte()).collect();
    }
    let mut input = rng.pick(examples).clone();
    for _ in 0..=rng.below(MAX_CHANGES) {
        change(rng, &mut input, examples);
    }
    input
}

fn change(rng: &mut Rng, input: &mut Vec<u8>, examples: &[Vec<u8>]) {
    let at = rng.below(input.len());
    let end = at + rng.below(input.len() - at);
    match rng.below(7) {
        0 if !input.is_empty() => input[at] ^= 1 << rng.below(8),
        1 if !input.is_empty() => input[at] = *rng.pick(&ODD_BYTES),
        2 => input.insert(at, *rng.pick(&ODD_BYTES)),
        3 => drop(input.drain(at..end)),
        4 => input.truncate(end),
        5 => {
            let repeated = input[at..end].to_vec();
            input.splice(at..at, repeated);
        }
        _ => {
            let other = rng.pick(examples);
            let from = rng.below(other.len());
            let to = from + rng.below(other.len() - from);
            input.splice(at..end, other[from..to].iter().copied());
        }
    }
}
