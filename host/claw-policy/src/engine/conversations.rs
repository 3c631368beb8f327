//! Uses of conversations in Cedar's terms.

use cedar_policy::RestrictedExpression as Value;
use claw_core::effect::SessionsPlan;

use super::{size, text};

/// What is used of conversations, and the facts of that use.
pub(super) fn sessions_context(plan: &SessionsPlan) -> (&str, Vec<(String, Value)>) {
    let fact = |key: &str, value| (key.to_owned(), value);
    match plan {
        SessionsPlan::Read(reach) => (&reach.key, vec![fact("own", Value::new_bool(reach.own))]),
        SessionsPlan::Send { to, text } => {
            (&to.key, vec![fact("own", Value::new_bool(to.own)), fact("text_bytes", size(text.len()))])
        }
        SessionsPlan::Spawn(plan) => {
            let tools = Value::new_set(plan.tools.iter().flatten().map(|tool| text(tool)));
            let facts = vec![
                fact("text_bytes", size(plan.task.len())),
                fact("all_tools", Value::new_bool(plan.tools.is_none())),
                fact("tools", tools),
                fact("seconds", Value::new_long(i64::try_from(plan.seconds).unwrap_or(i64::MAX))),
                fact("depth", Value::new_long(i64::from(plan.depth))),
            ];
            (&plan.model, facts)
        }
    }
}
