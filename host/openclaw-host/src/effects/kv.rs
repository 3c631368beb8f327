//! The component's own stores of keys and values.

use claw_core::effect::{EffectError, KvReply, KvRequest};
use claw_policy::{Action, Name};
use claw_store::{LabelledPlace, StoreError};

use super::Effects;

impl Effects {
    pub(super) async fn kv(&self, request: KvRequest) -> Result<KvReply, EffectError> {
        Name::parse(&request.store).map_err(|err| EffectError::Invalid(err.to_string()))?;
        let admitted = self.decide(Action::UseStore(request.store.clone())).await?;
        let store = &self.context.host.store;
        let place = LabelledPlace::Kv(self.name().clone(), request.store.clone());
        self.label(store.labels(&place).map_err(unavailable)?).await?;
        if request.operation.writes() {
            self.may_change(&format!("a change of the store `{}`", request.store))?;
            store.add_labels(&place, &self.context.labels_to_keep()).await.map_err(unavailable)?;
            self.kv_noted.get_or_try_init(|| async { self.note(&admitted).await.map(drop) }).await?;
        }
        self.note_allowed(&admitted);
        let limits = self.installed.settings.kv_limits();
        Ok(store.kv(self.name(), request, limits).await?)
    }
}

fn unavailable(err: StoreError) -> EffectError {
    EffectError::Unavailable(err.to_string())
}
