//! The component's own stores of keys and values.

use claw_core::effect::{EffectError, KvReply, KvRequest};
use claw_policy::{Action, Name};

use super::Effects;

impl Effects {
    pub(super) async fn kv(&self, request: KvRequest) -> Result<KvReply, EffectError> {
        Name::parse(&request.store).map_err(|err| EffectError::Invalid(err.to_string()))?;
        let admitted = self.decide(Action::UseStore(request.store.clone())).await?;
        if request.operation.writes() {
            self.kv_noted.get_or_try_init(|| async { self.note(&admitted).await.map(drop) }).await?;
        }
        self.note_allowed(&admitted);
        let limits = self.installed().settings.kv_limits();
        Ok(self.context.host.store.kv(&self.component, request, limits).await?)
    }
}
