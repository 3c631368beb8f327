use super::*;

#[test]
fn scopes_say_exactly_what_was_asked() {
    let Scope::Fs(fs) = workspace(Access::Read) else { panic!("not fs") };
    assert_eq!((fs.folder.as_str(), fs.access), ("workspace", Access::Read));

    let Scope::Http(http) = http("https://*.example.test", &["GET", "HEAD"]) else { panic!("not http") };
    assert_eq!(http.pattern, "https://*.example.test");
    assert_eq!(http.methods, ["GET", "HEAD"]);

    let Scope::Exec(argv) = exec(&["git", "**"]) else { panic!("not exec") };
    assert_eq!(argv, ["git", "**"]);
}
