//! ClawHub: finding skills, what is said of them, and getting their files.
//!
//! Source: ClawHub's HTTP API, `/api/v1`, and its rules for those who use it: name yourself, keep to the limits.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use claw_core::text::is_ignorable;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::PackageError;
use crate::fetch::{Fetcher, body, host, may_lead};

/// The longest archive. Source: ClawHub's limit of a bundle.
const MAX_ARCHIVE_BYTES: usize = 50 << 20;
/// Answers in JSON.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// What is read of a refusal.
const MAX_REFUSAL_BYTES: usize = 8 << 10;
/// Characters that are shown of it.
const MAX_REFUSAL_CHARS: usize = 300;
/// Who wants to be left alone for longer is not waited for.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Where a limit is reached and nobody says for how long.
const DEFAULT_WAIT: u64 = 60;

/// A skill there: `clawhub:[OWNER/]SLUG[@VERSION]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillRef {
    /// Whose, where two have one of the name.
    pub owner: Option<String>,
    /// Its name there, in lower case.
    pub slug: String,
    /// The version; the latest where none is given.
    pub version: Option<String>,
}

/// A client of one ClawHub.
pub struct ClawHub {
    client: Client,
    /// How long an answer may take to come whole.
    patience: Duration,
    base: Url,
    token: Option<String>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// Its name there.
    pub slug: String,
    /// Whose it is.
    #[serde(default)]
    pub owner_handle: Option<String>,
    /// What it is called.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub summary: Option<String>,
    /// Its latest version.
    #[serde(default)]
    pub version: Option<String>,
}

/// What is said of a skill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its name there now; it may have had another before.
    pub slug: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it is for.
    pub summary: String,
    /// Its latest version.
    pub latest: Option<String>,
    /// Whether it is blocked because it does harm.
    pub is_malware: bool,
    /// Whether something about it is odd.
    pub is_suspicious: bool,
    /// Why, in words of ClawHub.
    pub reasons: Vec<String>,
}

/// What ClawHub's scanners say of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found.
    Pass,
    /// Something is odd, for these reasons.
    Suspicious(Vec<String>),
    /// It must not be used, for these reasons.
    Fail(Vec<String>),
    /// This ClawHub has no verdicts.
    Unknown,
}

/// A skill's files, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The archive.
    pub archive: Bytes,
    /// The folder of it that is the skill, if it is that of a whole repository.
    pub within: Option<String>,
    /// Where it came from, if not from ClawHub itself.
    pub from: Option<String>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<Hit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SkillAnswer {
    skill: SkillPart,
    latest_version: Option<VersionPart>,
    owner: Option<OwnerPart>,
    moderation: Option<ModerationPart>,
}

#[derive(Deserialize)]
struct SkillPart {
    slug: String,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct VersionPart {
    version: String,
}

#[derive(Deserialize)]
struct OwnerPart {
    handle: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModerationPart {
    #[serde(default)]
    is_suspicious: bool,
    #[serde(default)]
    is_malware_blocked: bool,
    summary: Option<String>,
    reason_codes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Verdicts {
    #[serde(default)]
    items: Vec<VerdictPart>,
}

#[derive(Deserialize)]
struct VerdictPart {
    #[serde(default)]
    ok: bool,
    decision: Option<String>,
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    security: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handoff {
    source_ref: String,
    repo: String,
    commit: String,
    path: String,
    archive_url: String,
}

// === impl SkillRef ===

impl SkillRef {
    /// Reads `clawhub:[OWNER/]SLUG[@VERSION]`; `None` for texts that do not begin with `clawhub:`.
    ///
    /// # Errors
    /// [`PackageError::Skill`].
    pub fn parse(text: &str) -> Option<Result<SkillRef, PackageError>> {
        let rest = text.strip_prefix("clawhub:")?;
        let unknown = || PackageError::Skill { text: text.chars().take(200).collect() };
        Some(SkillRef::read(rest).ok_or_else(unknown))
    }

    fn read(text: &str) -> Option<SkillRef> {
        let text = text.strip_prefix('@').unwrap_or(text);
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let (owner, slug) = name.split_once('/').map_or((None, name), |(owner, slug)| (Some(owner), slug));
        let is_version = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
            (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric()
        };
        let is_whole = is_slug(slug) && owner.is_none_or(is_slug) && version.is_none_or(is_version);
        is_whole.then(|| SkillRef {
            owner: owner.map(str::to_ascii_lowercase),
            slug: slug.to_ascii_lowercase(),
            version: version.map(str::to_owned),
        })
    }
}

impl fmt::Display for SkillRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("clawhub:")?;
        self.owner.iter().try_for_each(|owner| write!(f, "{owner}/"))?;
        f.write_str(&self.slug)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

/// Whether a text can be a skill's name there, and so the name of a folder here.
fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric()
}

// === impl ClawHub ===

impl Fetcher {
    /// A client of the ClawHub at `base`; `token` is only ever sent there.
    pub fn clawhub(&self, base: &Url, token: Option<String>) -> ClawHub {
        ClawHub { client: self.client().clone(), patience: self.within(), base: base.clone(), token }
    }
}

impl ClawHub {
    /// Finds skills by words.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn search(&self, words: &str, limit: u32) -> Result<Vec<Hit>, PackageError> {
        let query = [("q", words), ("limit", &limit.to_string())];
        let Results { results } = self.json(self.get("search", &query)).await?;
        Ok(results.into_iter().filter(|hit| is_slug(&hit.slug)).collect())
    }

    /// What is said of a skill.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn listing(&self, skill: &SkillRef) -> Result<Listing, PackageError> {
        let owner: Vec<_> = skill.owner.iter().map(|owner| ("ownerHandle", owner.as_str())).collect();
        let answer: SkillAnswer = self.json(self.get(&format!("skills/{}", skill.slug), &owner)).await?;
        if !is_slug(&answer.skill.slug) {
            return Err(self.odd("a skill there has a name that is none"));
        }
        let latest = answer.latest_version.map(|it| it.version);
        let moderation = answer.moderation;
        let said = moderation.iter().flat_map(|it| it.reason_codes.iter().flatten().chain(&it.summary));
        Ok(Listing {
            slug: answer.skill.slug.to_ascii_lowercase(),
            owner: answer.owner.and_then(|owner| owner.handle).map(|handle| harmless(&handle)),
            summary: harmless(&answer.skill.summary.unwrap_or_default()),
            latest,
            is_malware: moderation.as_ref().is_some_and(|it| it.is_malware_blocked),
            is_suspicious: moderation.as_ref().is_some_and(|it| it.is_suspicious),
            reasons: said.map(|text| harmless(text)).collect(),
        })
    }

    /// What the scanners say of one version.
    ///
    /// # Errors
    /// [`PackageError`]. A ClawHub that has no verdicts is none.
    pub async fn verdict(&self, skill: &SkillRef, version: &str) -> Result<Verdict, PackageError> {
        let mut item = json!({ "slug": skill.slug, "version": version });
        if let Some(owner) = &skill.owner {
            item["ownerHandle"] = json!(owner);
        }
        let request = self.request(Method::POST, "skills/-/security-verdicts", &[]);
        let asked: Result<Verdicts, _> = self.json(request.json(&json!({ "items": [item] }))).await;
        let verdict = match asked {
            Ok(Verdicts { items }) => items.into_iter().next(),
            Err(PackageError::Hub { status: 404 | 405, .. }) => return Ok(Verdict::Unknown),
            Err(err) => return Err(err),
        };
        let Some(VerdictPart { ok, decision, reasons, security }) = verdict else {
            return Ok(Verdict::Fail(vec!["it gives no verdict on this version".to_owned()]));
        };
        let reasons: Vec<_> = reasons.iter().map(|reason| harmless(reason)).collect();
        Ok(match (ok && decision.as_deref() == Some("pass"), security["status"].as_str()) {
            (true, _) => Verdict::Pass,
            (false, Some("suspicious")) => Verdict::Suspicious(reasons),
            (false, _) => Verdict::Fail(reasons),
        })
    }

    /// The files of one version, packed: from ClawHub, or from the public repository that it names.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn download(&self, skill: &SkillRef, version: &str) -> Result<Download, PackageError> {
        let mut query = vec![("slug", skill.slug.as_str()), ("version", version)];
        query.extend(skill.owner.iter().map(|owner| ("ownerHandle", owner.as_str())));
        let response = self.send(self.get("download", &query)).await?;
        let is_json = |headers: &HeaderMap| {
            headers.get(CONTENT_TYPE).is_some_and(|it| it.to_str().is_ok_and(|it| it.starts_with("application/json")))
        };
        if !is_json(response.headers()) {
            return Ok(Download { archive: body(response, MAX_ARCHIVE_BYTES).await?, within: None, from: None });
        }
        let handoff: Handoff = self.parse(&body(response, MAX_ANSWER_BYTES).await?)?;
        self.follow(handoff).await
    }

    /// Gets the archive of a repository. It must name the commit: what was looked at there is what comes.
    async fn follow(&self, handoff: Handoff) -> Result<Download, PackageError> {
        let Handoff { source_ref, repo, commit, path, archive_url } = handoff;
        let url =
            Url::parse(&archive_url).map_err(|_| self.odd("it hands the download on to something that is no URL"))?;
        let is_commit = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if source_ref != "public-github" || !is_commit || !url.as_str().contains(&commit) || !may_lead(&self.base, &url)
        {
            return Err(self.odd("it hands the download on to a place that is not believed"));
        }
        let response = answered(self.client.get(url.clone()).timeout(self.patience), &host(&url), url.path()).await?;
        let archive = body(response, MAX_ARCHIVE_BYTES).await?;
        let from = format!("{} at {commit}", harmless(&repo));
        Ok(Download { archive, within: Some(path), from: Some(from) })
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.request(Method::GET, path, query)
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{path}", self.base.path().trim_end_matches('/')));
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url).timeout(self.patience);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, PackageError> {
        answered(request, &host(&self.base), "").await
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, PackageError> {
        let response = self.send(request).await?;
        self.parse(&body(response, MAX_ANSWER_BYTES).await?)
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, PackageError> {
        serde_json::from_slice(bytes).map_err(|err| self.odd(&err.to_string()))
    }

    fn odd(&self, what: &str) -> PackageError {
        PackageError::Protocol { host: host(&self.base), what: what.to_owned() }
    }
}

/// Sends a request; waits once where the server asks for it and that is not long.
async fn answered(request: RequestBuilder, host: &str, what: &str) -> Result<Response, PackageError> {
    let again = request.try_clone();
    let response = sent(request, host).await?;
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return expect_success(response, host, what).await;
    }
    let seconds = wait(response.headers());
    match again.filter(|_| Duration::from_secs(seconds) <= MAX_WAIT) {
        None => Err(PackageError::RateLimit { host: host.to_owned(), seconds }),
        Some(again) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let response = sent(again, host).await?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                let seconds = wait(response.headers());
                return Err(PackageError::RateLimit { host: host.to_owned(), seconds });
            }
            expect_success(response, host, what).await
        }
    }
}

async fn sent(request: RequestBuilder, host: &str) -> Result<Response, PackageError> {
    let sent = request.send().await;
    sent.map_err(|err| PackageError::Fetch { host: host.to_owned(), err: err.without_url() })
}

/// Seconds until a limit is over, as the headers say it.
fn wait(headers: &HeaderMap) -> u64 {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    number(RETRY_AFTER.as_str()).or_else(|| number("ratelimit-reset")).unwrap_or(DEFAULT_WAIT)
}

async fn expect_success(response: Response, host: &str, what: &str) -> Result<Response, PackageError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let what = if what.is_empty() { response.url().path().to_owned() } else { what.to_owned() };
    let text = body(response, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    let text = harmless(&String::from_utf8_lossy(&text));
    Err(PackageError::Hub { host: host.to_owned(), status: status.as_u16(), what, text })
}

/// A stranger's words in one line that hides nothing and is not long.
fn harmless(text: &str) -> String {
    let plain = text.chars().filter(|c| !is_ignorable(*c)).map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_REFUSAL_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_named_by_its_slug_its_owner_and_its_version() {
        let shown = |text: &str| SkillRef::parse(text).unwrap().map(|it| it.to_string());
        for text in ["clawhub:weather", "clawhub:weather@1.2.3-beta+4", "clawhub:ada/weather", "clawhub:ada/w_1@2"] {
            assert_eq!(shown(text).unwrap(), text);
        }
        assert_eq!(shown("clawhub:@Ada/Weather").unwrap(), "clawhub:ada/weather");
        assert!(SkillRef::parse("weather").is_none());
        let long = format!("clawhub:{}", "a".repeat(65));
        for bad in ["clawhub:", "clawhub:..", "clawhub:a/b/c", "clawhub:a@", "clawhub:a@../x", "clawhub:-a", &long] {
            assert!(matches!(SkillRef::parse(bad), Some(Err(PackageError::Skill { .. }))), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_over_when_its_headers_say_so() {
        let headers = |pairs: &[(&'static str, &str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
        };
        assert_eq!(wait(&headers(&[("retry-after", "34"), ("ratelimit-reset", "9")])), 34);
        assert_eq!(wait(&headers(&[("ratelimit-reset", "9")])), 9);
        assert_eq!(wait(&headers(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")])), DEFAULT_WAIT);
    }

    #[test]
    fn what_strangers_say_is_one_line() {
        assert_eq!(harmless("  gone\n\u{1b}[31m\u{202e}now "), "gone  [31mnow");
        assert_eq!(harmless(&"x".repeat(9999)).len(), MAX_REFUSAL_CHARS);
    }
}
