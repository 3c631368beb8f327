use super::*;

#[test]
fn a_frame_reads_back_as_it_was_written() {
    let bytes = encode(&ToWorker::Body { id: 7, effect: 2, part: BodyPart::Chunk(vec![1, 2, 3]) }).unwrap();
    let frame: ToWorker = read(&mut &bytes[..]).unwrap().unwrap();
    assert!(matches!(frame, ToWorker::Body { id: 7, effect: 2, part: BodyPart::Chunk(chunk) } if chunk == [1, 2, 3]));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_allocated() {
    let bytes = u32::MAX.to_le_bytes();
    assert!(read::<FromWorker>(&mut &bytes[..]).is_err());
}

#[test]
fn bytes_after_a_frame_and_cut_frames_are_refused() {
    let mut bytes = encode(&ToWorker::Cancel { id: 1 }).unwrap();
    bytes.push(0);
    bytes[0] += 1;
    assert!(read::<ToWorker>(&mut &bytes[..]).is_err());
    let whole = encode(&ToWorker::Cancel { id: 300 }).unwrap();
    for cut in 1..whole.len() {
        let read = read::<ToWorker>(&mut &whole[..cut]);
        assert!(matches!(read, Err(_) | Ok(None)), "{cut}");
    }
}

/// A hostile worker can send anything: no bytes may panic the host or make it allocate much.
#[test]
fn arbitrary_bytes_never_panic_the_decoder() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..(round % 40) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push((state >> 33) as u8);
        }
        let _ = decode::<FromWorker>(&bytes);
        let _ = decode::<ToWorker>(&bytes);
    }
}
