use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::StoreError;

fn blobs() -> (tempfile::TempDir, Blobs) {
    let home = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::new(home.path().join("blobs"));
    (home, blobs)
}

fn files(home: &tempfile::TempDir) -> usize {
    let folders = entries(&home.path().join("blobs")).unwrap();
    folders.iter().map(|folder| if folder.is_dir() { entries(folder).unwrap().len() } else { 1 }).sum()
}

#[tokio::test]
async fn bytes_come_back_by_their_digest_and_only_as_they_were() {
    let (home, blobs) = blobs();
    let mut batch = blobs.batch().await;
    let (one, same, empty) = (batch.put(b"one").unwrap(), batch.put(b"one").unwrap(), batch.put(b"").unwrap());
    assert_eq!(one, same);
    assert!(matches!(blobs.get(&one), Err(BlobError::Missing { .. })), "not before it is on the disk");
    let _kept = batch.keep().unwrap();
    assert_eq!((blobs.get(&one).unwrap(), blobs.get(&empty).unwrap()), (b"one".to_vec(), Vec::new()));
    assert_eq!(files(&home), 2);
    let path = place(&home.path().join("blobs"), &one);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::write(&path, "onE").unwrap();
    assert!(matches!(blobs.get(&one), Err(BlobError::Damaged { .. })));
    // A file that was cut short gets its content back.
    fs::write(&path, "").unwrap();
    let mut batch = blobs.batch().await;
    batch.put(b"one").unwrap();
    let _kept = batch.keep().unwrap();
    assert_eq!(blobs.get(&one).unwrap(), b"one");
}

#[tokio::test]
async fn many_are_kept_as_well_as_few() {
    let (home, blobs) = blobs();
    let mut batch = blobs.batch().await;
    let digests: Vec<_> = (0..100_u32).map(|number| batch.put(&number.to_le_bytes()).unwrap()).collect();
    let _kept = batch.keep().unwrap();
    assert_eq!(files(&home), 100);
    assert_eq!(blobs.get(&digests[77]).unwrap(), 77_u32.to_le_bytes());
}

#[tokio::test]
async fn what_nobody_names_is_swept_and_nothing_else() {
    let (home, blobs) = blobs();
    assert_eq!(blobs.sweep(|| Ok(BTreeSet::new())).await.unwrap(), Swept::default());
    let mut batch = blobs.batch().await;
    let (named, other) = (batch.put(b"named").unwrap(), batch.put(b"other").unwrap());
    let kept = batch.keep().unwrap();
    // Not while somebody is about to name them.
    let mut sweep = std::pin::pin!(blobs.sweep(move || Ok(BTreeSet::from([named]))));
    assert!(futures_now(sweep.as_mut()).is_none());
    drop(kept);
    assert_eq!(sweep.await.unwrap(), Swept { files: 1, bytes: 5 });
    assert_eq!(blobs.get(&named).unwrap(), b"named");
    assert!(matches!(blobs.get(&other), Err(BlobError::Missing { .. })));
    // What a crash has left goes, too; if the names cannot be read, nothing does.
    blobs.batch().await.put(b"cut off").unwrap();
    assert_eq!(files(&home), 2);
    assert!(blobs.sweep(|| Err(StoreError::Closed)).await.is_err());
    assert_eq!(files(&home), 2);
    assert_eq!(blobs.sweep(move || Ok(BTreeSet::from([named]))).await.unwrap().files, 1);
    assert_eq!(files(&home), 1);
}

/// What a future gives at once.
fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_copy_has_all_that_its_rows_name_and_no_sweep_comes_between() {
    let (home, blobs) = blobs();
    let mut batch = blobs.batch().await;
    let (one, two) = (batch.put(b"one").unwrap(), batch.put(b"two").unwrap());
    drop(batch.keep().unwrap());
    let to = home.path().join("backup/blobs");
    let sweeping = std::cell::Cell::new(None);
    let (told, is_copying) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let copying = blobs.copy_with(&to, move || {
        told.send(()).unwrap();
        may_go_on.recv().map_err(|_| StoreError::Closed)
    });
    let meanwhile = async {
        tokio::task::spawn_blocking(move || is_copying.recv().unwrap()).await.unwrap();
        let other = blobs.clone();
        let sweep = tokio::spawn(async move { other.sweep(|| Ok(BTreeSet::new())).await });
        // It has had its turn and waits.
        tokio::task::yield_now().await;
        assert!(!sweep.is_finished());
        sweeping.set(Some(sweep));
        go_on.send(()).unwrap();
    };
    let (copied, ()) = tokio::join!(copying, meanwhile);
    copied.unwrap();
    assert_eq!(sweeping.take().unwrap().await.unwrap().unwrap().files, 2);
    let copy = Blobs::new(to.clone());
    assert_eq!((copy.get(&one).unwrap(), copy.get(&two).unwrap()), (b"one".to_vec(), b"two".to_vec()));
    let failed = blobs.copy_with(&to, || Err(StoreError::Closed)).await;
    assert!(matches!(failed, Err(BlobError::Names(StoreError::Closed))), "{failed:?}");
}
