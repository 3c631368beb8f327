use crate::fixture::*;

#[tokio::test]
async fn grants_belong_to_one_build_of_a_component() {
    let (home, store) = store();
    store.put_grants(&component(), &digest(1), vec!["net https://a.example".to_owned()], "host", at(1)).await.unwrap();
    store.put_grants(&component(), &digest(1), vec!["net https://b.example".to_owned()], "host", at(2)).await.unwrap();
    let store = reopen(&home, store);
    assert_eq!(store.grants(&component(), &digest(1)).unwrap(), ["net https://b.example"]);
    assert!(store.grants(&component(), &digest(2)).unwrap().is_empty());
}
