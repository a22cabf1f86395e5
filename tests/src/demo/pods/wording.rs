//! The demo's texts about pods.

use super::Pods;
use crate::demo::leader_tracker::{Ending, Gap};
use crate::demo::pod::Life;

impl Pods {
    /// Returns a line about a pod that leads now, with the gap before.
    pub(super) fn leads(&self, pod: usize, gap: Option<Gap>) -> String {
        let begin = format!("{} leads under {}", self.name(pod), self.term(pod));
        let Some(Gap { nobody_led, after }) = gap else {
            return format!("{begin}.");
        };
        let nobody = nobody_led.as_secs_f64();
        match after {
            Some((Ending::Kill, _)) => {
                format!("{begin}. Nobody led for {nobody:.2} s after SIGKILL.")
            }
            Some((Ending::Terminate, after)) => {
                let after = after.as_secs_f64();
                format!(
                    "{begin}, {after:.2} s after SIGTERM. Nobody led for {nobody:.2} s at most."
                )
            }
            None => format!("{begin}. Nobody led for {nobody:.2} s at most."),
        }
    }

    pub(super) fn name(&self, pod: usize) -> &'static str {
        self.all[pod].name()
    }

    /// Returns the term of a pod, in words.
    pub(super) fn term(&self, pod: usize) -> String {
        let poll = self.poll.as_ref().and_then(|poll| poll.pods.get(pod));
        let facts = poll.and_then(|pod| pod.facts.as_ref());
        facts.map_or("a term not known yet".to_owned(), |facts| {
            format!("term {}", facts.term)
        })
    }

    /// Returns true if a pod is ready to take over, since it runs and is on standby.
    pub(super) fn stands_by(&self, pod: usize) -> bool {
        self.all[pod].life() == Life::Runs && self.state(pod) == "is on standby"
    }

    /// Returns the state of a pod, in words.
    pub(super) fn state(&self, pod: usize) -> String {
        match self.all[pod].life() {
            Life::Ended => return "has ended".to_owned(),
            Life::Ends => return "ends".to_owned(),
            Life::Runs => {}
        }
        let poll = self.poll.as_ref().and_then(|poll| poll.pods.get(pod));
        match poll.and_then(|pod| pod.facts.as_ref()) {
            Some(facts) if facts.state == "standby" => "is on standby".to_owned(),
            Some(facts) if facts.state == "leading" => "is about to lead".to_owned(),
            Some(facts) => format!("is {}: {}", facts.state, facts.reason),
            None => "does not answer".to_owned(),
        }
    }
}
