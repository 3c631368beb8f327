//! How long to wait before a call is repeated.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::error::ModelError;

/// The longest wait, whatever the provider asks for: a person is waiting too.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The first wait without a wish of the provider; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest wait without a wish of the provider.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// Longest wish that is shown to people; beyond a day the number means nothing.
pub(super) const MAX_WISH: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait before repeat number `attempt` (from 0). `jitter` between 0 and 1 spreads callers that failed together.
pub(crate) fn pause(attempt: u32, error: &ModelError, jitter: f64) -> Duration {
    match error {
        ModelError::RateLimited { retry_after: Some(wish), .. }
        | ModelError::Overloaded { retry_after: Some(wish), .. } => (*wish).min(MAX_PAUSE),
        _ => {
            let backoff = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt)).min(MAX_BACKOFF);
            backoff.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
        }
    }
}

/// A random number between 0 and 1. Not a secret, so a machine without randomness only loses the spread.
pub(crate) fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// How long the provider asks to wait, in either form of the header; `None` if it does not ask, or not legibly.
///
/// A date counts from the answer's own `Date`, so that a wrong clock on either side does no harm.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let date = |text| httpdate::parse_http_date(text).ok();
    let wish = text(RETRY_AFTER)?;
    let wish = match wish.parse::<f64>() {
        // Whole seconds by the book; some gateways send fractions.
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        // A date in the past means now.
        Err(_) => date(wish)?.duration_since(date(text(DATE)?)?).unwrap_or_default(),
    };
    Some(wish.min(MAX_WISH))
}

#[cfg(test)]
mod tests;
