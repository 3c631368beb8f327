//! Skills that are folders: found, gated, listed, opened and started, by the real program.

mod hostile;
mod openclaw;
mod scripts;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Client;
use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, call, say};

const WEATHER: &str = "---\nname: weather\ndescription: Tells the weather.\nmetadata: {\"openclaw\": {\"emoji\": \"☔\", \
                       \"requires\": {\"bins\": [\"sh\"]}}}\n---\n\n# Weather\nRun {baseDir}/scripts/now.sh.\n";

/// A home with one skill in its workspace.
fn home() -> Home {
    Home::new().file("skills/weather/SKILL.md", WEATHER).file("skills/weather/scripts/now.sh", "#!/bin/sh\necho rain\n")
}

fn skill(name: &str, more: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: Is called {name}.\n{more}---\n{body}\n")
}

/// Writes a skill somewhere else than into the workspace.
fn put(folder: &std::path::Path, text: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("SKILL.md"), text).unwrap();
}

#[track_caller]
fn text(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn names(status: &Value) -> Vec<&str> {
    status["skills"].as_array().unwrap().iter().map(|skill| skill["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_skill_is_listed_for_the_model_and_read_when_it_is_needed() {
    let provider = Provider::start([
        Answer::Whole(call("skill", r#"{"name": "weather"}"#)),
        Answer::Whole(call("skill", r#"{"name": "weather", "file": "scripts/now.sh"}"#)),
        Answer::Whole(say(&["rain"])),
    ])
    .await;
    let home = home().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::Anthropic));
    let running = home.start();
    assert_eq!(running.connect().await.ask("r1", "Will it rain?").await, "rain");
    let asked = provider.asked();
    assert!(asked[0].system().contains("\n- weather (skills/weather): Tells the weather.\n"), "{}", asked[0].system());
    assert!(!asked[0].system().contains("baseDir") && asked[0].tools().contains(&"skill"));
    let folder = home.workspace().canonicalize().unwrap().join("skills/weather");
    let read = asked[1].result();
    assert!(read.contains(&format!("# Weather\nRun {}/scripts/now.sh.", folder.display())), "{read}");
    assert!(read.contains("scripts/now.sh") && !read.contains("requires"), "{read}");
    assert_eq!(asked[2].result(), "#!/bin/sh\necho rain\n");
}

#[tokio::test]
async fn without_skills_a_prompt_says_nothing_of_them() {
    let provider = Provider::start([Answer::Whole(say(&["yes"]))]).await;
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::OpenAi));
    home.start().connect().await.ask("r1", "hello").await;
    let asked = provider.asked();
    assert!(!asked[0].system().contains("Skills") && !asked[0].tools().contains(&"skill"));
}

#[tokio::test]
async fn why_names_each_condition_and_whether_it_holds() {
    let needs = "metadata:\n  {\n    \"openclaw\":\n      {\n        \"os\": [\"linux\"],\n        \"requires\": { \"bins\": \
                 [\"sh\", \"no-such-program\"], \"env\": [\"SET_KEY\", \"UNSET_KEY\"], \"config\": [\"gateway.bind\", \
                 \"browser.enabled\"] },\n      },\n  }\n";
    let home = Home::new()
        .file("skills/needy/SKILL.md", &skill("needy", needs, ""))
        .file("skills/off/SKILL.md", &skill("off", "", ""))
        .env("SET_KEY", "canary-value")
        .config("{skills: {entries: {off: {enabled: false}}}}");
    let running = home.start();
    let why = text(&home, &["skills", "why", "needy"]);
    assert_eq!(
        why,
        "`needy` is not offered\n\
         holds  os linux: this system is `linux`\n\
         holds  bin sh: program `sh` is where programs are looked for\n\
         FAILS  bin no-such-program: program `no-such-program` is not where programs are looked for\n\
         holds  env SET_KEY: the host was started with `SET_KEY`; programs do not get it\n\
         FAILS  env UNSET_KEY: the host was not started with `UNSET_KEY`\n\
         holds  config gateway.bind: `gateway.bind` is on in the configuration\n\
         FAILS  config browser.enabled: `browser.enabled` is not on in the configuration\n"
    );
    assert!(text(&home, &["skills", "why", "off"]).contains("FAILS  enabled off: the configuration turns it off"));
    let status = running.connect().await.call("skills.status", json!({})).await.unwrap();
    let missing = &status["skills"][0]["missing"];
    assert_eq!(
        *missing,
        json!({"bins": ["no-such-program"], "anyBins": [], "env": ["UNSET_KEY"], "config": ["browser.enabled"], "os": []})
    );
    assert!(!status.to_string().contains("canary-value"));
    let refused = running.connect().await.ask("r1", r#"tool skill {"name": "needy"}"#).await;
    assert!(refused.contains("skill `needy` cannot be used here: program `no-such-program`"), "{refused}");
    let output = home.run(&["skills", "why", "nothing"]);
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn of_two_skills_with_one_name_the_nearer_one_counts() {
    let home = Home::new()
        .file("skills/a/SKILL.md", &skill("twin", "", "workspace"))
        .file(".agents/skills/a/SKILL.md", &skill("Twin", "", "project"));
    put(&home.path().join("skills/a"), &skill("twin", "", "home"));
    put(&home.path().join("skills/b"), &skill("only", "", "home"));
    let running = home.start();
    let listed = home.json(&["skills", "list"]);
    assert_eq!(names(&listed), ["only", "twin"]);
    assert_eq!((&listed["skills"][1]["source"], &listed["skills"][0]["source"]), (&json!("workspace"), &json!("home")));
    assert_eq!(listed["skills"][1]["hides"].as_array().unwrap().len(), 2, "{listed}");
    let read = running.connect().await.ask("r1", r#"tool skill {"name": "TWIN"}"#).await;
    assert!(read.contains("workspace"), "{read}");
}

#[tokio::test]
async fn a_changed_skill_counts_from_the_next_run_on() {
    let home = home();
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(names(&home.json(&["skills", "list"])), ["weather"]);
    let home = home.file("skills/weather/SKILL.md", &skill("climate", "", "new words"));
    assert!(client.ask("r1", r#"tool skill {"name": "climate"}"#).await.contains("new words"));
    std::fs::remove_dir_all(home.workspace().join("skills/weather")).unwrap();
    assert!(client.ask("r2", r#"tool skill {"name": "climate"}"#).await.contains("there is none"));
}

#[tokio::test]
async fn the_owner_starts_a_skill_by_its_name() {
    let provider = Provider::start([Answer::Whole(say(&["rain in Berlin"])), Answer::Whole(say(&["done"]))]).await;
    let hidden = skill("quiet", "disable-model-invocation: true\n", "quiet words");
    let home =
        home().file("skills/quiet/SKILL.md", &hidden).env(KEY_VARIABLE, KEY).config(&provider.config(Wire::Anthropic));
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "/weather Berlin").await, "rain in Berlin");
    let asked = provider.asked();
    let messages = asked[0].messages();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].to_string().contains("/weather Berlin") && messages[2].to_string().contains("# Weather"));
    let shown = home.json(&["runs", "show", "r1"]);
    assert_eq!(shown["calls"][0]["tool"], "skill", "{shown}");
    // Not in the list, but its owner may.
    assert!(!asked[0].system().contains("quiet"));
    assert_eq!(client.ask("r2", "/skill quiet").await, "done");
    assert!(provider.asked()[1].messages().last().unwrap().to_string().contains("quiet words"));
    let help = client.ask("r3", "/skill nothing").await;
    assert!(help.ends_with("there are: quiet, weather"), "{help}");
    let commands = client.call("commands.list", json!({})).await.unwrap();
    assert_eq!(
        (&commands["commands"][1]["name"], &commands["commands"][1]["source"]),
        (&json!("weather"), &json!("skill"))
    );
}

#[tokio::test]
async fn only_its_owner_starts_a_skill_that_says_so() {
    let home = Home::new().file("skills/quiet/SKILL.md", &skill("quiet", "disable-model-invocation: true\n", "words"));
    let running = home.start();
    let refused = running.connect().await.ask("r1", r#"tool skill {"name": "quiet"}"#).await;
    assert!(refused.contains("is started by its owner alone"), "{refused}");
}

#[tokio::test]
async fn a_command_can_call_a_tool_without_a_model() {
    // A provider without answers: whoever asks it fails.
    let provider = Provider::start([]).await;
    let dispatch = "command-dispatch: tool\ncommand-tool: command\n";
    let home = Home::new()
        .component("command")
        .file("skills/shout/SKILL.md", &skill("shout", dispatch, ""))
        .file("skills/lost/SKILL.md", &skill("lost", "command-dispatch: tool\ncommand-tool: nowhere\n", ""))
        .env(KEY_VARIABLE, KEY)
        .config(&provider.config(Wire::OpenAi));
    let running = home.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "/shout  two  words ").await, "shout by shout: `two  words`");
    let lost = client.ask("r2", "/lost").await;
    assert!(lost.contains("no tool `nowhere` is offered here"), "{lost}");
    assert_eq!(provider.asked().len(), 0);
}

#[tokio::test]
async fn words_of_a_skill_from_elsewhere_are_content_from_outside() {
    let elsewhere = tempfile::tempdir().unwrap();
    put(&elsewhere.path().join("stranger"), &skill("stranger", "", "words"));
    let home = home().config(&format!("{{skills: {{load: {{extraDirs: [{:?}]}}}}}}", elsewhere.path()));
    let running = home.start();
    let mut client = running.connect().await;
    let labels = async |client: &mut Client, session: &str| {
        let list = client.call("sessions.list", json!({"search": session})).await.unwrap();
        let row = list["sessions"].as_array().unwrap().iter().find(|row| row["key"] == format!("agent:main:{session}"));
        (row.unwrap()["tainted"].clone(), row.unwrap()["private"].clone())
    };
    for (session, name) in [("own", "weather"), ("other", "stranger")] {
        client.say(session, session, &format!(r#"tool skill {{"name": "{name}"}}"#)).await;
        client.ended(session).await.unwrap();
    }
    assert_eq!(labels(&mut client, "own").await.0, Value::Null);
    let (tainted, _) = labels(&mut client, "other").await;
    assert!(tainted.as_str().unwrap().starts_with("the skill `stranger` from "), "{tainted}");
}

#[tokio::test]
async fn a_second_start_parses_nothing() {
    let mut home = Home::new();
    for number in 0..200 {
        home = home.file(&format!("skills/s{number}/SKILL.md"), &skill(&format!("s{number}"), "", "words"));
    }
    let started = |home: &Home| {
        let begun = Instant::now();
        let running = home.start();
        let ready = begun.elapsed();
        let listed = home.json(&["skills", "list"]);
        (listed["skills"].as_array().unwrap().len(), (ready, begun.elapsed() - ready), running)
    };
    let (count, cold, running) = started(&home);
    drop(running);
    // A parser that may not be called would now leave them all out.
    let home = home.config("{policy: {preset: 'deny-all'}}");
    let (again, warm, _running) = started(&home);
    eprintln!("ready and listed after {cold:?}, and after {warm:?} the second time");
    assert_eq!((count, again), (200, 200));
}

#[tokio::test]
async fn where_policies_let_nothing_be_called_no_skill_is_read() {
    let home = home().config("{policy: {preset: 'deny-all'}}");
    let running = home.start();
    let listed = home.json(&["skills", "list"]);
    assert_eq!(names(&listed), Vec::<&str>::new());
    assert!(listed["leftOut"][0]["error"].as_str().unwrap().starts_with("E_POLICY_DENY"), "{listed}");
    // Its parser is nobody else's tool.
    let answer = running.connect().await.ask("r1", r#"tool skill_card {"text": ""}"#).await;
    assert!(answer.contains("no tool `skill_card` is offered here"), "{answer}");
}
