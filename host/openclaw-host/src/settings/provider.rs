//! Which model answers: the one that was named, else that of a provider whose key is at hand, else the offline model;
//! and who stands in for it.

mod check;

use std::collections::BTreeMap;
use std::path::Path;

use claw_model::{KeyHeader, KeyUse, ModelFacts, Vendor, WireFormat};

pub use self::check::is_key_name;
use self::check::{check_providers, is_variable, url_problem};
use super::env::{self, Env};
use super::file::{ProviderFile, SecretRef};
use super::issue::Issue;
use super::load::LoadedFile;
use super::resolve::{Merge, Origin};
use super::schema::nearest;
use super::{KeySettings, ModelSettings, ProviderSettings, Secret};

/// The provider that needs no network and no key.
const REHEARSAL: &str = "rehearsal";

/// Stands for a model of a provider of which none is known.
const ANY: &str = "any";

/// The name of the key that `apiKey`, `apiKeyEnv` or a known variable gives.
pub const DEFAULT_KEY: &str = "default";

/// A provider that can be named, whether or not it could be asked.
#[derive(Clone, Debug)]
pub struct KnownProvider {
    /// How settings call it.
    pub id: String,
    /// Whether the file has an entry for it.
    pub in_file: bool,
    /// How it is spoken to.
    pub wire: WireFormat,
    /// Where it is, if that is known.
    pub base_url: Option<String>,
    /// Its keys in the order of their use, also those that are not there.
    pub keys: Vec<KeySettings>,
    /// Whether it answers nobody without a key.
    pub needs_key: bool,
    /// Models of which something is known.
    pub models: Vec<(String, ModelFacts)>,
}

impl KnownProvider {
    /// Whether it could be asked, as far as this can be told without looking into files and the vault.
    pub fn is_usable(&self) -> bool {
        let is_there = |key: &KeySettings| key.value.is_some() || !key.place.is_env();
        self.base_url.is_some() && (!self.needs_key || self.keys.iter().any(is_there))
    }
}

/// All providers that can be named.
pub fn known_providers(file: &LoadedFile, env: &Env) -> Vec<KnownProvider> {
    let entries = &file.config.models.providers;
    let others = entries.keys().map(String::as_str).filter(|id| claw_model::vendor(id).is_none());
    let ids = claw_model::vendors().iter().map(|vendor| vendor.id).chain(others);
    let known = |id| {
        let candidate = candidate(file, env, id)?;
        let own = candidate.file.into_iter().flat_map(|file| file.models.keys().map(String::as_str));
        let listed = candidate.vendor.into_iter().flat_map(|vendor| vendor.models).map(|model| model.name);
        let listed: Vec<&str> = listed.collect();
        let more: Vec<&str> = own.filter(|model| !listed.contains(model)).collect();
        let models = listed.into_iter().chain(more);
        let models = models.map(|model| (model.to_owned(), facts(id, model, candidate.file))).collect();
        Some(KnownProvider {
            id: id.to_owned(),
            in_file: candidate.file.is_some(),
            wire: candidate.wire,
            base_url: candidate.base_url.1,
            keys: candidate.keys.into_iter().map(|(_, key)| key).collect(),
            needs_key: candidate.needs_key == NeedsKey::Yes,
            models,
        })
    };
    ids.filter_map(known).collect()
}

/// A provider before its model is chosen.
struct Candidate<'a> {
    id: String,
    vendor: Option<&'static Vendor>,
    file: Option<&'a ProviderFile>,
    wire: WireFormat,
    key_header: KeyHeader,
    base_url: (Origin, Option<String>),
    keys: Vec<(Origin, KeySettings)>,
    /// Whether it answers nobody without a key.
    needs_key: NeedsKey,
}

#[derive(Clone, Copy, PartialEq)]
enum NeedsKey {
    Yes,
    No,
}

/// Selects the model, and those of agents that have their own, by the ids of these. `None` after a complaint. `home` is
/// where the relative path of a key's file starts.
pub(super) fn select(
    merge: &mut Merge<'_>,
    home: &Path,
    env: &Env,
) -> Option<(ModelSettings, BTreeMap<String, String>)> {
    check_providers(merge);
    let in_file = merge.file.config.models.default.clone().map(|text| (Origin::File, text));
    let in_env = env.get(env::HOST_MODEL).map(|text| (Origin::Env(env::HOST_MODEL.to_owned()), text.to_owned()));
    let (origin, name) = in_env.or(in_file).unwrap_or_else(|| by_key(merge, env));
    let fallbacks = merge.file.config.models.fallbacks.clone();
    if name == REHEARSAL {
        if !fallbacks.is_empty() {
            merge.complain(Issue::warning("models.fallbacks", "has no effect while the rehearsal answers"));
        }
        merge.note("models.default", REHEARSAL, origin);
        let agents = &merge.file.config.agents;
        let places: Vec<_> = agents.iter().filter(|(_, agent)| agent.model.is_some()).map(|(id, _)| id).collect();
        for id in places {
            let message = "has no effect while the rehearsal answers; name a model in `models.default`";
            merge.complain(Issue::warning(format!("agents.{id}.model"), message));
        }
        return Some((ModelSettings::Rehearsal, BTreeMap::new()));
    }
    let place = match &origin {
        Origin::Env(name) => name.clone(),
        _ => "models.default".to_owned(),
    };
    let first = named(merge, home, env, &name, place);
    if let Some(first) = &first {
        merge.note("models.default", format!("{}/{}", first.id, first.model), origin);
    }
    let mut stand_ins = Vec::new();
    for (index, name) in fallbacks.iter().enumerate() {
        stand_ins.push(named(merge, home, env, name, format!("models.fallbacks[{index}]")));
    }
    if !fallbacks.is_empty() {
        merge.note("models.fallbacks", fallbacks, Origin::File);
    }
    let (mut of_agents, mut names) = (Vec::new(), BTreeMap::new());
    for (id, agent) in &merge.file.config.agents {
        let Some(name) = &agent.model else { continue };
        let model = named(merge, home, env, name, format!("agents.{id}.model"));
        names.extend(model.iter().map(|model| (id.clone(), format!("{}/{}", model.id, model.model))));
        of_agents.push(model);
    }
    let all = |models: Vec<Option<_>>| models.into_iter().collect::<Option<Vec<_>>>();
    let (first, fallbacks, others) = (Box::new(first?), all(stand_ins)?, all(of_agents)?);
    let named: Vec<&str> =
        [&*first].into_iter().chain(&fallbacks).chain(&others).map(|model| model.id.as_str()).collect();
    let by_name = by_name(merge.file, home, env, &named);
    Some((ModelSettings::Providers { first, fallbacks, others, by_name }, names))
}

/// The providers beside these that can be asked as they are. What one of them lacks is no fault: nobody has named it. One
/// whose keys only a program knows is not among them: it would run at each start.
fn by_name(file: &LoadedFile, home: &Path, env: &Env, named: &[&str]) -> Vec<ProviderSettings> {
    let known = known_providers(file, env).into_iter().filter(|known| !named.contains(&known.id.as_str()));
    let usable = known.filter(KnownProvider::is_usable).filter_map(|known| {
        let mut candidate = candidate(file, env, &known.id)?;
        let wants_key = !candidate.keys.is_empty();
        candidate.keys.retain(|(_, key)| !matches!(key.place, SecretRef::Command { .. }));
        if wants_key && candidate.keys.is_empty() {
            return None;
        }
        finish(candidate, Some(known.models.first().map_or(ANY, |(model, _)| model)), home).ok()
    });
    usable.map(|(provider, _, _)| provider).collect()
}

/// The provider and model of this name, which stands at `place`. `None` after a complaint.
fn named(merge: &mut Merge<'_>, home: &Path, env: &Env, name: &str, place: String) -> Option<ProviderSettings> {
    let (id, model) = match name.split_once('/') {
        Some((id, model)) => (id, Some(model)),
        None => (name, None),
    };
    let selected = match candidate(merge.file, env, id) {
        Some(candidate) => finish(candidate, model, home),
        None => Err(unknown_provider(merge, id)),
    };
    match selected {
        Ok((provider, url_origin, key_origins)) => {
            let path = format!("models.providers.{}", provider.id);
            merge.note(format!("{path}.baseUrl"), &provider.base_url, url_origin);
            for (key, origin) in provider.keys.iter().zip(key_origins) {
                let place = match key.name.as_str() {
                    DEFAULT_KEY => format!("{path}.apiKey"),
                    name => format!("{path}.keys.{name}"),
                };
                merge.note(place, key.place.to_string(), origin);
            }
            Some(provider)
        }
        Err(message) => {
            merge.complain(Issue::error(place, message));
            None
        }
    }
}

/// The first known provider whose key is in the environment, and of which a model is known.
fn by_key(merge: &mut Merge<'_>, env: &Env) -> (Origin, String) {
    for vendor in claw_model::vendors() {
        let variable = vendor.key_variables.iter().find(|variable| env.get(variable).is_some());
        if let Some(variable) = variable
            && vendor.default_model().is_some()
            && vendor.base_url.is_some()
        {
            return (Origin::Env((*variable).to_owned()), vendor.id.to_owned());
        }
    }
    for vendor in claw_model::vendors() {
        if let (Some(url), [key, ..]) = (vendor.base_url_variable, vendor.key_variables)
            && env.get(url).is_some()
        {
            merge.complain(Issue::warning(url, format!("has no effect without `{key}` or `models.default`")));
        }
    }
    if !merge.file.config.models.providers.is_empty() {
        merge.complain(Issue::warning("models.providers", "no provider is used until `models.default` names one"));
    }
    (Origin::Default, REHEARSAL.to_owned())
}

fn candidate<'a>(file: &'a LoadedFile, env: &Env, id: &str) -> Option<Candidate<'a>> {
    let file = file.config.models.providers.get(id);
    let vendor = claw_model::vendor(id);
    if file.is_none() && vendor.is_none() {
        return None;
    }
    let url_variable = vendor.and_then(|vendor| vendor.base_url_variable);
    let in_env = url_variable.and_then(|name| Some((Origin::Env(name.to_owned()), env.get(name)?.to_owned())));
    let in_file = || Some((Origin::File, file?.base_url.clone()?));
    let own = || vendor.and_then(|vendor| vendor.base_url).map(str::to_owned);
    let (url_origin, base_url) = match in_env.or_else(in_file) {
        Some((origin, url)) => (origin, Some(url)),
        None => (Origin::Default, own()),
    };
    let own_wire = vendor.map(|vendor| if url_origin == Origin::Default { vendor.wire } else { vendor.wire_elsewhere });
    let wire = file.and_then(|file| file.wire).map(WireFormat::from).or(own_wire).unwrap_or(WireFormat::OpenAiChat);
    let own_header = vendor.filter(|vendor| vendor.wire == wire).map(|vendor| vendor.key_header);
    let in_file = file.and_then(|file| file.key_header).map(KeyHeader::from);
    let keys = keys(vendor, file, env);
    // A server of one's own behind another URL may want no key.
    let needs_key = match vendor {
        Some(vendor) => vendor.needs_key() && (url_origin == Origin::Default || vendor.base_url.is_none()),
        None => !keys.is_empty(),
    };
    Some(Candidate {
        id: id.to_owned(),
        vendor,
        file,
        wire,
        key_header: in_file.or(own_header).unwrap_or_else(|| wire.key_header()),
        base_url: (url_origin, base_url),
        keys,
        needs_key: if needs_key { NeedsKey::Yes } else { NeedsKey::No },
    })
}

/// The keys in the order of their use, wherever they are.
fn keys(vendor: Option<&Vendor>, file: Option<&ProviderFile>, env: &Env) -> Vec<(Origin, KeySettings)> {
    let key = |origin, name: &str, place: SecretRef| {
        let value = match &place {
            SecretRef::Env { id } => env.get(id).map(Secret::new),
            SecretRef::File { .. } | SecretRef::Command { .. } | SecretRef::Vault { .. } => None,
        };
        (origin, KeySettings { name: name.to_owned(), place, value })
    };
    let mut keys = Vec::new();
    let variables = vendor.map_or(&[][..], |vendor| vendor.key_variables);
    let more = file.map(|file| &file.keys);
    if let Some(place) = file.and_then(default_key) {
        keys.push(key(Origin::File, DEFAULT_KEY, place));
    } else if let Some(variable) = variables.iter().find(|name| env.get(name).is_some()) {
        keys.push(key(Origin::Default, DEFAULT_KEY, SecretRef::Env { id: (*variable).to_owned() }));
    } else if let (Some(variable), true) = (variables.first(), more.is_none_or(|more| more.is_empty())) {
        // Nothing is there, and its owner is told where it would be looked for.
        keys.push(key(Origin::Default, DEFAULT_KEY, SecretRef::Env { id: (*variable).to_owned() }));
    }
    keys.extend(more.into_iter().flatten().map(|(name, place)| key(Origin::File, name, place.clone())));
    if let Some(file) = file {
        let rank = |name: &String| file.key_order.iter().position(|it| it == name).unwrap_or(usize::MAX);
        keys.sort_by_key(|(_, key)| rank(&key.name));
    }
    keys
}

/// Where the file says that the provider's only or first key is; that it says so once is checked with all entries.
fn default_key(file: &ProviderFile) -> Option<SecretRef> {
    let by_variable = || file.api_key_env.clone().map(|id| SecretRef::Env { id });
    file.api_key.clone().or_else(by_variable)
}

/// The provider with its model, and where its base URL and the places of its keys were said.
fn finish(
    candidate: Candidate<'_>,
    model: Option<&str>,
    home: &Path,
) -> Result<(ProviderSettings, Origin, Vec<Origin>), String> {
    let Candidate { id, vendor, file, wire, key_header, base_url: (url_origin, base_url), keys, needs_key } = candidate;
    let Some(base_url) = base_url else {
        return Err(format!("provider `{id}` needs its address in `models.providers.{id}.baseUrl`"));
    };
    if let Some(problem) = url_problem(&base_url) {
        return Err(format!("the base URL of provider `{id}` {problem}"));
    }
    let own_model = || file.and_then(|file| file.model.clone());
    let usual_model = || vendor.and_then(Vendor::default_model).map(str::to_owned);
    let described = || file.and_then(|file| file.models.keys().next().cloned());
    let model = match model.map(str::to_owned).or_else(own_model).or_else(usual_model).or_else(described) {
        Some(model) if !model.is_empty() => model,
        _ => return Err(format!("names no model; write `{id}/<model>`")),
    };
    let is_there = |key: &KeySettings| key.value.is_some() || !key.place.is_env();
    if needs_key == NeedsKey::Yes
        && !keys.iter().any(|(_, key)| is_there(key))
        && let Some((_, KeySettings { place: SecretRef::Env { id: name }, .. })) = keys.first()
    {
        // What is no name may be the key itself: it is not repeated.
        let name = if is_variable(name) { name } else { "…" };
        let message = "needs its key in the environment variable";
        return Err(format!("provider `{id}` {message} `{name}`, which is not set"));
    }
    let is_ordered = file.is_some_and(|file| !file.key_order.is_empty());
    let key_use = if is_ordered { KeyUse::InOrder } else { KeyUse::Spread };
    // A variable that is not set is no key, where there are others or none is needed.
    let keys = keys.into_iter().filter(|(_, key)| is_there(key));
    let (origins, keys) = keys.map(|(origin, key)| (origin, KeySettings { place: key.place.at(home), ..key })).unzip();
    let named = file.into_iter().flat_map(|file| file.models.keys());
    let others = named.map(|other| (other.clone(), facts(&id, other, file))).collect();
    let facts = facts(&id, &model, file);
    let base_url = base_url.trim_end_matches('/').to_owned();
    Ok((ProviderSettings { id, wire, base_url, key_header, keys, key_use, model, facts, others }, url_origin, origins))
}

/// What is known of a model, corrected by what its owner says.
fn facts(provider: &str, model: &str, file: Option<&ProviderFile>) -> ModelFacts {
    let known = claw_model::facts(provider, model).unwrap_or_default();
    file.and_then(|file| file.models.get(model)).map_or(known, |own| own.correct(known))
}

fn unknown_provider(merge: &Merge<'_>, id: &str) -> String {
    let in_file = merge.file.config.models.providers.keys().map(String::as_str);
    let known = in_file.chain(claw_model::vendors().iter().map(|vendor| vendor.id)).chain([REHEARSAL]);
    match nearest(id, known) {
        Some(name) => format!("there is no provider `{id}`; did you mean `{name}`?"),
        None => format!(
            "there is no provider `{id}`; describe it under `models.providers`, or use one of \
             `openclaw-host models list --all`"
        ),
    }
}

#[cfg(test)]
mod tests;
