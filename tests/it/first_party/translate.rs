//! Translations, by a model under the test's control.

use serde_json::{Value, json};

use super::{call, install, text};
use crate::client::Client;
use crate::host::Home;
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};

const GUIDE: &str = "# Tea\n\nPour `water` on {leaves}.\n\n```sh\nboil --now\n```\n\n- Wait %d minutes\n";

/// The model's answer with these translations.
fn answer(translations: &Value) -> Answer {
    Answer::Whole(say(&[&translations.to_string()]))
}

/// All on one home: the interpreter takes long to compile, and is compiled once.
#[tokio::test]
async fn files_are_translated_by_the_model_that_was_granted() {
    let odd = Answer::Whole(say(&["I would rather not."]));
    let translated = answer(&json!({"1": "Tee", "2": "`Wasser` auf {leaves} giessen.", "3": "%d Minuten warten"}));
    let of_the_long_one = (1..=9).map(|number| answer(&json!({number.to_string(): format!("{number} Tee")})));
    let provider = Provider::start([odd, translated].into_iter().chain(of_the_long_one).collect::<Vec<_>>()).await;
    let home = Home::new().env(KEY_VARIABLE, KEY);
    let running = home.start();
    install(&home, "translate", &["fs workspace read-write", "llm default", "kv translate"]);
    drop(running);
    let home = home.config(&provider.config(Wire::OpenAi));
    let running = home.start();
    let mut client = running.connect().await;
    what_loses_a_mark_is_not_taken(&mut client, &home, &provider).await;
    a_long_file_takes_several_calls_and_none_asks_twice(&mut client, &home, &provider).await;
    put(&home, "tea.exe", "Tea\n");
    arguments_that_make_no_sense_are_refused(&mut client).await;
    assert!(home.run(&["component", "grants", "translate", "--remove", "llm default"]).status.success());
    let refused = call(&mut client, "translate_file", json!({"path": "docs/guide.md", "to": "French"})).await;
    assert_eq!(refused["error"]["code"], "E_POLICY_DENY", "{refused}");
    assert!(!home.workspace().join("docs/guide.french.md").exists());
    assert_eq!(provider.asked().len(), 11);
}

async fn what_loses_a_mark_is_not_taken(client: &mut Client, home: &Home, provider: &Provider) {
    put(home, "docs/guide.md", GUIDE);
    let args = json!({"path": "docs/guide.md", "to": "German"});
    let odd = call(client, "translate_file", args.clone()).await;
    assert_eq!(odd["error"]["code"], "E_UNAVAILABLE", "{odd}");
    let written = home.workspace().join("docs/guide.german.md");
    assert!(!written.exists(), "nothing is written of what was not understood");
    let said = text(&call(client, "translate_file", args).await);
    let expected = "`docs/guide.german.md` is written: 2 of 3 texts are translated; left as they were:\n\
                    line 3: its translation changes ``Wasser``, ``water``";
    assert_eq!(said, expected);
    let translated = GUIDE.replace("# Tea", "# Tee").replace("Wait %d minutes", "%d Minuten warten");
    assert_eq!(std::fs::read_to_string(written).unwrap(), translated);
    let asked = &provider.asked()[1];
    assert!(asked.system().contains("into German"), "{}", asked.system());
    let question = asked.messages()[0]["content"].as_str().unwrap();
    let question: Value = serde_json::from_str(question).unwrap();
    assert_eq!(question, json!({"1": "Tea", "2": "Pour `water` on {leaves}.", "3": "Wait %d minutes"}));
}

async fn a_long_file_takes_several_calls_and_none_asks_twice(client: &mut Client, home: &Home, provider: &Provider) {
    let before = provider.asked().len();
    let paragraphs: Vec<String> = (1..=9).map(|number| format!("{number} {}", "tea ".repeat(725).trim())).collect();
    put(home, "long.md", &paragraphs.join("\n\n"));
    let args = json!({"path": "long.md", "to": "German", "output": "lang.md"});
    let first = text(&call(client, "translate_file", args.clone()).await);
    assert_eq!(first, "8 of 9 texts are done; call again with the same arguments to go on");
    assert!(!home.workspace().join("lang.md").exists());
    let second = text(&call(client, "translate_file", args).await);
    assert_eq!(second, "`lang.md` is written: 9 of 9 texts are translated");
    let lines: Vec<_> = (1..=9).map(|number| format!("{number} Tee")).collect();
    assert_eq!(std::fs::read_to_string(home.workspace().join("lang.md")).unwrap(), lines.join("\n\n"));
    assert_eq!(provider.asked().len() - before, 9);
}

async fn arguments_that_make_no_sense_are_refused(client: &mut Client) {
    for (path, to, code) in [
        ("none.md", "German", "E_NOT_FOUND"),
        ("docs/guide.md", "{}", "E_MODEL_ARGS"),
        ("tea.exe", "German", "E_MODEL_ARGS"),
    ] {
        let refused = call(client, "translate_file", json!({"path": path, "to": to})).await;
        assert_eq!(refused["error"]["code"], code, "{path}: {refused}");
    }
}

fn put(home: &Home, path: &str, text: &str) {
    let path = home.workspace().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
