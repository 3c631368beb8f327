//! What an owner lets be run of a skill's own files.
//!
//! Such a grant names a file of the skill, so it opens nothing but that file, and it counts while the skill is there, is
//! not turned off and has all that it needs. It is for a skill of the owner's own, by its name: a stranger's could take
//! the name of one that is gone, and any skill chooses its key itself. It is put beside the grants of the component that
//! asks, and goes no further than what that component declares and the policies allow.

use std::path::Path;
use std::sync::Arc;

use claw_core::effect::ExecPlan;
use claw_core::grant::Terms;
use claw_policy::{ExecGrant, Given, Grant, Subject};

use super::Skills;
use crate::host::Host;

/// The component that runs what the model wants run.
const EXEC: &str = "exec";
/// What stands for the skill's folder.
const BASE: &str = "{baseDir}";

impl Skills {
    /// The component with the grants that skills lend it for this program.
    pub async fn lend_grants(&self, host: &Host, subject: Arc<Subject>, plan: &ExecPlan) -> Arc<Subject> {
        let names_a_file = plan.argv.iter().any(|argument| argument.starts_with('/'));
        if self.settings.grants.is_empty() || !names_a_file || subject.component.as_str() != EXEC {
            return subject;
        }
        let shelf = self.shelf(host).await;
        let lent =
            shelf.skills.iter().filter(|skill| skill.is_eligible() && skill.source.is_owners()).flat_map(|skill| {
                let texts = self.settings.grants.get(&skill.name).into_iter().flatten();
                texts.filter_map(|text| parse(text, &skill.folder).ok())
            });
        let grants = subject.grants.iter().cloned().chain(lent).collect();
        Arc::new(Subject { grants, ..(*subject).clone() })
    }
}

/// Parses such a grant for a skill in `folder`.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(text: &str, folder: &Path) -> Result<Given, String> {
    let patterns =
        text.strip_prefix("exec ").ok_or("only programs can be granted here, like `exec {baseDir}/run.sh **`")?;
    let patterns: Vec<_> = patterns.split_whitespace().collect();
    let of_skill = |pattern: &&str| pattern.strip_prefix(BASE).is_some_and(|rest| rest.starts_with('/'));
    if !patterns.iter().any(of_skill) {
        return Err("it names no file of the skill, like `{baseDir}/run.sh`; grant other programs under `grants.exec`"
            .to_owned());
    }
    if patterns.iter().any(|pattern| pattern.split('/').any(|part| part == "..")) {
        return Err("`..` leads out of the skill".to_owned());
    }
    let folder = folder.to_str().ok_or("the path of the skill is no text")?;
    let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.replacen(BASE, folder, 1)).collect();
    let grant = ExecGrant::new(patterns.iter().map(String::as_str)).map_err(|err| err.to_string())?;
    Ok(Given { grant: Grant::Exec(grant), terms: Terms::default() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    #[test]
    fn an_own_grant_names_a_file_of_the_skill() {
        let parsed = |text: &str| parse(text, Path::new("/home/a b/skills/w")).map(|given| given.grant.to_string());
        assert!(parsed("exec {baseDir}/now.sh **").unwrap().contains("/home/a b/skills/w/now.sh"));
        assert!(parsed("exec python3 {baseDir}/now.py --city *").is_ok());
        for bad in
            ["exec curl *", "http https://a.example GET", "exec {baseDir} **", "exec {baseDir}/../x/run.sh", "exec"]
        {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
