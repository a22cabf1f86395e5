//! The results of earlier comparisons of passwords.
//!
//! A scraper sends the same password again and again, and each comparison takes much CPU time. So results are kept: for each user the
//! attempt that was accepted last, and the last [`MAX_REJECTED`] attempts that were rejected. An attacker can displace only rejected
//! attempts. Passwords themselves are not kept, only digests with a random key of this process.

use std::collections::{BTreeMap, VecDeque};

use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::SystemRandom;

use super::credentials::Credentials;
use super::users::{PasswordHash, Users};

/// The number of rejected attempts that are kept, the same as in exporter-toolkit's cache.
const MAX_REJECTED: usize = 100;

/// The result of comparing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The user exists, and the password is right.
    Accepted,
    /// The user does not exist, or the password is wrong.
    Rejected,
}

/// An attempt to log in: the credentials of a request, and the hash with which the password is compared.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    credentials: Credentials,
    user: User,
    hash: PasswordHash,
}

/// The existence of the user whom an attempt names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Known,
    /// There is no such user. The attempt has the hash of another user, so that the response takes as long as for a user who exists, and
    /// its time does not tell which users exist.
    Unknown,
}

/// The results that are kept.
#[derive(Debug)]
pub(super) struct Verdicts {
    key: Key,
    /// The digest of the last accepted attempt of each user, by name.
    accepted: BTreeMap<String, Digest>,
    /// The digests of rejected attempts, the oldest first.
    rejected: VecDeque<Digest>,
}

type Digest = [u8; 32];

// === impl Attempt ===

impl Attempt {
    /// Makes an attempt with the hash of the named user; `None` if there are no users at all.
    pub(super) fn new(credentials: Credentials, users: &Users) -> Option<Self> {
        let (user, hash) = match users.get(&credentials.user) {
            Some(hash) => (User::Known, hash),
            None => (User::Unknown, users.values().next()?),
        };
        Some(Self {
            credentials,
            user,
            hash: hash.clone(),
        })
    }

    /// Compares the password with the hash. It blocks the thread for the time of a bcrypt computation.
    pub(super) fn compare(&self) -> Verdict {
        let is_same = bcrypt::verify(&self.credentials.password, self.hash.expose());
        match (self.user, is_same) {
            (User::Known, Ok(true)) => Verdict::Accepted,
            // The form of the hash was checked when the file was read, so an error here is not expected. It rejects the attempt.
            (User::Known | User::Unknown, _) => Verdict::Rejected,
        }
    }
}

// === impl Verdicts ===

impl Verdicts {
    /// Makes an empty store with a random key.
    pub(super) fn new() -> Self {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
        Self {
            key: key.expect("the operating system has random numbers"),
            accepted: BTreeMap::new(),
            rejected: VecDeque::new(),
        }
    }

    /// Returns the result of an equal attempt before this one; `None` if no result is kept.
    pub(super) fn get(&self, attempt: &Attempt) -> Option<Verdict> {
        let digest = self.digest(attempt);
        let accepted = self.accepted.get(&attempt.credentials.user);
        if attempt.user == User::Known && accepted == Some(&digest) {
            return Some(Verdict::Accepted);
        }
        self.rejected.contains(&digest).then_some(Verdict::Rejected)
    }

    /// Keeps the result of an attempt. If there are too many rejected ones, the oldest is dropped.
    pub(super) fn keep(&mut self, attempt: &Attempt, verdict: Verdict) {
        let digest = self.digest(attempt);
        match verdict {
            Verdict::Accepted => {
                self.accepted
                    .insert(attempt.credentials.user.clone(), digest);
            }
            Verdict::Rejected => {
                while self.rejected.len() >= MAX_REJECTED {
                    self.rejected.pop_front();
                }
                self.rejected.push_back(digest);
            }
        }
    }

    /// Returns the digest of the user's name, the hash and the password. A new hash gives another digest, so results for the old hash are no
    /// longer found.
    fn digest(&self, attempt: &Attempt) -> Digest {
        let Attempt {
            credentials, hash, ..
        } = attempt;
        let mut context = hmac::Context::with_key(&self.key);
        for part in [
            credentials.user.as_bytes(),
            hash.expose().as_bytes(),
            &credentials.password,
        ] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::tests::users;

    fn attempt(user: &str, password: &str, users: &Users) -> Attempt {
        let credentials = Credentials {
            user: user.to_owned(),
            password: password.as_bytes().to_vec(),
        };
        Attempt::new(credentials, users).unwrap()
    }

    #[test]
    fn a_password_is_compared_with_the_hash_of_its_user() {
        let users = users(&[("prom", "hunter2"), ("eve", "x")]);
        let verdict = |user, password| attempt(user, password, &users).compare();
        assert_eq!(verdict("prom", "hunter2"), Verdict::Accepted);
        assert_eq!(verdict("eve", "x"), Verdict::Accepted);
        assert_eq!(verdict("prom", "x"), Verdict::Rejected);
        assert_eq!(verdict("prom", ""), Verdict::Rejected);
        // An unknown user is rejected also with the password that belongs to the hash in its attempt.
        assert_eq!(verdict("nobody", "x"), Verdict::Rejected);
        assert_eq!(verdict("nobody", "hunter2"), Verdict::Rejected);
    }

    #[test]
    fn wrong_passwords_do_not_push_out_right_ones() {
        let users = users(&[("prom", "hunter2")]);
        let mut verdicts = Verdicts::new();
        let right = attempt("prom", "hunter2", &users);
        assert_eq!(verdicts.get(&right), None);
        verdicts.keep(&right, Verdict::Accepted);
        for i in 0..10 * MAX_REJECTED {
            let wrong = attempt("prom", &i.to_string(), &users);
            verdicts.keep(&wrong, Verdict::Rejected);
            assert_eq!(verdicts.get(&wrong), Some(Verdict::Rejected));
        }
        assert_eq!(verdicts.get(&right), Some(Verdict::Accepted));
        assert_eq!(verdicts.rejected.len(), MAX_REJECTED);
        assert_eq!(verdicts.get(&attempt("prom", "0", &users)), None);
    }

    #[test]
    fn a_new_hash_or_the_end_of_a_user_ends_what_is_known() {
        let before = users(&[("prom", "hunter2")]);
        let mut verdicts = Verdicts::new();
        verdicts.keep(&attempt("prom", "hunter2", &before), Verdict::Accepted);
        let after = users(&[("prom", "changed")]);
        assert_eq!(verdicts.get(&attempt("prom", "hunter2", &after)), None);
        let mut others = Users::new();
        others.insert("eve".to_owned(), before["prom"].clone());
        assert_eq!(verdicts.get(&attempt("prom", "hunter2", &others)), None);
    }
}
