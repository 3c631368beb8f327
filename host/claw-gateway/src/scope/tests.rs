use super::*;

#[test]
fn write_implies_read_and_talk_and_nothing_else() {
    let write = Scopes::of(&[Scope::Write]);
    let allowed: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| write.allows(*scope)).collect();
    assert_eq!(allowed, [Scope::Read, Scope::Write, Scope::Talk]);
}

#[test]
fn admin_implies_everything_and_nothing_implies_admin() {
    assert!(Scope::ALL.into_iter().all(|scope| Scopes::of(&[Scope::Admin]).allows(scope)));
    let rest: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin).collect();
    assert!(!Scopes::of(&rest).allows(Scope::Admin));
}

#[test]
fn unknown_scope_names_grant_nothing() {
    assert_eq!(Scopes::from_names(["admin", "operator.root", "operator.read"]), Scopes::of(&[Scope::Read]));
    assert_eq!(Scopes::NONE.names(), Vec::<&str>::new());
}
