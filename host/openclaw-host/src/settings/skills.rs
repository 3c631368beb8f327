//! The section `skills`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::SkillSettings;
use super::env::{self, Env};
use super::issue::Issue;
use super::resolve::{Merge, Origin};
use crate::home::DEFAULT_NAME;
use crate::skills;

impl Merge<'_> {
    pub(super) fn skills(&mut self, home: &Path, env: &Env) -> SkillSettings {
        let file = &self.file.config.skills;
        let user_home = env.get(env::USER_HOME).map(PathBuf::from);
        let is_default = user_home.as_ref().is_some_and(|user_home| user_home.join(DEFAULT_NAME) == home);
        let mut extra_dirs = Vec::new();
        for (index, written) in file.load.extra_dirs.iter().enumerate() {
            let place = format!("skills.load.extraDirs[{index}]");
            match extra_dir(written, home, user_home.as_deref()) {
                Ok(path) => {
                    self.note(place, json!(path.display().to_string()), Origin::File);
                    extra_dirs.push(path);
                }
                Err(why) => self.complain(Issue::error(place, why)),
            }
        }
        let entries = file.entries.iter().filter_map(|(name, entry)| Some((name.clone(), entry.enabled?)));
        let enabled: BTreeMap<String, bool> = entries.collect();
        for (name, enabled) in &enabled {
            self.note(format!("skills.entries.{name}.enabled"), enabled, Origin::File);
        }
        let grants = self.skill_grants();
        let prompt = self.plain("skills.limits.maxSkillsPromptChars", file.limits.max_skills_prompt_chars);
        SkillSettings {
            personal: user_home.as_ref().filter(|_| is_default).map(|user_home| user_home.join(".agents/skills")),
            user_home,
            extra_dirs,
            enabled,
            grants,
            prompt_bytes: usize::try_from(prompt).unwrap_or(usize::MAX),
            config: serde_json::to_value(&self.file.config).expect("settings: the configuration is JSON"),
        }
    }

    fn skill_grants(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut granted = BTreeMap::new();
        for (name, entry) in &self.file.config.skills.entries {
            for (index, text) in entry.grants.iter().enumerate() {
                let place = format!("skills.entries.{name}.grants[{index}]");
                match skills::parse_own_grant(text, Path::new("/skill")) {
                    Ok(_) => self.note(place, text, Origin::File),
                    Err(why) => self.complain(Issue::error(place, why)),
                }
            }
            if !entry.grants.is_empty() {
                granted.insert(name.clone(), entry.grants.clone());
            }
        }
        granted
    }
}

/// A folder that can be looked through for skills. Whatever lies in a skill's folder can be read by the tool `skill`, so
/// it may hold neither the host's home nor the user's.
fn extra_dir(written: &Path, home: &Path, user_home: Option<&Path>) -> Result<PathBuf, String> {
    let path = match (written.strip_prefix("~"), user_home) {
        (Ok(rest), Some(user_home)) => user_home.join(rest),
        _ => written.to_owned(),
    };
    if !path.is_absolute() {
        return Err(format!("`{}` is not absolute; write the whole path, or `~/…`", written.display()));
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (there, home) = (real(&path), real(home));
    if home.starts_with(&there) || there.starts_with(&home) {
        return Err(format!("`{}` is, holds or lies in the host's own home", there.display()));
    }
    if user_home.is_some_and(|user_home| real(user_home).starts_with(&there)) {
        return Err(format!("`{}` is or holds your whole home directory; name a folder in it", there.display()));
    }
    Ok(path)
}
