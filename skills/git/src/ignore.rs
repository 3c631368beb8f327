//! Which files Git is told to pass over. Pure. Source: Git's `gitignore`.

/// The lines of one file `.gitignore`, which lies in `folder`: `` or e.g. `src/`.
pub struct Rules {
    folder: String,
    rules: Vec<Rule>,
}

struct Rule {
    pattern: String,
    /// Whether it takes back what an earlier rule says.
    keeps: bool,
    only_folders: bool,
    /// Whether it is about one place and not about a name anywhere.
    is_path: bool,
}

impl Rules {
    pub fn parse(folder: &str, text: &str) -> Rules {
        Rules { folder: folder.to_owned(), rules: text.lines().filter_map(Rule::parse).collect() }
    }

    /// Whether the path is passed over; `None` if these rules say nothing about it.
    fn say(&self, path: &str, is_folder: bool) -> Option<bool> {
        let path = path.strip_prefix(&self.folder)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let covers = |rule: &&Rule| {
            let text = if rule.is_path { path } else { name };
            (is_folder || !rule.only_folders) && fits(rule.pattern.as_bytes(), text.as_bytes())
        };
        self.rules.iter().rev().find(covers).map(|rule| !rule.keeps)
    }
}

/// Whether a path is passed over: the rules that are nearest to it come last, and the last that says something counts.
pub fn is_ignored(rules: &[Rules], path: &str, is_folder: bool) -> bool {
    rules.iter().rev().find_map(|rules| rules.say(path, is_folder)).unwrap_or(false)
}

impl Rule {
    fn parse(line: &str) -> Option<Rule> {
        let line = line.trim_end_matches('\r');
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (line, keeps) = line.strip_prefix('!').map_or((line, false), |line| (line, true));
        let (line, only_folders) = line.strip_suffix('/').map_or((line, false), |line| (line, true));
        let pattern = line.strip_prefix('/').unwrap_or(line).to_owned();
        Some(Rule { pattern, keeps, only_folders, is_path: line.contains('/') })
    }
}

/// Whether a pattern fits a path as a whole.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', b'/', rest @ ..] => {
            let below = text.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &text[at + 1..]);
            fits(rest, text) || below.into_iter().any(|below| fits(rest, below))
        }
        [b'/', b'*', b'*'] => text.len() > 1 && text[0] == b'/',
        [b'*', rest @ ..] => {
            let name = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=name).any(|at| fits(rest, &text[at..]))
        }
        [b'?', rest @ ..] => text.first().is_some_and(|byte| *byte != b'/') && fits(rest, &text[1..]),
        [b'[', rest @ ..] => match text.split_first() {
            Some((byte, text)) if *byte != b'/' => one_of(rest, *byte).is_some_and(|rest| fits(rest, text)),
            _ => false,
        },
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => text.first() == Some(byte) && fits(rest, &text[1..]),
    }
}

/// What comes after a list such as `a-z]` or `!0-9]`, if the byte is in it.
fn one_of(list: &[u8], byte: u8) -> Option<&[u8]> {
    let (mut list, others) = match list {
        [b'!' | b'^', rest @ ..] => (rest, true),
        _ => (list, false),
    };
    let (mut found, mut is_first) = (false, true);
    loop {
        list = match list {
            [b']', rest @ ..] if !is_first => return (found != others).then_some(rest),
            [from, b'-', to, rest @ ..] if *to != b']' => {
                found |= (*from..=*to).contains(&byte);
                rest
            }
            [b'\\', one, rest @ ..] | [one, rest @ ..] => {
                found |= *one == byte;
                rest
            }
            [] => return None,
        };
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &str, ignored: &[&str], kept: &[&str]) {
        let rules = [Rules::parse("", rules)];
        let is_ignored = |path: &str| is_ignored(&rules, path.trim_end_matches('/'), path.ends_with('/'));
        ignored.iter().for_each(|path| assert!(is_ignored(path), "{path} is kept"));
        kept.iter().for_each(|path| assert!(!is_ignored(path), "{path} is ignored"));
    }

    #[test]
    fn rules_fit_names_places_and_folders() {
        check("*.log\n!keep.log\n", &["a.log", "x/b.log"], &["keep.log", "x/keep.log", "a.logs"]);
        check("/target\nbuild/\n", &["target", "target/", "build/", "x/build/"], &["x/target", "build"]);
        check(
            "doc/*.txt\n**/tmp\nlogs/**\na/**/b\n",
            &["doc/a.txt", "tmp", "x/tmp", "logs/a/b", "a/b", "a/x/y/b"],
            &["x/doc/a.txt", "doc/x/a.txt", "logs"],
        );
        check("[a-c]?.[!0-9]\n\\#x\n# y\n  \n", &["bx.c", "#x"], &["dx.c", "b/.c", "bx.1", "# y", " "]);
        check("[\n[]\n[a-\n*[\n", &[], &["a", "x"]);
    }

    #[test]
    fn nearer_rules_come_last() {
        let rules = [Rules::parse("", "*.o\n"), Rules::parse("lib/", "!/a.o\n")];
        assert!(is_ignored(&rules, "a.o", false) && is_ignored(&rules, "lib/x/a.o", false));
        assert!(!is_ignored(&rules, "lib/a.o", false));
    }
}
