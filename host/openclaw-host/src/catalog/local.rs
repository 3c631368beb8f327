//! Files that the owner has put into the folder `components`.

use std::path::{Path, PathBuf};

use claw_core::id::ComponentName;
use claw_sandbox::Sandbox;
use claw_store::Store;

use super::{Catalog, LOCAL};
use crate::revocations::Revocations;
use crate::settings::Settings;

impl Catalog {
    /// The same with a file of the owner's that was off.
    ///
    /// # Errors
    /// Why it stays off.
    pub async fn with_local(
        &self,
        sandbox: &Sandbox,
        store: &Store,
        settings: &Settings,
        revocations: &Revocations,
        path: &Path,
    ) -> Result<Catalog, String> {
        let mut catalog = self.clone();
        catalog.add_local(sandbox, store, settings, revocations, path).await?;
        catalog.refused.remove(&*path.file_stem().unwrap_or_default().to_string_lossy());
        catalog.specs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(catalog)
    }

    pub(super) async fn add_local(
        &mut self,
        sandbox: &Sandbox,
        store: &Store,
        settings: &Settings,
        revocations: &Revocations,
        path: &Path,
    ) -> Result<(), String> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = ComponentName::parse(&stem).map_err(|err| err.to_string())?;
        if self.components.contains_key(&name) {
            return Err("another component has this name already; rename the file".to_owned());
        }
        let wasm = sandbox.open_wasm(path).map_err(|err| format!("its file cannot be read: {err}"))?;
        if let Some(why) = revocations.of_component(&wasm.digest(), None) {
            return Err(why.to_string());
        }
        let component = sandbox.install(name, wasm).await.map_err(|err| err.to_string())?;
        self.add_untrusted(store, component, LOCAL, settings).await
    }
}

/// The owner's component files, by name; none if there is no folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    files.sort();
    files
}
