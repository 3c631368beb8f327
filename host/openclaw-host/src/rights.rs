//! What owners give components, take back and stop: stored first, then in force at once, for what runs as well.

use std::sync::Arc;

use claw_core::approval::{Approval, ApprovalState};
use claw_core::event::{HOST_MARK, HostEvent};
use claw_core::grant::{GrantRow, Terms};
use claw_core::id::ComponentName;
use claw_policy::Given;
use claw_store::StoreError;

use crate::catalog::Installed;
use crate::channels;
use crate::host::{Host, now};

/// Why grants were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Nothing of that name.
    #[error("no component `{0}` is installed")]
    NoSuchComponent(ComponentName),
    /// A grant makes no sense.
    #[error(transparent)]
    Grant(#[from] claw_policy::GrantError),
    /// The component does not ask for it, so that it would open nothing.
    #[error(
        "component `{component}` declares nothing like `{grant}`; a grant beyond what it declares or, without a manifest, imports would open nothing"
    )]
    Undeclared {
        /// Which.
        component: ComponentName,
        /// The grant.
        grant: String,
    },
    /// It has no such grant.
    #[error(
        "component `{component}` has no grant `{grant}` of its own; `openclaw-host component grants {component}` lists them"
    )]
    NoSuchGrant {
        /// Which.
        component: ComponentName,
        /// The text.
        grant: String,
    },
    /// The grants could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Host {
    fn installed(&self, component: &ComponentName) -> Result<Arc<Installed>, ChangeError> {
        let installed = self.catalog().component(component).cloned();
        installed.ok_or_else(|| ChangeError::NoSuchComponent(component.clone()))
    }

    /// Gives grants to a component and takes others. What was taken ends the component's calls, connections and
    /// programs at once.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn change_grants(
        &self,
        component: &ComponentName,
        add: Vec<(String, Terms)>,
        remove: &[String],
        by: &str,
    ) -> Result<Vec<GrantRow>, ChangeError> {
        let installed = self.installed(component)?;
        let known = self.store.grants(component, &installed.component.digest)?;
        let add = add.into_iter().map(|(text, terms)| {
            let given = Given::parse(&text, terms)?;
            if !installed.has_room_for(&given.grant) {
                let (component, grant) = (component.clone(), given.grant.to_string());
                return Err(ChangeError::Undeclared { component, grant });
            }
            Ok(GrantRow { grant: given.grant.to_string(), terms: given.terms, by: by.to_owned(), at: now() })
        });
        let add = add.collect::<Result<Vec<_>, _>>()?;
        let mut taken = Vec::new();
        for text in remove {
            let named: Vec<_> = known.iter().filter(|row| names(row, text)).cloned().collect();
            if named.is_empty() {
                return Err(ChangeError::NoSuchGrant { component: component.clone(), grant: text.clone() });
            }
            taken.extend(named);
        }
        let is_less = !taken.is_empty();
        let rows = self.store.change_grants(component, &installed.component.digest, add, taken, by, now()).await?;
        installed.set_grants(&rows)?;
        tracing::info!(%component, by, grants = rows.len(), "grants changed");
        if is_less {
            self.end_all(&installed).await;
        }
        channels::changed(self, component).await;
        Ok(rows)
    }

    /// Stops a component until its owner lets it go on.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn pause_component(&self, component: &ComponentName, by: &str) -> Result<(), ChangeError> {
        let installed = self.installed(component)?;
        self.store.pause(component, by, "its owner paused it", now()).await?;
        tracing::info!(%component, by, "component paused");
        self.end_all(&installed).await;
        Ok(())
    }

    /// Lets a paused component go on; says whether it was paused.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn resume_component(&self, component: &ComponentName, by: &str) -> Result<bool, ChangeError> {
        self.installed(component)?;
        let was_paused = self.store.resume(component, by, now()).await?;
        tracing::info!(%component, by, was_paused, "component goes on");
        channels::changed(self, component).await;
        Ok(was_paused)
    }

    /// Puts in force what an answer has given or stopped.
    pub async fn after_answer(&self, approval: &Approval) {
        let Ok(installed) = self.installed(&approval.component) else { return };
        if let ApprovalState::Approved { always: Some(_), .. } = &approval.state {
            self.reload_grants(&installed);
            channels::changed(self, &approval.component).await;
        }
        if matches!(approval.state, ApprovalState::Denied { .. })
            && let Ok(Some(paused)) = self.store.paused(&approval.component)
        {
            self.end_all(&installed).await;
            let component = &approval.component;
            let text = format!(
                "{HOST_MARK} `{component}` is paused: {}. `openclaw-host component resume {component}` lets it go on.",
                paused.why
            );
            let (run, session) = (approval.run.clone(), approval.session.clone());
            channels::say(self, &session, &text).await;
            self.tell(HostEvent::Noticed { run, session, text: Arc::from(text) });
        }
    }

    /// Reads a component's grants again, after one of them was used.
    pub fn reload_grants(&self, installed: &Installed) {
        let rows = self.store.grants(&installed.component.name, &installed.component.digest);
        let put = rows.map_err(ChangeError::from).and_then(|rows| Ok(installed.set_grants(&rows)?));
        if let Err(err) = put {
            tracing::error!(component = %installed.component.name, error = %err, "grants cannot be read again");
        }
    }

    async fn end_all(&self, installed: &Installed) {
        installed.end_calls();
        self.processes.stop_of(&installed.component.name).await;
    }
}

/// Whether a text means this grant: its own text, or all that is shown of it.
fn names(row: &GrantRow, text: &str) -> bool {
    let text = text.trim();
    let shown = Given::parse(&row.grant, row.terms.clone()).map(|given| given.to_string());
    row.grant == text || shown.is_ok_and(|shown| shown == text)
}
