//! Keys and values: `wasi:keyvalue`.

use serde::{Deserialize, Serialize};

/// One operation on a store of the component's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRequest {
    /// The store's name.
    pub store: String,
    /// What to do.
    pub operation: KvOperation,
}

/// What is done to a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvOperation {
    /// Asks whether it may be used.
    Open,
    /// Reads a value.
    Get {
        /// The key.
        key: String,
    },
    /// Sets a value.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: String,
    },
    /// Asks whether a key is there.
    Exists {
        /// The key.
        key: String,
    },
    /// One page of keys.
    Keys {
        /// Where the page begins; `None` for the first one.
        cursor: Option<u64>,
    },
    /// Adds to the number under a key.
    Increment {
        /// The key.
        key: String,
        /// How much.
        delta: u64,
    },
}

impl KvOperation {
    /// Whether it changes the store.
    pub fn writes(&self) -> bool {
        matches!(self, KvOperation::Set { .. } | KvOperation::Delete { .. } | KvOperation::Increment { .. })
    }
}

/// What comes of a [`KvRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvReply {
    /// Nothing to tell.
    Done,
    /// The value, if the key is there.
    Value(Option<Vec<u8>>),
    /// Whether the key is there.
    Found(bool),
    /// One page of keys.
    Keys {
        /// In order.
        keys: Vec<String>,
        /// Where the next page begins; `None` after the last one.
        cursor: Option<u64>,
    },
    /// The sum.
    Number(u64),
}
