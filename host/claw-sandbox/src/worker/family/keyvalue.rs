//! `wasi:keyvalue`: stores of the component's own, kept by the host.

use claw_core::effect::{EffectReply, EffectRequest, KvOperation, KvReply, KvRequest};
use wasmtime::component::Resource;

use crate::worker::bindings::openclaw::types::types;
use crate::worker::bindings::wasi::keyvalue::{atomics, store};
use crate::worker::guest::Guest;

/// An open store, by its name.
pub struct Bucket {
    store: String,
}

impl Guest {
    fn kv(&mut self, bucket: &Resource<Bucket>, operation: KvOperation) -> Result<KvReply, store::Error> {
        let store = self.table.get(bucket).expect("keyvalue: the engine checks handles").store.clone();
        self.kv_by_name(store, operation)
    }

    fn kv_by_name(&mut self, store: String, operation: KvOperation) -> Result<KvReply, store::Error> {
        match self.ask(EffectRequest::Kv(KvRequest { store, operation })) {
            Ok(EffectReply::Kv(reply)) => Ok(reply),
            Ok(_) => Err(other_reply()),
            Err(types::Error::Denied(_)) => Err(store::Error::AccessDenied),
            Err(types::Error::NotFound(_)) => Err(store::Error::NoSuchStore),
            Err(types::Error::Limit(text) | types::Error::Invalid(text) | types::Error::Other(text)) => {
                Err(store::Error::Other(text))
            }
            Err(types::Error::Unavailable(text)) => Err(store::Error::Other(text)),
            Err(types::Error::Cancelled) => Err(store::Error::Other("the call was stopped".to_owned())),
        }
    }
}

fn other_reply() -> store::Error {
    store::Error::Other("the host answered another question".to_owned())
}

impl store::Host for Guest {
    fn open(&mut self, identifier: String) -> Result<Resource<Bucket>, store::Error> {
        self.kv_by_name(identifier.clone(), KvOperation::Open)?;
        let full = |_| store::Error::Other("too many handles are open".to_owned());
        self.table.push(Bucket { store: identifier }).map_err(full)
    }
}

impl store::HostBucket for Guest {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        match self.kv(&bucket, KvOperation::Get { key })? {
            KvReply::Value(value) => Ok(value),
            _ => Err(other_reply()),
        }
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<(), store::Error> {
        self.kv(&bucket, KvOperation::Set { key, value }).map(drop)
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<(), store::Error> {
        self.kv(&bucket, KvOperation::Delete { key }).map(drop)
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<bool, store::Error> {
        match self.kv(&bucket, KvOperation::Exists { key })? {
            KvReply::Found(found) => Ok(found),
            _ => Err(other_reply()),
        }
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Result<store::KeyResponse, store::Error> {
        match self.kv(&bucket, KvOperation::Keys { cursor })? {
            KvReply::Keys { keys, cursor } => Ok(store::KeyResponse { keys, cursor }),
            _ => Err(other_reply()),
        }
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Result<u64, store::Error> {
        match self.kv(&bucket, KvOperation::Increment { key, delta })? {
            KvReply::Number(sum) => Ok(sum),
            _ => Err(other_reply()),
        }
    }
}
