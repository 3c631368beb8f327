use tempfile::TempDir;

use super::*;

/// A folder with a database of people.
fn people() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("people.db");
    let connection = Connection::open(&file).unwrap();
    let sql = "CREATE TABLE people (name TEXT, age INTEGER); INSERT INTO people VALUES ('Ada', 36), ('Grace', NULL)";
    connection.execute_batch(sql).unwrap();
    (folder, file)
}

#[track_caller]
fn why_not(files: &[PathBuf], sql: &str) -> String {
    match answer(files, sql, &[], None) {
        Err(ToolError::InvalidArguments(why) | ToolError::Limit(why)) => why,
        Err(ToolError::Failed(failure)) => failure.message,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn a_database_is_asked_with_values() {
    let (_folder, file) = people();
    let ask = |sql: &str, params: &[Param], limit| answer(std::slice::from_ref(&file), sql, params, limit).unwrap();
    let adults = ask("SELECT name, age FROM people WHERE age > ?1", &[Param::Integer(18)], None);
    assert_eq!(adults, "name | age\nAda | 36\n(1 rows)\n");
    let all = ask("SELECT name, age, x'00ff', 1.5 FROM people WHERE ?1 IS NULL", &[Param::Null], Some(1));
    assert_eq!(all, "name | age | x'00ff' | 1.5\nAda | 36 | (2 bytes) | 1.5\n... and more rows than these 1\n");
    assert!(ask("PRAGMA table_info(people)", &[], None).contains("age | INTEGER"));
    assert!(ask("SELECT ?1", &[Param::Text("it's; DROP TABLE people".into())], None).contains("it's; DROP"));
}

#[test]
fn tables_in_csv_are_joined() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let files = [file("sales.csv", "city;amount\nB;10\nL;9\nB;2.5\n"), file("my cities.csv", "code,name\nB,Berlin\n")];
    let sql = "SELECT name, sum(amount) AS total FROM sales JOIN \"my cities\" ON city = code GROUP BY name";
    assert_eq!(answer(&files, sql, &[], None).unwrap(), "name | total\nBerlin | 12.5\n(1 rows)\n");
    assert!(why_not(&files[..1], "SELECT * FROM nowhere").contains("no such table: nowhere"));
    let (_folder, database) = people();
    assert!(why_not(&[database, files[0].clone()], "SELECT 1").contains("a database is asked alone"));
}

#[test]
fn a_file_may_have_any_name() {
    let (folder, file) = people();
    for name in ["a?b=c.db", "50%20.db", "a#b.db", "ä '\".db"] {
        let other = folder.path().join(name);
        fs::copy(&file, &other).unwrap();
        assert!(answer(&[other], "SELECT name FROM people", &[], None).unwrap().contains("Ada"), "{name}");
    }
}

#[test]
fn nothing_is_changed() {
    let (folder, file) = people();
    let before = fs::read(&file).unwrap();
    let other = folder.path().join("other.db").display().to_string();
    let changes = [
        "DELETE FROM people".to_owned(),
        "CREATE TABLE x (y)".to_owned(),
        "PRAGMA user_version = 3".to_owned(),
        "PRAGMA journal_mode = wal".to_owned(),
        format!("ATTACH '{other}' AS other"),
        format!("VACUUM INTO '{other}'"),
        "SELECT 1; DELETE FROM people".to_owned(),
        "SELECT load_extension('x')".to_owned(),
    ];
    for sql in changes {
        let said = answer(std::slice::from_ref(&file), &sql, &[], None);
        assert!(said.is_err() || sql.starts_with("PRAGMA journal_mode"), "{sql}: {said:?}");
        assert_eq!(fs::read(&file).unwrap(), before, "{sql}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_answer_has_an_end() {
    let (_folder, file) = people();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT hex(zeroblob(100000)) FROM n";
    let many = answer(std::slice::from_ref(&file), endless, &[], Some(1000)).unwrap();
    assert!(many.len() < MAX_TEXT_BYTES + 2 * MAX_VALUE_BYTES && many.contains("and more rows"), "{}", many.len());
    assert!(answer(&[file], "SELECT 1", &[], Some(1001)).is_err());
}

#[test]
fn what_is_in_a_write_ahead_log_is_read() {
    let (folder, file) = people();
    let writer = Connection::open(&file).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    writer.execute("INSERT INTO people VALUES ('Mary', 50)", []).unwrap();
    assert!(folder.path().join("people.db-wal").metadata().unwrap().len() > 0);
    let said = answer(&[file], "SELECT count(*) AS all_of_them FROM people", &[], None).unwrap();
    assert_eq!(said, "all_of_them\n3\n(1 rows)\n");
    writer.execute("INSERT INTO people VALUES ('Rosa', 40)", []).expect("it is not locked out");
}

#[test]
fn what_was_cut_off_is_not_read_as_if_it_were_whole() {
    let (folder, file) = people();
    let writer = Connection::open(&file).unwrap();
    writer.execute_batch("PRAGMA cache_size = 1; BEGIN; PRAGMA cache_spill = 1").unwrap();
    let fill = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 5000) \
                INSERT INTO people SELECT hex(randomblob(50)), x FROM n";
    writer.execute(fill, []).unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(&file, &copy).unwrap();
    fs::copy(folder.path().join("people.db-journal"), folder.path().join("copy.db-journal")).unwrap();
    let why = why_not(&[copy], "SELECT count(*) FROM people");
    assert!(why.contains("another program has not finished a change"), "{why}");
    fs::write(folder.path().join("copy.db-journal"), [0; 512]).unwrap();
    assert!(answer(&[folder.path().join("copy.db")], "SELECT 1", &[], None).is_ok(), "a journal that was finished");
}

#[test]
fn a_damaged_database_is_an_error() {
    let (_folder, file) = people();
    let mut bytes = fs::read(&file).unwrap();
    bytes[100..].fill(0xa5);
    fs::write(&file, &bytes).unwrap();
    assert!(why_not(std::slice::from_ref(&file), "SELECT * FROM people").contains("malformed"));
    fs::write(&file, &bytes[..50]).unwrap();
    assert!(!why_not(&[file], "SELECT * FROM people").is_empty());
}
