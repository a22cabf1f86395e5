//! The leader as seen from outside, and the time for which nobody led. The module does no I/O and reads no clock.

use std::time::Duration;

use tokio::time::Instant;

/// A way to end a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// SIGKILL to both containers, which can report nothing any more.
    Kill,
    /// SIGTERM to both containers, as a rollout does.
    Terminate,
}

/// The role that a collector reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Leads,
    StandsBy,
    /// The collector did not answer in time.
    Unknown,
    /// Nothing listens on the collector's port.
    Gone,
}

/// The part of the elector's status that the demo shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ElectorStatus {
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) term: u64,
}

/// A pod as a poll has found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodStatus {
    pub(super) role: Role,
    pub(super) facts: Option<ElectorStatus>,
}

/// The answers of all pods to one poll, asked at about the same time.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    /// The time just before the first request of the poll.
    pub(super) asked_at: Instant,
    /// The time just after the last answer to the poll.
    pub(super) seen_at: Instant,
    /// The pods, in the order in which the demo numbers them.
    pub(super) pods: Vec<PodStatus>,
}

/// The leader, followed from poll to poll.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeaderTracker {
    leader: Option<usize>,
    /// The last moment at which a pod is known to have led.
    led_until: Option<Instant>,
    /// The last ending of a leader by the demo, with its time, until the next leader is found.
    ended: Option<(Ending, Instant)>,
}

/// A change of the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaderChange {
    /// This pod leads now; with the gap before, unless the pod is the first leader.
    Leads(usize, Option<Gap>),
    /// This pod leads no more, and no other pod does.
    Nobody(usize),
}

/// The time from one leader to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The longest time for which nobody can have led.
    pub(super) nobody_led: Duration,
    /// The ending that caused the gap, and the time from the ending until the next pod led.
    pub(super) after: Option<(Ending, Duration)>,
}

// === impl LeaderTracker ===

impl LeaderTracker {
    /// Returns the index of the pod that leads.
    pub(super) fn leader(&self) -> Option<usize> {
        self.leader
    }

    /// Returns the time since a pod was last known to lead; `None` if a pod leads, or none ever has.
    pub(super) fn nobody_for(&self, now: Instant) -> Option<Duration> {
        let until = self.led_until.filter(|_| self.leader.is_none());
        until.map(|until| now.saturating_duration_since(until))
    }

    /// Notes that the demo ends the leader, which still leads at the moment `at`.
    pub(super) fn end(&mut self, how: Ending, at: Instant) {
        self.ended = Some((how, at));
        self.led_until = Some(at);
        if how == Ending::Kill {
            self.leader = None;
        }
    }

    /// Takes note of a poll, and returns the change of leader that it shows. Each poll must be later than the poll before.
    pub(super) fn see(&mut self, poll: &Poll) -> Option<LeaderChange> {
        if matches!(self.ended, Some((_, at)) if poll.asked_at < at) {
            // The poll began before the leader was ended, so it may show a leader that has gone.
            return None;
        }
        let role = |pod: usize| poll.pods.get(pod).map_or(Role::Gone, |pod| pod.role);
        let others = (0..poll.pods.len()).find(|pod| {
            // Two pods seem to lead if the old leader was polled before it gave up; the other pod is the new leader.
            Some(*pod) != self.leader && role(*pod) == Role::Leads
        });
        if let Some(next) = others {
            let since = |at: Instant| poll.seen_at.saturating_duration_since(at);
            let gap = self.led_until.map(|until| Gap {
                nobody_led: since(until),
                after: self.ended.take().map(|(how, at)| (how, since(at))),
            });
            self.leader = Some(next);
            self.led_until = Some(poll.asked_at);
            return Some(LeaderChange::Leads(next, gap));
        }
        let leader = self.leader?;
        match role(leader) {
            Role::Leads => {
                self.led_until = Some(poll.asked_at);
                None
            }
            Role::Unknown => None,
            Role::StandsBy | Role::Gone => {
                self.leader = None;
                Some(LeaderChange::Nobody(leader))
            }
        }
    }
}

// === impl Ending ===

impl Ending {
    /// Returns the name of the signal that ends a pod in this way.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Terminate => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{Gone, Leads, StandsBy, Unknown};
    use super::*;

    struct Story {
        begin: Instant,
        leader_tracker: LeaderTracker,
    }

    impl Story {
        /// Returns a story whose tracker has seen the first pod lead at 1 s.
        fn begun() -> Self {
            let (begin, leader_tracker) = (Instant::now(), LeaderTracker::default());
            let mut story = Self {
                begin,
                leader_tracker,
            };
            let first = story.see(1000, [Leads, StandsBy]);
            assert_eq!(first, Some(LeaderChange::Leads(0, None)));
            story
        }

        fn at(&self, ms: u64) -> Instant {
            self.begin + Duration::from_millis(ms)
        }

        /// Takes note of a poll that is asked at `ms` and answered 2 ms later.
        fn see(&mut self, ms: u64, roles: [Role; 2]) -> Option<LeaderChange> {
            let pods = roles.map(|role| PodStatus { role, facts: None });
            let poll = Poll {
                asked_at: self.at(ms),
                seen_at: self.at(ms + 2),
                pods: pods.into(),
            };
            self.leader_tracker.see(&poll)
        }
    }

    fn leads(pod: usize, nobody_ms: u64, after: Option<(Ending, u64)>) -> LeaderChange {
        let ms = Duration::from_millis;
        let gap = Gap {
            nobody_led: ms(nobody_ms),
            after: after.map(|(how, after)| (how, ms(after))),
        };
        LeaderChange::Leads(pod, Some(gap))
    }

    #[test]
    fn nobody_leads_from_the_kill_until_the_other_is_seen_to() {
        let mut story = Story::begun();
        story.leader_tracker.end(Ending::Kill, story.at(1500));
        assert_eq!(story.see(1499, [Leads, StandsBy]), None);
        assert_eq!(story.see(1600, [Gone, StandsBy]), None);
        let now = story.at(2000);
        let so_far = story.leader_tracker.nobody_for(now);
        assert_eq!(so_far, Some(Duration::from_millis(500)));
        let led = story.see(5000, [Gone, Leads]);
        assert_eq!(led, Some(leads(1, 3502, Some((Ending::Kill, 3502)))));
        assert_eq!(story.leader_tracker.nobody_for(now), None);
    }

    #[test]
    fn who_is_asked_to_end_leads_until_it_is_seen_not_to() {
        let mut story = Story::begun();
        story.leader_tracker.end(Ending::Terminate, story.at(1500));
        assert_eq!(story.see(1600, [Leads, StandsBy]), None);
        assert_eq!(
            story.see(1610, [StandsBy, StandsBy]),
            Some(LeaderChange::Nobody(0))
        );
        let led = story.see(1620, [StandsBy, Leads]);
        assert_eq!(led, Some(leads(1, 22, Some((Ending::Terminate, 122)))));
    }

    #[test]
    fn a_change_within_one_sight_is_seen_as_one() {
        let mut story = Story::begun();
        let led = story.see(1100, [Leads, Leads]);
        assert_eq!(led, Some(leads(1, 102, None)));
        assert_eq!(story.see(1200, [StandsBy, Leads]), None);
    }

    #[test]
    fn a_late_answer_is_no_loss() {
        let mut story = Story::begun();
        assert_eq!(story.see(1100, [Unknown, StandsBy]), None);
        assert_eq!(story.leader_tracker.leader(), Some(0));
        assert_eq!(
            story.see(1200, [Gone, StandsBy]),
            Some(LeaderChange::Nobody(0))
        );
    }
}
