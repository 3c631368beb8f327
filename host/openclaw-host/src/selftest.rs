//! `selftest --containment`: the walls, tried out on the running kernel by the program that relies on them.

use std::path::Path;

use claw_core::probe::{ProbeOutcome, ProbeResult};
use serde_json::json;

use crate::cli::{Exit, Failure, Output};

/// Tries the worker's wall and the wall around programs; the exit code is 0 only if every attempt was refused.
pub async fn containment(program: &Path, output: &Output) -> Result<Exit, Failure> {
    let folder = tempfile::tempdir()?;
    let mut results = claw_sandbox::containment_probe(program, folder.path()).await?;
    match claw_effects::containment_probe(program).await {
        Ok(programs) => results.extend(programs),
        Err(err) => results.push(ProbeResult {
            id: "P4".to_owned(),
            what: "programs run behind their walls".to_owned(),
            result: ProbeOutcome::Unsupported,
            detail: err.to_string(),
        }),
    }
    let passed = results.iter().all(|result| result.result == ProbeOutcome::Pass);
    output.data(&json!({ "results": results }), |_| in_words(&results))?;
    Ok(if passed { Exit::Ok } else { Exit::Failed })
}

fn in_words(results: &[ProbeResult]) -> String {
    let mut lines = Vec::new();
    let count = |wanted| results.iter().filter(|result| result.result == wanted).count();
    for result in results {
        let ProbeResult { id, what, detail, .. } = result;
        match result.result {
            ProbeOutcome::Pass => {}
            ProbeOutcome::Fail => lines.push(format!("FAIL         {id}  {what}: {detail}")),
            ProbeOutcome::Unsupported => lines.push(format!("UNSUPPORTED  {id}  {what}: {detail}")),
        }
    }
    let (pass, fail) = (count(ProbeOutcome::Pass), count(ProbeOutcome::Fail));
    let unsupported = count(ProbeOutcome::Unsupported);
    lines.push(format!("{pass} attempts were refused, {fail} were not, {unsupported} could not be made here"));
    lines.join("\n")
}
