use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::load::parse;
use super::*;

/// Resolves a file, an environment and flags, and lists what differs from nothing at all.
#[track_caller]
fn check(file: &str, env: &[(&str, &str)], flags: &Flags, expect: Expect) {
    expect.assert_eq(&outcome(file, env, flags));
}

fn outcome(file: &str, env: &[(&str, &str)], flags: &Flags) -> String {
    let env = Env::from_pairs(env.iter().copied());
    let resolved =
        parse(Path::new("config.json5"), file).and_then(|file| resolve(Path::new("/home/o"), &file, &env, flags));
    match resolved {
        Err(err) => err.to_string(),
        Ok(resolved) => {
            let set = resolved.effective.iter().filter(|effective| effective.origin != Origin::Default);
            let lines =
                set.map(|effective| format!("{} = {} ({})\n", effective.path, effective.value, effective.origin));
            let warnings = resolved.warnings.iter().map(|issue| format!("warning: {issue}\n"));
            lines.chain(warnings).collect()
        }
    }
}

#[track_caller]
fn check_file(file: &str, expect: Expect) {
    check(file, &[], &Flags::default(), expect);
}

#[track_caller]
fn settings(file: &str, env: &[(&str, &str)]) -> Settings {
    let file = parse(Path::new("config.json5"), file).unwrap();
    let env = Env::from_pairs(env.iter().copied());
    resolve(Path::new("/home/o"), &file, &env, &Flags::default()).unwrap().settings
}

#[track_caller]
fn provider(file: &str, env: &[(&str, &str)]) -> ProviderSettings {
    match settings(file, env).model {
        ModelSettings::Providers { first, .. } => *first,
        ModelSettings::Rehearsal => panic!("no provider was selected"),
    }
}

/// The first key of a provider, if it is in the environment.
fn key(provider: &ProviderSettings) -> Option<Secret> {
    provider.keys.first().and_then(|key| key.value.clone())
}

#[test]
fn without_anything_the_defaults_apply_and_the_offline_model_answers() {
    let settings = settings("", &[]);
    assert_eq!(settings.gateway, GatewaySettings { port: 18789, bind: [127, 0, 0, 1].into(), auth: AuthMode::Token });
    assert_eq!(settings.model, ModelSettings::Rehearsal);
    assert_eq!(settings.policy.preset, Preset::Cautious);
    assert_eq!(settings.sandbox.walls, Walls::Required);
    assert_eq!(settings.approvals.expiry, Duration::from_secs(600));
    assert_eq!(settings.limits.memory_bytes, 64 * 1024 * 1024);
    assert_eq!(settings.agent.workspace, Path::new("/home/o/workspace"));
    check_file("", expect![""]);
}

#[test]
fn a_file_that_does_not_exist_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load(&folder.path().join(CONFIG_NAME)).unwrap();
    assert_eq!(loaded.config, ConfigFile::default());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "{ gateway: { port: 1 } }";
    let env = [(env::HOST_PORT, "2"), (env::HOST_BIND, "::1")];
    let flags = Flags { port: Some(3), bind: None };
    check(
        file,
        &[],
        &Flags::default(),
        expect![[r#"
        gateway.port = 1 (file)
    "#]],
    );
    check(
        file,
        &env,
        &Flags::default(),
        expect![[r#"
        gateway.port = 2 (env OPENCLAW_HOST_PORT)
        gateway.bind = "::1" (env OPENCLAW_HOST_BIND)
    "#]],
    );
    check(
        file,
        &env,
        &flags,
        expect![[r#"
        gateway.port = 3 (flag --port)
        gateway.bind = "::1" (env OPENCLAW_HOST_BIND)
    "#]],
    );
}

#[test]
fn a_variable_that_makes_no_sense_is_an_error_that_names_it() {
    check(
        "",
        &[(env::HOST_PORT, "http")],
        &Flags::default(),
        expect![[r#"
        the settings are not valid:
          error: `OPENCLAW_HOST_PORT`: expected a port, 0 to 65535"#]],
    );
}

#[test]
fn every_section_can_be_set() {
    check_file(
        r#"{
            gateway: { port: 0, bind: "::1", auth: { mode: "none" } },
            models: { default: "local/qwen3", providers: { local: { wire: "openai-chat", baseUrl: "http://127.0.0.1:11434/v1/" } } },
            vault: { key: "passphrase" },
            policy: { preset: "deny-all" },
            sandbox: { walls: "best-effort" },
            grants: { web: ["http https://api.example.com GET", "fs notes read"] },
            folders: { notes: "/nowhere/notes" },
            components: { web: { limits: { scratchMiB: 64 } } },
            approvals: { expirySeconds: 60 }, audit: { keepDays: 30 },
            context: { tokens: 32000, replyTokens: 16000, keepRecentTokens: 5000, toolTokens: 4000, notes: false },
            queue: { mode: "collect", debounceMs: 0, cap: 3, drop: "old", parallel: 2 }, subAgents: { maxDepth: 2, maxChildren: 1, runSeconds: 30 },
            limits: { iterations: 5, runSeconds: 60, callSeconds: 10, memoryMiB: 128, tokens: { run: 9 }, usd: { day: 1.5 } },
            agent: { workspace: "/srv/work" }, logging: { level: "warn,claw_gateway=debug" }, // a comment, and a trailing comma
        }"#,
        expect![[r#"
            gateway.port = 0 (file)
            gateway.bind = "::1" (file)
            gateway.auth.mode = "none" (file)
            models.providers.local.baseUrl = "http://127.0.0.1:11434/v1" (file)
            models.default = "local/qwen3" (file)
            grants.web = ["http https://api.example.com GET","fs notes read"] (file)
            agent.workspace = "/srv/work" (file)
            components.web = {"config":{},"limits":{"scratchMiB":64}} (file)
            vault.key = "passphrase" (file)
            policy.preset = "deny-all" (file)
            sandbox.walls = "best-effort" (file)
            approvals.expirySeconds = 60 (file)
            audit.keepDays = 30 (file)
            context.tokens = 32000 (file)
            context.replyTokens = 16000 (file)
            context.keepRecentTokens = 5000 (file)
            context.toolTokens = 4000 (file)
            context.notes = false (file)
            queue.mode = "collect" (file)
            queue.drop = "old" (file)
            queue.debounceMs = 0 (file)
            queue.cap = 3 (file)
            queue.parallel = 2 (file)
            subAgents.maxDepth = 2 (file)
            subAgents.maxChildren = 1 (file)
            subAgents.runSeconds = 30 (file)
            limits.iterations = 5 (file)
            limits.runSeconds = 60 (file)
            limits.callSeconds = 10 (file)
            limits.memoryMiB = 128 (file)
            limits.tokens.run = 9 (file)
            limits.usd.day = 1.5 (file)
            logging.level = "warn,claw_gateway=debug" (file)
            warning: `folders.notes`: `/nowhere/notes` is no folder that can be opened: No such file or directory (os error 2); it is not mounted (config.json5 line 8, column 24)
        "#]],
    );
}

#[test]
fn an_unknown_key_is_an_error_where_it_concerns_safety() {
    // CG-04
    check_file(
        "{\n  gateway: { auht: {} },\n  sandbox: { wall: 'required' },\n  approvals: { xyz: 1 }, subAgents: { depth: 0 },\n  gatway: {}, agent: { tools: [] }, limits: { usdd: {} },\n  models: { providers: { p: { wire: 'openai-chat', baseUrl: 'http://h', apiKey: 'sk-1' } } },\n}",
        expect![[r#"
            the settings are not valid:
              error: `gateway.auht`: unknown key; did you mean `auth`? (config.json5 line 2, column 14)
              error: `sandbox.wall`: unknown key; did you mean `walls`? (config.json5 line 3, column 14)
              error: `approvals.xyz`: unknown key (config.json5 line 4, column 16)
              error: `subAgents.depth`: unknown key; did you mean `maxDepth`? (config.json5 line 4, column 39)
              error: `gatway`: unknown key; did you mean `gateway`? (config.json5 line 5, column 3)
              error: `agent.tools`: unknown key (config.json5 line 5, column 24)
              error: `limits.usdd`: unknown key; did you mean `usd`? (config.json5 line 5, column 47)
              error: `models.providers.p.apiKey`: expected where the key is, like `{ source: "env", id: "LOCAL_API_KEY" }`, not the key itself (config.json5 line 6, column 73)"#]],
    );
}

#[test]
fn an_unknown_key_elsewhere_is_a_warning_with_a_suggestion() {
    check_file(
        "{ $schema: './schema.json', context: { token: 5 }, logging: { colour: true }, theme: 'dark' }",
        expect![[r#"
            warning: `context.token`: unknown key; did you mean `tokens`? (config.json5 line 1, column 40)
            warning: `logging.colour`: unknown key (config.json5 line 1, column 63)
            warning: `theme`: unknown key (config.json5 line 1, column 79)
        "#]],
    );
}

#[test]
fn a_wrong_value_is_an_error_that_names_place_and_expectation_but_never_the_value() {
    check_file(
        "{\n  gateway: { port: 'sk-secret', bind: 'localhost' },\n  policy: { preset: 'lax' },\n  limits: { iterations: 0, callSeconds: 1.5, memoryMiB: true },\n  grants: { web: 'all', 'no name': [7] },\n  logging: [],\n}",
        expect![[r#"
            the settings are not valid:
              error: `gateway.port`: expected a whole number, found a text (config.json5 line 2, column 14)
              error: `policy.preset`: expected `deny-all` or `cautious` or `trusting`, found another text (config.json5 line 3, column 13)
              error: `limits.iterations`: 0 is not between 1 and 1000 (config.json5 line 4, column 13)
              error: `limits.callSeconds`: expected a whole number, found a number (config.json5 line 4, column 28)
              error: `limits.memoryMiB`: expected a whole number, found `true` or `false` (config.json5 line 4, column 46)
              error: `grants.web`: expected a list, found a text (config.json5 line 5, column 13)
              error: `grants.no name[0]`: expected a text, found a number (config.json5 line 5, column 37)
              error: `logging`: expected an object, found a list (config.json5 line 6, column 3)"#]],
    );
}

#[test]
fn what_the_schema_cannot_say_is_checked_too() {
    check_file(
        "{ gateway: { bind: 'localhost' }, grants: { 'a b': [] }, logging: { level: 'loud=very' } }",
        expect![[r#"
            the settings are not valid:
              error: `gateway.bind`: expected an IP address like `127.0.0.1` or `::1` (config.json5 line 1, column 14)
              error: `grants.a b`: `a b` is not a valid component name: 1 to 64 of a-z, 0-9, `-`, `_`, starting with a letter or digit (config.json5 line 1, column 45)
              error: `logging.level`: expected `error`, `warn`, `info`, `debug` or `trace`, also per room: `info,claw_gateway=debug` (config.json5 line 1, column 69)"#]],
    );
}

#[test]
fn a_publisher_that_nobody_can_be_is_an_error_and_so_is_what_demanded_signatures_once() {
    check_file(
        "{ packages: { publishers: [{ source: '', by: ['ada@example.org'] }], sigstoreRoot: 'none.json' } }",
        expect![[r#"
            the settings are not valid:
              error: `packages.publishers[0].source`: write what the sources begin with, e.g. `oci://ghcr.io/ada/` (config.json5 line 1, column 30)
              error: `packages.publishers[0].by[0]`: `ada@example.org` is no minisign key, no `sigstore:NAME via ISSUER` and no `sigstore-key:BASE64` (config.json5 line 1, column 47)
              error: `packages.sigstoreRoot`: `/home/o/none.json` cannot be used: No such file or directory (os error 2) (config.json5 line 1, column 70)"#]],
    );
    check_file(
        "{ packages: { requireSignature: true } }",
        expect![[r#"
        the settings are not valid:
          error: `packages.requireSignature`: unknown key; did you mean `require`? (config.json5 line 1, column 15)"#]],
    );
    check_file(
        "{ packages: { require: 'all' } }",
        expect![[r#"
        the settings are not valid:
          error: `packages.require`: expected `nothing` or `signature` or `minisign` or `sigstore`, found another text (config.json5 line 1, column 15)"#]],
    );
}

#[test]
fn a_key_that_stands_twice_is_an_error() {
    check_file(
        "{ gateway: { port: 1,\n port: 2 } }",
        expect![[r#"
        the settings are not valid:
          error: `gateway.port`: the key stands here and in line 1, column 14; remove one (config.json5 line 2, column 2)"#]],
    );
}

#[test]
fn text_that_is_not_json5_is_an_error_with_its_place() {
    check_file(
        "{ gateway: {\n  port 1 } }",
        expect!["configuration `config.json5` is not valid JSON5: expected colon at line 2, column 8"],
    );
}

#[test]
fn without_a_token_only_this_machine_may_connect() {
    // GW-01
    let flags = Flags { port: None, bind: Some([0, 0, 0, 0].into()) };
    check(
        "{ gateway: { auth: { mode: 'none' } } }",
        &[],
        &flags,
        expect![[r#"
        the settings are not valid:
          error: `gateway.auth.mode`: `none` lets everyone who reaches 0.0.0.0 act as the owner; use `token`, or set `gateway.bind` to `127.0.0.1` (config.json5 line 1, column 22)"#]],
    );
}

#[test]
fn the_provider_whose_key_is_there_answers_and_anthropic_goes_first() {
    let openai = ("OPENAI_API_KEY", "sk-o");
    let anthropic = ("ANTHROPIC_API_KEY", "sk-a");
    assert_eq!(provider("", &[openai]).id, "openai");
    let both = provider("", &[openai, anthropic]);
    assert_eq!((both.id.as_str(), both.wire), ("anthropic", WireFormat::AnthropicMessages));
    assert_eq!(key(&both), Some(Secret::new("sk-a")));
    assert_eq!(provider("{ models: { default: 'openai/gpt-x' } }", &[openai, anthropic]).model, "gpt-x");
}

#[test]
fn the_environment_names_model_and_base_url() {
    let env =
        [(env::HOST_MODEL, "openai/a/b"), ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1/"), (env::HOST_PORT, "1")];
    let provider = provider("{ models: { default: 'anthropic' } }", &env);
    // A server of one's own needs no key.
    assert_eq!(
        (provider.model.as_str(), provider.base_url.as_str(), key(&provider)),
        ("a/b", "http://127.0.0.1:8080/v1", None)
    );
}

#[test]
fn a_provider_in_the_file_takes_its_key_from_the_variable_it_names() {
    let file = "{ models: { default: 'p', providers: { p: { wire: 'anthropic-messages', baseUrl: 'https://h/x', apiKeyEnv: 'P_KEY', model: 'm' } } } }";
    let loaded = parse(Path::new("config.json5"), file).unwrap();
    assert_eq!(loaded.key_variables().collect::<Vec<_>>(), ["P_KEY"]);
    let provider = provider(file, &[("P_KEY", "k")]);
    assert_eq!(
        (provider.model.as_str(), key(&provider), provider.base_url.as_str()),
        ("m", Some(Secret::new("k")), "https://h/x")
    );
    check_file(
        file,
        expect![[r#"
        the settings are not valid:
          error: `models.default`: provider `p` needs its key in the environment variable `P_KEY`, which is not set (config.json5 line 1, column 13)"#]],
    );
}

/// A provider `p` whose key is where `key` says.
fn provider_with(key: &str) -> String {
    format!(
        "{{ models: {{ default: 'p/m', providers: {{ p: {{ wire: 'openai-chat', baseUrl: 'https://h/x', {key} }} }} }} }}"
    )
}

#[test]
fn a_key_can_be_in_five_places_and_only_the_place_is_shown() {
    // SE-14
    let shown = |key: &str| outcome(&provider_with(key), &[("P_KEY", "sk-canary")], &Flags::default());
    let places = [
        "apiKeyEnv: 'P_KEY'",
        "apiKey: { source: 'env', id: 'P_KEY' }",
        "apiKey: { source: 'file', path: 'keys/p' }",
        "apiKey: { source: 'command', argv: ['pass', 'show', 'p'] }",
        "apiKey: { source: 'vault', name: 'p' }",
    ];
    let lines = places.map(|place| {
        let shown = shown(place);
        assert!(!shown.contains("sk-canary"), "{shown}");
        shown.lines().find(|line| line.contains(".apiKey ")).unwrap_or(&shown).to_owned()
    });
    expect![[r#"
        models.providers.p.apiKey = "the environment variable `P_KEY`" (file)
        models.providers.p.apiKey = "the environment variable `P_KEY`" (file)
        models.providers.p.apiKey = "the file `/home/o/keys/p`" (file)
        models.providers.p.apiKey = "the output of `pass`" (file)
        models.providers.p.apiKey = "the vault's secret `p`" (file)"#]]
    .assert_eq(&lines.join("\n"));
    let timeout = |key: &str| provider(&provider_with(key), &[]).keys.remove(0).place;
    let command = |timeout_seconds| SecretRef::Command { argv: vec!["x".to_owned()], timeout_seconds };
    assert_eq!(timeout("apiKey: { source: 'command', argv: ['x'] }"), command(10));
    assert_eq!(timeout("apiKey: { source: 'command', argv: ['x'], timeoutSeconds: 5 }"), command(5));
}

#[test]
fn a_key_that_stands_in_the_file_or_nowhere_is_an_error_that_does_not_repeat_it() {
    // SE-02
    let errors = |key: &str| {
        let shown = outcome(&provider_with(key), &[], &Flags::default());
        assert!(!shown.contains("sk-canary"), "{shown}");
        shown.lines().skip(1).map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    let all = [
        "apiKey: 'sk-canary'",
        "apiKey: { source: 'sk-canary' }",
        "apiKey: { id: 'P_KEY' }",
        "apiKey: { source: 'env', id: 'sk-canary' }",
        "apiKey: { source: 'env', name: 'P_KEY' }",
        "apiKey: { source: 'file', path: '' }",
        "apiKey: { source: 'command', argv: [] }",
        "apiKey: { source: 'command', argv: ['x'], timeoutSeconds: 0 }",
        "apiKey: { source: 'vault', name: 'Not A Name' }",
        "apiKey: { source: 'vault', name: 'p' }, apiKeyEnv: 'P_KEY'",
    ];
    expect![[r#"
        error: `models.providers.p.apiKey`: expected where the key is, like `{ source: "env", id: "LOCAL_API_KEY" }`, not the key itself (config.json5 line 1, column 92)
        error: `models.providers.p.apiKey.source`: expected `env` or `file` or `command` or `vault`, found another text (config.json5 line 1, column 102)
        error: `models.providers.p.apiKey`: the key `source` is missing (config.json5 line 1, column 92)
        error: `models.providers.p.apiKey.id`: expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself (config.json5 line 1, column 117)
        error: `models.default`: provider `p` needs its key in the environment variable `…`, which is not set (config.json5 line 1, column 13)
        error: `models.providers.p.apiKey`: the key `id` is missing (config.json5 line 1, column 92)
        error: `models.providers.p.apiKey.name`: unknown key (config.json5 line 1, column 117)
        error: `models.providers.p.apiKey.path`: expected the path of a file (config.json5 line 1, column 118)
        error: `models.providers.p.apiKey.argv`: expected a program and its arguments, like `["pass", "show", "openai"]` (config.json5 line 1, column 121)
        error: `models.providers.p.apiKey.timeoutSeconds`: 0 is not between 1 and 120 (config.json5 line 1, column 134)
        error: `models.providers.p.apiKey.name`: expected the name of a secret: 1 to 64 of `a-z 0-9 - _ . /`, a letter or digit first (config.json5 line 1, column 119)
        error: `models.providers.p.apiKey`: stands beside `apiKeyEnv`; remove one of them (config.json5 line 1, column 92)"#]]
    .assert_eq(&all.map(errors).join("\n"));
}

#[test]
fn the_vault_command_needs_nothing_of_the_file_but_what_opens_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(vault_key(folder.path()).unwrap(), VaultKey::File);
    // A provider whose key is not in this shell's environment stops `run`, but not `secret set`.
    let file = "{ vault: { key: 'passphrase' }, models: { default: 'anthropic' } }";
    std::fs::write(folder.path().join(CONFIG_NAME), file).unwrap();
    assert_eq!(vault_key(folder.path()).unwrap(), VaultKey::Passphrase);
    check_file(
        "{ vault: { kee: 'file' } }",
        expect![[r#"
        the settings are not valid:
          error: `vault.kee`: unknown key; did you mean `key`? (config.json5 line 1, column 12)"#]],
    );
}

#[test]
fn a_model_that_cannot_be_asked_is_an_error() {
    let complaint = |name: &str| outcome("", &[(env::HOST_MODEL, name)], &Flags::default());
    expect![[r#"
        the settings are not valid:
          error: `OPENCLAW_HOST_MODEL`: provider `anthropic` needs its key in the environment variable `ANTHROPIC_API_KEY`, which is not set"#]]
    .assert_eq(&complaint("anthropic"));
    expect![[r#"
        the settings are not valid:
          error: `OPENCLAW_HOST_MODEL`: there is no provider `antropic`; did you mean `anthropic`?"#]]
    .assert_eq(&complaint("antropic/x"));
    expect![[r#"
        the settings are not valid:
          error: `OPENCLAW_HOST_MODEL`: there is no provider `zz`; describe it under `models.providers`, or use one of `openclaw-host models list --all`"#]]
    .assert_eq(&complaint("zz/x"));
}

#[test]
fn a_provider_that_leaks_or_leads_nowhere_is_an_error_that_does_not_repeat_it() {
    // SE-02
    check_file(
        "{ models: { providers: {\n a: { wire: 'openai-chat', baseUrl: 'https://u:pw@h/' },\n b: { wire: 'openai-chat', baseUrl: 'ftp://h', apiKeyEnv: 'sk-live' },\n 'c/d': { wire: 'openai-chat' } } } }",
        expect![[r#"
            the settings are not valid:
              error: `models.providers.a.baseUrl`: must not hold a user name or password; use `apiKey` (config.json5 line 2, column 28)
              error: `models.providers.b.baseUrl`: must start with `http://` or `https://` (config.json5 line 3, column 28)
              error: `models.providers.b.apiKeyEnv`: expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself (config.json5 line 3, column 48)
              error: `models.providers.c/d`: cannot be the name of a provider (config.json5 line 4, column 2)
              error: `models.providers.c/d`: the key `baseUrl` is missing (config.json5 line 4, column 2)
              warning: `models.providers`: no provider is used until `models.default` names one (config.json5 line 1, column 13)"#]],
    );
    check_file(
        "{ models: { providers: {\n a: { wire: 'openai-chat', baseUrl: 'https://u:pw@h/' },\n b: { wire: 'openai-chat', baseUrl: 'ftp://h', apiKeyEnv: 'sk-live' } } } }",
        expect![[r#"
            the settings are not valid:
              error: `models.providers.a.baseUrl`: must not hold a user name or password; use `apiKey` (config.json5 line 2, column 28)
              error: `models.providers.b.baseUrl`: must start with `http://` or `https://` (config.json5 line 3, column 28)
              error: `models.providers.b.apiKeyEnv`: expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself (config.json5 line 3, column 48)
              warning: `models.providers`: no provider is used until `models.default` names one (config.json5 line 1, column 13)"#]],
    );
}

#[test]
fn keys_are_never_printed() {
    // SE-18
    let env = Env::from_pairs([("OPENAI_API_KEY", "sk-very-secret")]);
    let file = LoadedFile::default();
    let resolved = resolve(Path::new("/home/o"), &file, &env, &Flags::default()).unwrap();
    let shown = format!("{env:?} {resolved:?}");
    assert!(shown.contains("***") && !shown.contains("sk-very-secret"), "{shown}");
}

#[test]
fn keys_in_comments_and_texts_are_no_keys() {
    let text = "/* a: 1 */ { // b: 2\n 'c': \"{ d: 3 }\", \"e\\\"f\": [ { g: 'it\\'s' }, ], }";
    let paths: Vec<String> =
        super::keys::keys(text).into_iter().map(|key| format!("{} {}", key.path, key.position)).collect();
    expect![[r#"
        [
            "c line 2, column 2",
            "e\\\"f line 2, column 19",
            "e\\\"f[0] line 2, column 29",
            "e\\\"f[0].g line 2, column 31",
        ]
    "#]]
    .assert_debug_eq(&paths);
}

#[test]
fn the_schema_tells_editors_what_is_checked() {
    expect_test::expect_file!["snap/schema.json"].assert_eq(&format!("{:#}\n", schema()));
}

#[test]
fn a_grant_of_a_folder_that_nobody_has_named_is_an_error() {
    check_file(
        "{ grants: { web: [\"fs workspace read\", \"fs scratch read-write\", \"fs notes read\"] } }",
        expect![[r#"
            the settings are not valid:
              error: `grants.web[2]`: no folder is named `notes`; name it under `folders`, or remove the grant (config.json5 line 1, column 65)"#]],
    );
}
