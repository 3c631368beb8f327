//! `wasi:config`: what the owner wrote down for this component.

use crate::worker::bindings::wasi::config::store;
use crate::worker::guest::Guest;

impl store::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<String>, store::Error> {
        Ok(self.config.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone()))
    }

    fn get_all(&mut self) -> Result<Vec<(String, String)>, store::Error> {
        Ok(self.config.to_vec())
    }
}
