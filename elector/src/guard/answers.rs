//! What the guard makes of an answer.

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::ask::{Ask, Write};
use super::observation::{Change, Seen, Stand};
use super::record::Record;
use super::tenancy::Tenancy;
use super::troubles::{Failure, Said};
use super::{Guard, Hold, Moment, Reply, Sent, translate};

// === impl Guard ===

impl Guard {
    /// Takes the answer to `sent`, and makes of it what is to be shown.
    pub(crate) fn answered(&mut self, sent: &Sent, reply: Reply, at: Moment) -> Reply {
        self.end_tenancy(at.now);
        self.in_flight = None;
        let before = self.observation.stand();
        let shown = match reply {
            Reply::Lease(lease) => self.accept(sent, lease, at),
            Reply::Status { code, said } => self.refused(sent, code, said, at.now),
            Reply::TimedOut => {
                self.patience.stretch();
                self.lose(sent);
                let within = at.now.duration_since(sent.stamp.sent.now).as_millis();
                let text = format!("no answer to {} within {within} ms", sent.ask.verb());
                let cause = "timeout";
                self.troubles.failed(sent.ask, Failure { cause, text });
                Reply::TimedOut
            }
            Reply::Failed(error) => {
                self.lose(sent);
                self.troubles.failed(sent.ask, error.clone());
                Reply::Failed(error)
            }
        };
        self.step_down(&before);
        self.end_tenancy(at.now);
        self.shut = self.is_shut(at.now);
        shown
    }

    fn accept(&mut self, sent: &Sent, lease: Box<Lease>, at: Moment) -> Reply {
        let Some(record) = Record::read(&lease) else {
            self.lose(sent);
            let words = "the Lease has no resourceVersion that is a number";
            let failure = Failure {
                cause: "answer",
                text: words.to_owned(),
            };
            self.troubles.failed(sent.ask, failure);
            let said = Said { verb: None, words };
            return Reply::Status { code: 500, said };
        };
        self.patience
            .settle(at.now.duration_since(sent.stamp.sent.now));
        self.troubles.clear(sent.ask);
        self.troubles.lease_is_there();
        let version = record.version;
        let change = self
            .observation
            .answer(Seen::Present(record), sent.stamp.sent.now, at.now);
        // What the answer to a POST says is read again before anything is done with it.
        if sent.ask != Ask::Create {
            self.version = Some(version);
            self.fresh = Some((at.now, lease.clone()));
        }
        if let Ask::Write(write) = sent.ask
            && change != Change::Stale
            && write.claims()
        {
            self.claim(write, sent, version);
        }
        Reply::Lease(self.translated(lease, at))
    }

    /// `lease` as kube-lease-manager is to see it.
    pub(super) fn translated(&self, lease: Box<Lease>, at: Moment) -> Box<Lease> {
        let mut lease = lease;
        let belief = self.belief(at.now);
        translate::show(&mut lease, &belief, &self.candidate, at.wall);
        lease
    }

    /// An own write succeeded: this is the one place where a claim begins or is extended.
    fn claim(&mut self, write: Write, sent: &Sent, version: u64) {
        let ours = self.observation.stand() == Stand::Ours;
        // A write that changed nothing is one that others cannot see.
        let changed = sent.version != Some(version);
        if !ours || !changed || self.hold == Hold::Releasing {
            return;
        }
        let term = match (write, self.tenancy) {
            (Write::Renew, Some(tenancy)) => tenancy.term,
            _ => version,
        };
        self.tenancy = Tenancy::of_write(sent.stamp, self.candidate.lease_duration, term);
        self.incumbent = None;
        self.hold = Hold::Ours;
    }

    fn refused(&mut self, sent: &Sent, code: u16, said: Said, now: Instant) -> Reply {
        self.troubles.refused(sent.ask, code, said);
        match (sent.ask, code) {
            (Ask::Read | Ask::Write(_), 404) => {
                self.version = None;
                let absent = Seen::Absent(None);
                self.observation.answer(absent, sent.stamp.sent.now, now);
            }
            (Ask::Write(write), 409) => {
                self.start_over();
                // kube-lease-manager panics at a conflict in a release.
                let code = if write == Write::Release { 412 } else { 409 };
                return Reply::Status { code, said };
            }
            (_, 500..) => self.lose(sent),
            _ => {}
        }
        Reply::Status { code, said }
    }

    /// Nobody knows whether `sent` took effect.
    fn lose(&mut self, sent: &Sent) {
        if matches!(sent.ask, Ask::Write(_)) {
            self.version = None;
        }
    }
}
