//! The components' own stores of keys and values.
//!
//! A component sees its stores and nobody else's: its name is part of every key, and comes from the host.

use claw_core::effect::{KvOperation, KvReply, KvRequest};
use claw_core::id::ComponentName;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::unsealed;
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};

/// What the stores of one component may hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvLimits {
    /// Bytes of keys and values. Default 16 MiB: a cache, not a database.
    pub bytes: u64,
    /// Keys. Default 10,000.
    pub keys: u64,
    /// Bytes of one key. Default 512.
    pub key_bytes: usize,
    /// Bytes of one value. Default 1 MiB.
    pub value_bytes: usize,
}

impl Default for KvLimits {
    fn default() -> Self {
        KvLimits { bytes: 16 << 20, keys: 10_000, key_bytes: 512, value_bytes: 1 << 20 }
    }
}

/// Why an operation on a store was not done. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KvError {
    /// A limit would be passed.
    #[error("{0}")]
    Limit(String),
    /// The key or the value under it does not fit the operation.
    #[error("{0}")]
    Invalid(String),
    /// The host's own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keys of one page.
const PAGE: usize = 1000;

/// Where a value stands.
#[derive(Clone, Debug)]
pub(crate) struct KvKey {
    pub component: ComponentName,
    pub store: String,
    pub key: String,
}

/// What the stores of a component hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub bytes: u64,
    pub keys: u64,
}

impl Store {
    /// Does one operation on a store of `component`. What it sets is durable when it returns.
    ///
    /// # Errors
    /// [`KvError`]; nothing was changed then.
    pub async fn kv(
        &self,
        component: &ComponentName,
        request: KvRequest,
        limits: KvLimits,
    ) -> Result<KvReply, KvError> {
        let KvRequest { store, operation } = request;
        let key = |key: String| KvKey { component: component.clone(), store: store.clone(), key };
        match operation {
            KvOperation::Open => Ok(KvReply::Done),
            KvOperation::Get { key: name } => {
                let key = key(name);
                Ok(KvReply::Value(self.read_file(|snapshot| find(&snapshot.table(tables::KV)?, &key))?))
            }
            KvOperation::Exists { key: name } => {
                let key = key(name);
                let found = self.read_file(|snapshot| find(&snapshot.table(tables::KV)?, &key))?.is_some();
                Ok(KvReply::Found(found))
            }
            KvOperation::Keys { cursor } => self.kv_keys(component, &store, cursor.unwrap_or(0)),
            KvOperation::Set { key: name, value } => {
                let key = key(name);
                check_sizes(&key, &value, limits)?;
                self.kv_write(move |tables| set(tables, key, value, limits)).await
            }
            KvOperation::Delete { key: name } => {
                let key = key(name);
                self.kv_write(move |tables| delete(tables, key)).await
            }
            KvOperation::Increment { key: name, delta } => {
                let key = key(name);
                check_sizes(&key, &[], limits)?;
                self.kv_write(move |tables| increment(tables, key, delta, limits)).await
            }
        }
    }

    async fn kv_write(
        &self,
        decide: impl FnOnce(&Tables<'_>) -> Result<Result<Decided<KvReply>, KvError>, Failure> + Send + 'static,
    ) -> Result<KvReply, KvError> {
        self.write(move |tables| {
            Ok(match decide(tables)? {
                Ok(Decided { answer, changes }) => Decided { answer: Ok(answer), changes },
                Err(refused) => Decided::unchanged(Err(refused)),
            })
        })
        .await?
    }

    fn kv_keys(&self, component: &ComponentName, store: &str, from: u64) -> Result<KvReply, KvError> {
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        let mut keys = self.read_file(|snapshot| {
            let table = snapshot.table(tables::KV)?;
            let mut keys = Vec::new();
            for item in table.range((component.as_str(), store, "")..)?.skip(skip).take(PAGE + 1) {
                let (place, _) = item?;
                let (owner, of, key) = place.value();
                if owner != component.as_str() || of != store {
                    break;
                }
                keys.push(key.to_owned());
            }
            Ok(keys)
        })?;
        let more = keys.len() > PAGE;
        keys.truncate(PAGE);
        Ok(KvReply::Keys { keys, cursor: more.then(|| from + PAGE as u64) })
    }
}

fn check_sizes(key: &KvKey, value: &[u8], limits: KvLimits) -> Result<(), KvError> {
    if key.key.is_empty() || key.key.len() > limits.key_bytes {
        return Err(KvError::Invalid(format!("a key has 1 to {} bytes", limits.key_bytes)));
    }
    if value.len() > limits.value_bytes {
        let message = format!("a value has at most {} bytes; this one has {}", limits.value_bytes, value.len());
        return Err(KvError::Limit(message));
    }
    Ok(())
}

type Place = (&'static str, &'static str, &'static str);

fn find(table: &impl ReadableTable<Place, Bytes>, key: &KvKey) -> Result<Option<Vec<u8>>, Failure> {
    let value = table.get((key.component.as_str(), key.store.as_str(), key.key.as_str()))?;
    let name = || format!("{}/{}/{}", key.component, key.store, key.key);
    let unsealed = |value: redb::AccessGuard<'_, Bytes>| Ok(unsealed("kv", &name(), value.value())?.to_vec());
    value.map(unsealed).transpose()
}

fn used(tables: &Tables<'_>, component: &ComponentName) -> Result<Used, Failure> {
    let table = tables.kv_used()?;
    let row = table.get(component.as_str())?;
    Ok(row.map_or(Used::default(), |row| {
        let (bytes, keys) = row.value();
        Used { bytes, keys }
    }))
}

fn size(key: &KvKey, value: &[u8]) -> u64 {
    (key.store.len() + key.key.len() + value.len()) as u64
}

/// What the stores hold after a value took the place of another.
fn after(used: Used, key: &KvKey, old: Option<&[u8]>, new: Option<&[u8]>) -> Used {
    let (old_bytes, old_keys) = old.map_or((0, 0), |value| (size(key, value), 1));
    let (new_bytes, new_keys) = new.map_or((0, 0), |value| (size(key, value), 1));
    Used {
        bytes: (used.bytes + new_bytes).saturating_sub(old_bytes),
        keys: (used.keys + new_keys).saturating_sub(old_keys),
    }
}

fn set(
    tables: &Tables<'_>,
    key: KvKey,
    value: Vec<u8>,
    limits: KvLimits,
) -> Result<Result<Decided<KvReply>, KvError>, Failure> {
    let old = find(&tables.kv()?, &key)?;
    let before = used(tables, &key.component)?;
    let used = after(before, &key, old.as_deref(), Some(&value));
    // What shrinks a store is never refused, even if the limits were lowered meanwhile.
    if used.bytes > limits.bytes.max(before.bytes) {
        let message = format!("the stores of `{}` may hold {} bytes together", key.component, limits.bytes);
        return Ok(Err(KvError::Limit(message)));
    }
    if used.keys > limits.keys.max(before.keys) {
        let message = format!("the stores of `{}` may hold {} keys together", key.component, limits.keys);
        return Ok(Err(KvError::Limit(message)));
    }
    let changes = vec![Change::Kv { key, value: Some(value), used }];
    Ok(Ok(Decided { answer: KvReply::Done, changes }))
}

fn delete(tables: &Tables<'_>, key: KvKey) -> Result<Result<Decided<KvReply>, KvError>, Failure> {
    let Some(old) = find(&tables.kv()?, &key)? else { return Ok(Ok(Decided::unchanged(KvReply::Done))) };
    let used = after(used(tables, &key.component)?, &key, Some(&old), None);
    Ok(Ok(Decided { answer: KvReply::Done, changes: vec![Change::Kv { key, value: None, used }] }))
}

fn increment(
    tables: &Tables<'_>,
    key: KvKey,
    delta: u64,
    limits: KvLimits,
) -> Result<Result<Decided<KvReply>, KvError>, Failure> {
    let old = find(&tables.kv()?, &key)?;
    // The number is kept as decimal text, so that `get` shows what a person would write.
    let number = match old.as_deref().map(std::str::from_utf8) {
        None => Some(0),
        Some(text) => text.ok().and_then(|text| text.parse::<u64>().ok()),
    };
    let Some(sum) = number.and_then(|number| number.checked_add(delta)) else {
        let message = format!("the value under `{}` is no number, or the sum is too large", key.key.escape_default());
        return Ok(Err(KvError::Invalid(message)));
    };
    let set = set(tables, key, sum.to_string().into_bytes(), limits)?;
    Ok(set.map(|decided| Decided { answer: KvReply::Number(sum), changes: decided.changes }))
}

impl From<KvError> for claw_core::effect::EffectError {
    fn from(err: KvError) -> Self {
        use claw_core::effect::EffectError;
        match err {
            KvError::Limit(text) => EffectError::Limit(text),
            KvError::Invalid(text) => EffectError::Invalid(text),
            KvError::Store(err) => EffectError::Unavailable(err.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
