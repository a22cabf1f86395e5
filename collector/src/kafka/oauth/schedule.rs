//! The times at which tokens are asked for, computed without a clock and without I/O.

use std::time::Duration;

use super::trouble::TokenTroubleKind;

/// The longest wait after the first failure in a row; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait after failures in a row, unless the provider refused the client.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The longest wait after refusals by the provider, which may lock a client that it refuses again and again.
const LONGEST_WAIT_REFUSED: Duration = Duration::from_secs(60);

/// The longest time after which a file with a token is read again, because whoever renews the file may do so at any time.
const FILE_INTERVAL: Duration = Duration::from_secs(30);

/// The shortest time between two requests, also for tokens with a very short life.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The shortest time between the request for a token and the next one because a broker refused that token.
const AFTER_BROKER_REFUSAL: Duration = Duration::from_secs(10);

/// The longest such time, after many tokens in a row that brokers refused: most likely they will refuse the next one too.
const AFTER_BROKER_REFUSALS: Duration = Duration::from_secs(160);

/// The longest life that a token is taken to have, so that adding it to a time cannot overflow.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Returns the time after which a token of an identity provider is replaced: four fifths of its life, as in Kafka's Java clients.
pub(super) fn refresh_after(life: Duration) -> Duration {
    (life * 4 / 5).max(SHORTEST_WAIT)
}

/// Returns the time after which a file with a token of this life is read again.
pub(super) fn reread_after(life: Duration) -> Duration {
    refresh_after(life).min(FILE_INTERVAL)
}

/// Returns the wait after `n_failures` in a row, the last of which was of this kind. `random` in 0..1 scatters the requests of
/// several pods.
pub(super) fn backoff(kind: TokenTroubleKind, n_failures: u32, random: f64) -> Duration {
    let longest = match kind {
        TokenTroubleKind::Refused | TokenTroubleKind::AwsRefused => LONGEST_WAIT_REFUSED,
        _ => LONGEST_WAIT,
    };
    let doubled = 2_u32.saturating_pow(n_failures.saturating_sub(1).min(16));
    let whole = FIRST_WAIT.saturating_mul(doubled).min(longest);
    whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// Returns the shortest time between the request for a token and the next request, where brokers have refused this token and
/// `n_before` others in a row before it.
pub(super) fn after_broker_refusal(n_before: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(n_before.min(16));
    AFTER_BROKER_REFUSAL
        .saturating_mul(doubled)
        .min(AFTER_BROKER_REFUSALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_token_is_replaced_at_four_fifths_of_its_life() {
        assert_eq!(refresh_after(seconds(300)), seconds(240));
        assert_eq!(refresh_after(Duration::from_millis(10)), seconds(1));
        assert_eq!(reread_after(seconds(300)), seconds(30));
        assert_eq!(reread_after(seconds(20)), seconds(16));
    }

    #[test]
    fn tokens_that_brokers_refuse_are_replaced_ever_more_seldom() {
        let waits = [0, 1, 2, 3, 4, 5, u32::MAX].map(|n| after_broker_refusal(n).as_secs());
        assert_eq!(waits, [10, 20, 40, 80, 160, 160, 160]);
    }

    #[test]
    fn waits_double_up_to_their_limit_and_are_scattered() {
        let waits = |kind, random| (1..=8).map(move |n| backoff(kind, n, random).as_secs_f64());
        let longest: Vec<_> = waits(TokenTroubleKind::Unreachable, 1.0).collect();
        assert_eq!(longest, [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]);
        let shortest: Vec<_> = waits(TokenTroubleKind::Unreachable, 0.0).collect();
        assert_eq!(shortest, [0.5, 1.0, 2.0, 4.0, 7.5, 7.5, 7.5, 7.5]);
        assert_eq!(
            backoff(TokenTroubleKind::Refused, u32::MAX, 1.0),
            seconds(60)
        );
    }
}
