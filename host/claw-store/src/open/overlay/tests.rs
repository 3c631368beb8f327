use std::fs;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..20_000u64, proptest::collection::vec(any::<u8>(), 0..9000)).prop_map(|(at, data)| Op::Write(at, data)),
        (0..20_000u64).prop_map(Op::SetLen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_overlay_reads_as_if_the_file_had_been_written(
        start in proptest::collection::vec(any::<u8>(), 0..15_000),
        ops in proptest::collection::vec(op(), 0..12),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &start).unwrap();
        let overlay = Overlay::new(file.as_file()).unwrap();
        let mut model = start.clone();
        for op in ops {
            match op {
                Op::Write(at, data) => {
                    // The engine grows the file before it writes.
                    let end = at as usize + data.len();
                    if end > model.len() {
                        model.resize(end, 0);
                        overlay.set_len(end as u64).unwrap();
                    }
                    model[at as usize..end].copy_from_slice(&data);
                    overlay.write(at, &data).unwrap();
                }
                Op::SetLen(len) => {
                    model.resize(len as usize, 0);
                    overlay.set_len(len).unwrap();
                }
            }
            let mut read = vec![0; model.len()];
            overlay.read(0, &mut read).unwrap();
            prop_assert!(read == model);
            prop_assert!(overlay.read(1, &mut read).is_err() || read.is_empty());
        }
        prop_assert!(fs::read(file.path()).unwrap() == start);
    }
}
