//! What of a prompt each installed skill and package takes: its own words, and little more.

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Home, test_guest};
use crate::packages::replaced;
use crate::provider::{Answer, Asked, KEY, KEY_VARIABLE, Provider, Wire, say};

/// Bytes of the list of skills at most.
const LIST: usize = 18_000;
/// What stands around the words of a skill, and around those of a tool, in the form of OpenAI.
const AROUND_SKILL: usize = 8;
const AROUND_TOOL: usize = 90;

const DESCRIPTION: &str = "Looks up when the tide is high at a harbour, and how high it will be there.";

/// What a model is asked on a home with so many skills and packages.
async fn asked(skills: usize, packages: usize) -> Asked {
    let provider = Provider::start([Answer::Whole(say(&["ok"]))]).await;
    let mut home = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::OpenAi));
    for number in 0..skills {
        let text = format!("---\nname: skill-{number:03}\ndescription: {DESCRIPTION}\n---\nDo it.\n");
        home = home.file(&format!("skills/skill-{number:03}/SKILL.md"), &text);
    }
    let running = home.start();
    let mut client = running.connect().await;
    for number in 0..packages {
        install(&mut client, &home, number).await;
    }
    client.ask("r1", "hello").await;
    provider.asked().remove(0)
}

/// Installs a package that is one of many: each has a name and a tool of its own.
async fn install(client: &mut Client, home: &Home, number: usize) {
    let template = std::fs::read(test_guest("numbered")).unwrap();
    let (name, tool) = (format!("numbered-{number:03}"), format!("numbered_{number:03}"));
    let wasm = replaced(template, &[("numbered-000", &name), ("numbered_000", &tool)]);
    let offer = client.call("packages.prepare", json!({"source": home.source(&wasm)})).await.unwrap();
    assert_eq!(offer["name"], name.as_str());
    client.call("packages.install", json!({"digest": offer["digest"], "grants": []})).await.unwrap();
}

fn tools(asked: &Asked) -> Vec<Value> {
    asked.body["tools"].as_array().unwrap().clone()
}

fn bytes(tools: &[Value]) -> usize {
    tools.iter().map(|tool| tool.to_string().len()).sum()
}

#[tokio::test]
async fn a_skill_takes_one_line_of_a_prompt_and_all_of_them_no_more_than_a_limit() {
    let (one, hundred, many) = (asked(1, 0).await, asked(100, 0).await, asked(200, 0).await);
    let more = |asked: &Asked| asked.system().len() - one.system().len();
    let each = more(&hundred) as f64 / 99.0;
    let place = "skills/skill-000";
    let words = "skill-000".len() + place.len() + DESCRIPTION.len();
    println!("skill: {each:.1} bytes in a prompt, {words} of them its own words; 200 take {}", more(&many));
    assert!(hundred.system().contains(&format!("- skill-099 ({place}): {DESCRIPTION}\n").replace("000", "099")));
    assert!(each >= words as f64 && each <= (words + AROUND_SKILL) as f64, "{each} of {words}");
    // They no longer fit, so all are shortened; none is left out.
    assert!(many.system().contains("- skill-199 (") && more(&many) <= LIST, "{}", more(&many));
    assert_eq!(bytes(&tools(&one)), bytes(&tools(&many)), "a skill is no tool");
}

#[tokio::test]
async fn a_package_takes_its_tools_of_a_prompt_and_nothing_else() {
    let count = 12;
    let (none, some) = (asked(0, 0).await, asked(0, count).await);
    let own = tools(&some).into_iter().find(|tool| tool["function"]["name"] == "numbered_007").unwrap();
    let function = &own["function"];
    let words = function["name"].as_str().unwrap().len()
        + function["description"].as_str().unwrap().len()
        + function["parameters"].to_string().len();
    let each = (bytes(&tools(&some)) - bytes(&tools(&none))) / count;
    println!("package with one tool: {each} bytes in a prompt, {words} of them its own words");
    assert!(each >= words && each <= words + AROUND_TOOL, "{each} of {words}");
    assert_eq!(none.system().len(), some.system().len(), "nothing of it is in the text before the conversation");
}
