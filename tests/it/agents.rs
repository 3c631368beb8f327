//! Several agents: each with a workspace, a model, tools, skills, policies and conversations of its own.

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Home, Host};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};

const WRITE: &str = r#"tool write {"path":"plan.md","content":"canary"}"#;
const READ: &str = r#"tool read {"path":"plan.md"}"#;
/// A conversation of the other agent.
const OTHER: &str = "agent:other:main";

/// A home with a second agent `other`, of which this is said.
fn home(other: &str, more: &str) -> Home {
    Home::new().config(&format!("{{agents: {{other: {other}}}, {more}}}"))
}

/// The same, asking a provider that always answers the same.
fn asking(provider: &Provider, other: &str, more: &str) -> Home {
    let config = provider.config(Wire::OpenAi);
    let models = "models: {'m-1': {thinking: true}, 'm-2': {thinking: true}}, wire:";
    let agents = format!("{{agents: {{other: {other}}}, {more} models:");
    Home::new().env(KEY_VARIABLE, KEY).config(&config.replacen("{models:", &agents, 1).replacen("wire:", models, 1))
}

async fn provider() -> Provider {
    Provider::start((0..20).map(|_| Answer::Whole(say(&["Yes."])))).await
}

async fn refused(client: &mut Client, session: &str, run: &str) -> Value {
    let params = json!({"sessionKey": session, "message": "well?", "idempotencyKey": run});
    client.call("chat.send", params).await.unwrap_err()
}

#[tokio::test]
async fn each_works_in_its_own_workspace_and_sees_nothing_of_the_other_s() {
    let home = home("{}", "grants: {exec: ['exec cat plan.md']}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask_in(OTHER, "w", WRITE).await;
    assert_eq!(std::fs::read_to_string(home.path().join("workspace-other/plan.md")).unwrap(), "canary");
    assert!(home.path().join("workspace-other/AGENTS.md").exists(), "a new workspace has its templates");
    // Workers of both live at the same time, each behind its own walls.
    for round in 0..3 {
        assert!(client.ask_in(OTHER, &format!("o{round}"), READ).await.contains("canary"));
        let own = client.ask(&format!("m{round}"), READ).await;
        assert!(own.contains("plan.md") && !own.contains("canary"), "{own}");
    }
    let program = r#"tool exec {"argv":["cat","plan.md"]}"#;
    assert!(client.ask_in(OTHER, "p1", program).await.contains("canary"));
    assert!(!client.ask("p2", program).await.contains("canary"));
    let path = home.path().join("workspace-other/plan.md").display().to_string();
    let outside = client.ask("p3", &format!(r#"tool read {{"path":"{path}"}}"#)).await;
    assert!(!outside.contains("canary"), "{outside}");
}

#[tokio::test]
async fn each_asks_its_own_model_with_its_own_words_and_keeps_what_is_preferred_in_a_conversation() {
    let provider = provider().await;
    let home = asking(&provider, "{model: 'local/m-2', thinking: 'high'}", "");
    std::fs::create_dir(home.path().join("workspace-other")).unwrap();
    std::fs::write(home.path().join("workspace-other/AGENTS.md"), "You are the other one.").unwrap();
    let running = home.start();
    let mut client = running.connect().await;
    let asked = || {
        let last = provider.asked().pop().unwrap();
        let mine = last.system().contains("You are the other one.");
        (last.body["model"].as_str().unwrap().to_owned(), last.body["reasoning_effort"].clone(), mine)
    };
    client.ask_in(OTHER, "r1", "well?").await;
    assert_eq!(asked(), ("m-2".to_owned(), json!("high"), true));
    client.ask("r2", "well?").await;
    assert_eq!(asked(), ("m-1".to_owned(), Value::Null, false));
    client.ask_in(OTHER, "c1", "/model local/m-1").await;
    client.ask_in(OTHER, "c2", "/think low").await;
    client.ask_in(OTHER, "r3", "well?").await;
    assert_eq!(asked(), ("m-1".to_owned(), json!("low"), true));
    client.ask_in(OTHER, "c3", "/model default").await;
    client.ask_in(OTHER, "r4", "well?").await;
    assert_eq!(asked().0, "m-2");
}

#[tokio::test]
async fn what_a_component_asks_is_answered_by_the_model_of_the_run() {
    let provider = provider().await;
    let home = asking(&provider, "{model: 'local/m-2'}", "grants: {probe: ['llm default']},").component("probe");
    let running = home.start();
    let mut client = running.connect().await;
    let question = json!({"families": {"op": "complete", "model": "default", "text": "well?", "max_tokens": 50}});
    let mut asked = async |session: &str| {
        let params = json!({"name": "probe", "sessionKey": session, "args": {"steps": [question]}});
        let answer = client.call("tools.invoke", params).await.unwrap();
        assert!(answer["output"].as_str().unwrap().contains("Yes."), "{answer}");
        provider.asked().pop().unwrap().body["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked(OTHER).await, "m-2");
    assert_eq!(asked("main").await, "m-1");
    client.ask("c1", "/model local/m-2").await;
    let params = json!({"name": "probe", "sessionKey": "main", "args": {"steps": [question]}});
    client.call("tools.invoke", params).await.unwrap();
    assert_eq!(provider.asked().pop().unwrap().body["model"], "m-2", "as it was chosen there");
}

#[tokio::test]
async fn one_with_few_tools_is_offered_and_may_call_only_those() {
    let provider = provider().await;
    let offering = asking(&provider, "{tools: ['read', 'wriet']}", "");
    let running = offering.start();
    assert!(offering.stderr().contains("no installed component offers this tool"), "{}", offering.stderr());
    let mut client = running.connect().await;
    client.ask_in(OTHER, "r1", "well?").await;
    assert_eq!(provider.asked().pop().unwrap().tools(), ["read"]);
    client.ask("r2", "well?").await;
    assert!(provider.asked().pop().unwrap().tools().contains(&"write"));
    let tools = client.call("tools.catalog", json!({"agentId": "other"})).await.unwrap();
    assert_eq!(tools["tools"].as_array().unwrap().len(), 1, "{tools}");

    // Its sub-agents have no more than it has itself.
    let spawning = home("{tools: ['read', 'sessions_spawn']}", "grants: {sessions: ['sessions read-write']}");
    let running = spawning.start();
    let mut client = running.connect().await;
    assert!(client.ask_in(OTHER, "w1", WRITE).await.contains("E_TOOL_UNKNOWN"));
    let named = r#"tool sessions_spawn {"task": "say hi", "tools": ["write"]}"#;
    assert!(client.ask_in(OTHER, "s1", named).await.contains("is no tool of this run"));
    let task = json!({"task": WRITE}).to_string();
    client.ask_in(OTHER, "s2", &format!("tool sessions_spawn {task}")).await;
    let tasks = client.call("tasks.list", json!({})).await.unwrap();
    let id = tasks["tasks"][0]["id"].as_str().unwrap().to_owned();
    client.ended(&format!("{id}-end")).await.unwrap();
    let task = client.call("tasks.get", json!({"taskId": id})).await.unwrap();
    assert!(task["task"]["result"].as_str().unwrap().contains("E_TOOL_UNKNOWN"), "{task}");
    assert!(!spawning.path().join("workspace-other/plan.md").exists());
}

#[tokio::test]
async fn each_starts_from_its_own_preset_and_the_owners_policies_know_it() {
    let home = home("{preset: 'deny-all'}", "");
    let running = home.start();
    let mut client = running.connect().await;
    let denied = client.ask_in(OTHER, "w1", WRITE).await;
    assert!(denied.contains("E_POLICY_DENY"), "{denied}");
    client.ask("w2", WRITE).await;
    assert!(home.workspace().join("plan.md").exists(), "`main` has the preset of the host");
    let answer = |agent: &str| {
        let given = format!("agent={agent}");
        let ask = [
            "policy",
            "explain",
            "--component",
            "files",
            "--action",
            "tool.call",
            "--resource",
            "write",
            "--context",
            &given,
        ];
        home.json(&ask)["answer"].as_str().unwrap().to_owned()
    };
    drop(running);
    assert_eq!((answer("other"), answer("main")), ("deny".to_owned(), "allow".to_owned()));

    let policy =
        "@id(\"main-only-reads\") forbid (principal, action == Action::\"tool.call\", resource == Tool::\"write\")
                  when { context.agent == \"main\" };";
    let home = self::home("{}", "");
    std::fs::create_dir(home.path().join("policies")).unwrap();
    std::fs::write(home.path().join("policies/mine.cedar"), policy).unwrap();
    let running = home.start();
    let mut client = running.connect().await;
    assert!(client.ask("w1", WRITE).await.contains("main-only-reads"));
    client.ask_in(OTHER, "w2", WRITE).await;
    assert!(home.path().join("workspace-other/plan.md").exists());
}

#[tokio::test]
async fn each_has_the_skills_of_its_workspace_and_of_those_only_the_named_ones() {
    let home = home("{skills: ['Tides']}", "");
    let skill = |place: &str, name: &str| {
        let folder = home.path().join(place).join("skills").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!("---\nname: {name}\ndescription: About {name}.\n---\n# {name}\n");
        std::fs::write(folder.join("SKILL.md"), text).unwrap();
    };
    skill("workspace", "moon");
    skill("workspace-other", "tides");
    skill("workspace-other", "sun");
    let running = home.start();
    let mut client = running.connect().await;
    let mut ready = async |agent: &str| {
        let status = client.call("skills.status", json!({"agentId": agent})).await.unwrap();
        let skills = status["skills"].as_array().unwrap().clone();
        let mut all: Vec<_> =
            skills.iter().map(|it| (it["name"].as_str().unwrap().to_owned(), it["eligible"] == true)).collect();
        all.sort();
        all
    };
    assert_eq!(ready("main").await, [("moon".to_owned(), true)]);
    assert_eq!(ready("other").await, [("sun".to_owned(), false), ("tides".to_owned(), true)]);
    let why = home.run(&["skills", "--agent", "other", "why", "sun"]);
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("not among the agent's `skills`"), "{why}");
    let opened = client.ask_in(OTHER, "s1", r#"tool skill {"name":"sun"}"#).await;
    assert!(opened.contains("cannot be used here"), "{opened}");
    assert!(client.ask_in(OTHER, "s2", r#"tool skill {"name":"tides"}"#).await.contains("# tides"));
    assert!(client.ask("s3", r#"tool skill {"name":"tides"}"#).await.contains("no skill of this name"));
    drop(running);
    // A parser that may not be called would now leave them all out: what was read is kept for each.
    let home = home.config("{agents: {other: {}}, policy: {preset: 'deny-all'}}");
    let _running = home.start();
    for (agent, known) in [("main", 1), ("other", 2)] {
        let listed = home.json(&["skills", "--agent", agent, "list"]);
        assert_eq!(listed["skills"].as_array().unwrap().len(), known, "{listed}");
    }
}

// SE-16 between agents
#[tokio::test]
async fn an_agent_reaches_no_conversation_of_another_whatever_is_granted() {
    let home = home("{}", "grants: {sessions: ['sessions read-write', 'sessions read', 'sessions send']}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask_in(OTHER, "r1", "say canary").await;
    for (index, call) in [
        r#"tool sessions_history {"sessionKey":"agent:other:main"}"#,
        r#"tool sessions_send {"sessionKey":"agent:other:main","message":"hello"}"#,
    ]
    .iter()
    .enumerate()
    {
        let answer = client.ask(&format!("m{index}"), call).await;
        assert!(answer.contains("E_SESSIONS_REACH") && !answer.contains("canary"), "{answer}");
    }
    let all = client.ask("m9", r#"tool sessions_list {"all":true}"#).await;
    assert!(all.contains("agent:main:main") && !all.contains("agent:other"), "{all}");
    // Its own it reaches.
    let own = client.ask_in("agent:other:second", "r2", r#"tool sessions_history {"sessionKey":"main"}"#).await;
    assert!(own.contains("canary"), "{own}");
}

#[tokio::test]
async fn messages_that_name_no_agent_go_where_the_most_specific_binding_says() {
    let bindings = "bindings: [
        {agentId: 'other', match: {channel: 'ws'}},
        {agentId: 'third', match: {channel: 'http', peer: {id: 'ada'}}},
        {agentId: 'other', match: {channel: 'http', accountId: '*'}},
    ]";
    let home = Home::new().config(&format!("{{agents: {{other: {{}}, third: {{tools: []}}}}, {bindings}}}"));
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "say hi").await;
    client.ended("r1").await.unwrap();
    client.ask_in("agent:main:main", "r2", "say hi").await;
    let agents = async |body: Value| {
        let response = post(&running, &body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    };
    let message = json!([{"role": "user", "content": "say hi"}]);
    agents(json!({"messages": message, "user": "ada"})).await;
    agents(json!({"messages": message, "user": "bob"})).await;
    agents(json!({"messages": message, "user": "ada", "model": "openclaw/main"})).await;
    let list = client.call("sessions.list", json!({})).await.unwrap();
    let mut keys: Vec<_> =
        list["sessions"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    keys.sort();
    let expected = [
        "agent:main:main",
        "agent:main:openai-user:ada",
        "agent:other:main",
        "agent:other:openai-user:bob",
        "agent:third:openai-user:ada",
    ];
    assert_eq!(keys, expected);
    // A list is narrowed by nobody but who asks for it; everything else is about the bound agent.
    let status = client.call("skills.status", json!({})).await.unwrap();
    assert_eq!(status["agentId"], "other");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 2, "{history}");
    client.call("sessions.undo", json!({"key": "main"})).await.unwrap();
    let own = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let main = client.call("chat.history", json!({"sessionKey": "agent:main:main"})).await.unwrap();
    let messages = |history: &Value| history["messages"].as_array().unwrap().len();
    assert_eq!((messages(&own), messages(&main)), (0, 2), "the bound agent's turn is taken back");
    let listed = home.run(&["agents"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line = |id: &str| listed.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line("main").contains("the rest") && line("other").contains("ws, http"), "{listed}");
    assert!(line("third").contains("http:ada") && line("third").contains("none"), "{listed}");
}

fn post(running: &Host, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(running.http("/v1/chat/completions")).bearer_auth(&running.token).json(body)
}

#[tokio::test]
async fn one_that_is_gone_gets_no_messages_and_what_was_cut_off_there_ends_with_a_reason() {
    let described = |agents: &str| format!("{{agents: {agents}}}");
    let home = Home::new().config(&described("{other: {}}"));
    let running = home.start();
    let mut client = running.connect().await;
    client.say(OTHER, "r1", r#"tool exec {"argv":["echo","slow"]}"#).await;
    client.card("r1").await;
    running.kill();
    let home = home.config(&described("{}"));
    let running = home.start();
    let mut client = running.connect().await;
    let ended = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 60000})).await.unwrap();
    assert!(ended.to_string().contains("there is no agent `other` any more"), "{ended}");
    let error = refused(&mut client, OTHER, "r2").await;
    assert_eq!(error["details"]["code"], "UNKNOWN_AGENT_ID", "{error}");
    assert!(error["message"].as_str().unwrap().contains("this host has `main`"), "{error}");
    // What was said is still there.
    assert!(home.run(&["sessions", "show", OTHER]).status.success());
}

#[tokio::test]
async fn an_agents_day_has_its_own_budget() {
    let provider = provider().await;
    let home = asking(&provider, "{}", "");
    let config = std::fs::read_to_string(home.path().join("config.json5")).unwrap();
    let config = config.replacen("limits: {}", "limits: {usd: {agent: 27}}", 1);
    // Ten cents for each token of a reply.
    let home = home.config(&config.replacen("'m-1': {", "'m-1': {price: {input: 0, output: 100000}, ", 1));
    let running = home.start();
    let mut client = running.connect().await;
    let mut runs = (0..15).map(|n| format!("r{n}"));
    let why = loop {
        let run = runs.next().expect("the budget has no end");
        client.say(&format!("agent:other:{run}"), &run, "well?").await;
        if let Err(error) = client.ended(&run).await {
            break error["errorMessage"].as_str().unwrap().to_owned();
        }
    };
    assert!(why.contains("the agent's day may cost $27.0000") && why.contains("`limits.usd.agent`"), "{why}");
    assert!(client.ask_in(OTHER, "u", "/usage").await.contains("this agent's day"));
    assert_eq!(client.ask("main", "well?").await, "Yes.", "another agent has its own");
}

#[test]
fn a_configuration_that_mixes_agents_up_is_refused() {
    let issue = |config: &str| {
        let output = Home::cold().config(config).run(&["config", "check"]);
        assert!(!output.status.success(), "{config}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    for (config, words) in [
        ("{agents: {main: {}}}", "`main` is the host's own agent"),
        ("{agents: {'A b': {}}}", "agent id"),
        ("{agents: {a: {workspace: 'workspace/sub'}}}", "lies in the workspace of `main`"),
        ("{agents: {a: {workspace: 'x'}, b: {workspace: 'x'}}}", "the workspace of `a`"),
        ("{agents: {a: {workspace: '.'}}}", "the host's own home"),
        ("{agent: {workspace: '..'}}", "the host's own home"),
        ("{agents: {a: {tools: ['no name']}}}", "agents.a.tools[0]"),
        ("{agents: {a: {tool: []}}}", "tool"),
        ("{agents: {a: {preset: 'lax'}}}", "agents.a.preset"),
        ("{bindings: [{agentId: 'a', match: {channel: 'ws'}}]}", "there is no agent `a`"),
        ("{agents: {a: {}}, bindings: [{agentId: 'a', match: {chanel: 'ws'}}]}", "bindings[0].match"),
    ] {
        let said = issue(config);
        assert!(said.contains(words), "{config}: {said}");
    }
}
