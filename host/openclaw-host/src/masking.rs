//! No secret of the vault gets into a transcript, the log or a model's prompt, whatever component brings it back.

use std::borrow::Cow;

use claw_core::approval::Approval;
use claw_core::event::HOST_MARK;
use claw_core::guard::Guard;
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_effects::Mask;
use claw_model::Reply;
use claw_vault::{Vault, VaultError};

use crate::recording::Recording;
use crate::tool_call::Called;

/// The call as it may be kept: secrets masked in its outcome, and no recording that holds one.
pub fn masked(vault: &Vault, called: Called) -> Called {
    let mask = match of_values(vault) {
        Ok(mask) => mask,
        // What cannot be masked is not passed on.
        Err(err) => {
            let message = format!("the vault cannot be read, so its secrets could not be masked in the result: {err}");
            return ToolOutcome::failed(FailureKind::Unavailable, message).into();
        }
    };
    if mask.is_empty() {
        return called;
    }
    let Called { outcome, recording, outside, brought } = called;
    Called {
        outcome: mask_outcome(&mask, outcome),
        recording: recording.map(|recording| unrevealing(&mask, recording)),
        outside,
        brought,
    }
}

/// What hides the vault's secrets in a model's words; a vault that cannot be read hides nothing.
pub fn mask(vault: &Vault) -> Mask {
    of_values(vault).unwrap_or_else(|_| Mask::new(Vec::new()))
}

/// A mask for what is said in a conversation: it also takes the host's mark from those who are not the host.
pub fn spoken(mask: &Mask) -> Mask {
    mask.and(HOST_MARK, "(openclaw-host)")
}

/// What a model replied, without secrets: neither its words nor the arguments of its calls pass one on. A component
/// that is to use a secret is granted it and names it.
pub fn masked_reply(mask: &Mask, mut reply: Reply) -> Reply {
    let texts = reply.calls.iter_mut().map(|call| &mut call.arguments).chain([&mut reply.text]);
    for text in texts {
        if let Cow::Owned(masked) = mask.text(text) {
            tracing::warn!("a secret of the vault was masked in what the model said");
            *text = masked;
        }
    }
    // What a provider wants back cannot be masked without breaking it, and it does without.
    reply.replay = reply.replay.filter(|replay| matches!(mask.text(&replay.data), Cow::Borrowed(_)));
    reply.text = spoken(mask).text(&reply.text).into_owned();
    reply
}

/// The question as it is shown and kept. Its digest still binds what will run.
pub fn masked_question(mask: &Mask, mut question: Approval) -> Approval {
    let card = question.card.lines.iter_mut().map(|(_, value)| value);
    for text in card.chain(&mut question.argv) {
        if let Cow::Owned(masked) = mask.text(text) {
            *text = masked;
        }
    }
    // A grant would keep the secret, and with the mask in its place it would mean something else.
    let is_plain = |text: &str| matches!(mask.text(text), Cow::Borrowed(_));
    question.choices.retain(|choice| is_plain(&choice.grant) && is_plain(&choice.label));
    question
}

/// A guest's own words for the log.
pub fn mask_line(vault: &Vault, text: &str) -> String {
    match of_values(vault) {
        Ok(mask) => mask.text(text).into_owned(),
        Err(_) => "[not shown: the vault cannot be read]".to_owned(),
    }
}

fn of_values(vault: &Vault) -> Result<Mask, VaultError> {
    Ok(Mask::new(if Guard::SecretMask.is_up() { vault.values()? } else { Vec::new() }))
}

fn mask_outcome(mask: &Mask, outcome: ToolOutcome) -> ToolOutcome {
    match outcome {
        ToolOutcome::Done { text } => match mask.text(&text) {
            Cow::Borrowed(_) => ToolOutcome::Done { text },
            Cow::Owned(masked) => {
                ToolOutcome::Done { text: format!("{masked}\n[a secret of the vault was masked here]") }
            }
        },
        ToolOutcome::Failed(mut failure) => {
            failure.message = mask.text(&failure.message).into_owned();
            ToolOutcome::Failed(failure)
        }
    }
}

fn unrevealing(mask: &Mask, recording: Recording) -> Recording {
    match mask.bytes(&recording.encode()) {
        Cow::Borrowed(_) => recording,
        Cow::Owned(_) => Recording {
            effects: Vec::new(),
            lacks: Some("a secret was among its answers, and secrets are not kept".to_owned()),
            ..recording
        },
    }
}
