use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::access::exposed;
use super::*;
use crate::settings::env;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_home_is_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/home");
    let home = Home::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    for folder in [home.logs(), home.cache(), home.scratch(), home.policies()] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&home.token_path()), 0o600);
}

#[test]
fn the_token_is_made_once_from_32_random_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = Home::open(&folder.path().join("a")).unwrap();
    let again = Home::open(&folder.path().join("a")).unwrap();
    let other = Home::open(&folder.path().join("b")).unwrap();
    // 32 bytes are 43 characters of base64url.
    assert_eq!(first.token().expose().len(), 43);
    assert_eq!(first.token(), again.token());
    assert_ne!(first.token(), other.token());
    let names: Vec<_> = fs::read_dir(first.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{names:?}");
}

#[test]
fn a_home_that_others_could_change_is_refused_with_the_command_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    Home::open(&path).unwrap();
    set_mode(&path, 0o775);
    let err = Home::open(&path).unwrap_err();
    assert_eq!(err.to_string(), format!("`{}` can be changed by other users (mode 0775)", path.display()));
    assert_eq!(err.hint(), format!("run `chmod go-w {}`", path.display()));
}

#[test]
fn a_token_that_others_can_read_is_refused_with_the_command_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    set_mode(&home.token_path(), 0o640);
    let err = Home::open(folder.path()).unwrap_err();
    assert_eq!(err.to_string(), format!("`{}` can be read by other users (mode 0640)", home.token_path().display()));
    assert_eq!(err.hint(), format!("run `chmod 600 {}`", home.token_path().display()));
}

#[test]
fn an_empty_or_short_token_is_refused() {
    // GW-01
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    for text in ["", "\n", "changeme", "a token with spaces in it, long enough"] {
        fs::write(home.token_path(), text).unwrap();
        assert!(matches!(Home::open(folder.path()), Err(HomeError::NoToken { .. })), "{text:?}");
    }
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    assert_eq!(exposed(1000, 0o700, 1001, Rule::NotWritable), Some(Exposure::Foreign(1000)));
    // Not even root takes over the home of a user: it would leave files there that the user cannot change.
    assert_eq!(exposed(1000, 0o700, 0, Rule::NotWritable), Some(Exposure::Foreign(1000)));
    assert_eq!(exposed(1000, 0o755, 1000, Rule::NotWritable), None);
    assert_eq!(exposed(1000, 0o755, 1000, Rule::Private), Some(Exposure::Readable(0o755)));
    assert_eq!(exposed(1000, 0o702, 1000, Rule::Private), Some(Exposure::Writable(0o702)));
    assert_eq!(exposed(1000, 0o700, 1000, Rule::Private), None);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let err = Home::open(&path).unwrap_err();
    assert_eq!(err.to_string(), format!("`{}` is not a folder", path.display()));
}

#[test]
fn the_workspace_gets_templates_once_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let workspace = folder.path().join("workspace");
    home.prepare_workspace(&workspace).unwrap();
    for (name, text) in TEMPLATES {
        assert_eq!(fs::read_to_string(workspace.join(name)).unwrap(), text);
    }
    fs::write(workspace.join("SOUL.md"), "mine").unwrap();
    fs::remove_file(workspace.join("USER.md")).unwrap();
    home.prepare_workspace(&workspace).unwrap();
    assert_eq!(fs::read_to_string(workspace.join("SOUL.md")).unwrap(), "mine");
    assert!(!workspace.join("USER.md").exists());
}

#[test]
fn the_flag_wins_over_the_variable_and_that_over_the_default() {
    let default = (env::USER_HOME, "/home/o");
    let variable = (env::HOST_HOME, "/srv/host");
    let locate = |flag: Option<&str>, pairs: &[(&str, &str)]| {
        locate(flag.map(Path::new), &Env::from_pairs(pairs.iter().copied()))
    };
    assert_eq!(locate(None, &[default]).unwrap(), Path::new("/home/o/.openclaw-host"));
    assert_eq!(locate(None, &[default, variable]).unwrap(), Path::new("/srv/host"));
    assert_eq!(locate(Some("/tmp/h"), &[default, variable]).unwrap(), Path::new("/tmp/h"));
    assert!(matches!(locate(None, &[]), Err(HomeError::Nowhere)));
}

#[test]
fn the_running_host_is_found_until_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let announcement = home.announce("0.0.0.0:4711".parse().unwrap()).unwrap();
    assert_eq!(mode(&folder.path().join("run.json")), 0o600);
    let found = RunFile::read(folder.path()).unwrap().unwrap();
    // "All interfaces" is an address to listen on, not to connect to.
    assert_eq!(found.url, "ws://127.0.0.1:4711");
    assert!(found.is_alive());
    drop(announcement);
    assert_eq!(RunFile::read(folder.path()).unwrap(), None);
}

#[test]
fn a_run_file_that_others_could_have_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let _announcement = home.announce("[::]:1".parse().unwrap()).unwrap();
    set_mode(&folder.path().join("run.json"), 0o666);
    assert!(matches!(RunFile::read(folder.path()), Err(HomeError::Exposed { .. })));
}

#[test]
fn a_run_file_outlives_its_process_without_being_believed() {
    // The largest process id that Linux gives is far below this one.
    let gone = RunFile { pid: i32::MAX as u32, url: String::new(), token_file: PathBuf::new() };
    assert!(!gone.is_alive());
    assert!(!RunFile { pid: 0, ..gone.clone() }.is_alive());
    assert!(!RunFile { pid: u32::MAX, ..gone }.is_alive());
}

#[test]
fn what_calls_left_behind_is_removed_and_the_components_own_folders_stay() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(&folder.path().join("home")).unwrap();
    fs::create_dir_all(home.scratch().join("call-x/deep")).unwrap();
    fs::write(home.scratch().join("call-x/deep/file"), "left").unwrap();
    fs::write(home.scratch().join("file"), "left").unwrap();
    fs::create_dir_all(home.component_scratch().join("notes")).unwrap();
    fs::write(home.component_scratch().join("notes/kept"), "kept").unwrap();
    home.empty_scratch();
    let left: Vec<_> = fs::read_dir(home.scratch()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["components"]);
    assert_eq!(fs::read_to_string(home.component_scratch().join("notes/kept")).unwrap(), "kept");
}
