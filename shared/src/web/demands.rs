//! The demands of a policy on clients, as a set that can be named and compared.
//!
//! A running program does not take a web configuration that asks for less than the one in use, because a file that was emptied or cut off
//! asks for less too, and nobody notices an open endpoint. exporter-toolkit, too, never stops to speak TLS while it runs.

use std::collections::BTreeSet;
use std::fmt;

use super::settings::Settings;
use super::tls_settings::ClientCertificates;

/// The demands on clients. An empty set lets everybody in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demands(BTreeSet<Demand>);

/// A demand on clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    /// Clients have to speak TLS.
    Tls,
    /// Clients have to show a certificate.
    Certificate,
    /// The certificate of a client has to have one of the listed names.
    CertificateName,
    /// Clients have to send the name and the password of a user.
    Password,
}

// === impl Demands ===

impl Demands {
    /// Returns the demands of a web configuration.
    pub(super) fn of(settings: &Settings) -> Self {
        let mut demands = BTreeSet::new();
        if let Some(tls) = &settings.tls {
            demands.insert(Demand::Tls);
            if let ClientCertificates::Required(_, names) = &tls.clients {
                demands.insert(Demand::Certificate);
                demands.extend(names.as_ref().map(|_| Demand::CertificateName));
            }
        }
        if !settings.users.is_empty() {
            demands.insert(Demand::Password);
        }
        Self(demands)
    }

    /// Returns the keys of the web configuration that are missing in `next` if `next` asks for less than these demands: TLS is given up,
    /// or a way of telling clients apart with no other way in its place.
    pub(super) fn given_up_by(&self, next: &Self) -> Option<String> {
        let is_less = self.0.contains(&Demand::Tls) && !next.0.contains(&Demand::Tls)
            || next.n_telling_clients_apart() < self.n_telling_clients_apart();
        let gone = self.0.difference(&next.0).map(|demand| demand.key());
        is_less.then(|| gone.collect::<Vec<_>>().join(", "))
    }

    fn n_telling_clients_apart(&self) -> usize {
        let demands = self.0.iter();
        demands.filter(|demand| **demand != Demand::Tls).count()
    }
}

impl fmt::Display for Demands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, demand) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(demand.words())?;
        }
        Ok(())
    }
}

// === impl Demand ===

impl Demand {
    const fn key(self) -> &'static str {
        match self {
            Self::Tls => "tls_server_config",
            Self::Certificate => "client_auth_type",
            Self::CertificateName => "client_allowed_sans",
            Self::Password => "basic_auth_users",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Certificate => "client certificate",
            Self::CertificateName => "name in it",
            Self::Password => "password",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Demand::{Certificate, CertificateName, Password, Tls};

    fn given_up(before: &[Demand], next: &[Demand]) -> Option<String> {
        let demands = |list: &[Demand]| Demands(list.iter().copied().collect());
        demands(before).given_up_by(&demands(next))
    }

    #[test]
    fn what_a_file_without_its_end_asks_for_is_less() {
        for (before, next, keys) in [
            (&[Password][..], &[][..], "basic_auth_users"),
            (&[Password], &[Tls], "basic_auth_users"),
            (&[Tls], &[], "tls_server_config"),
            (&[Tls, Password], &[Password], "tls_server_config"),
            (&[Tls, Password], &[Tls], "basic_auth_users"),
            (
                &[Tls, Certificate, CertificateName],
                &[Tls, Certificate],
                "client_allowed_sans",
            ),
            (
                &[Tls, Certificate, CertificateName],
                &[Tls],
                "client_auth_type, client_allowed_sans",
            ),
        ] {
            assert_eq!(given_up(before, next).as_deref(), Some(keys));
        }
    }

    #[test]
    fn another_way_of_telling_clients_apart_is_not_less() {
        for (before, next) in [
            (&[][..], &[][..]),
            (&[], &[Tls]),
            (&[Password], &[Tls, Password]),
            (&[Password], &[Tls, Certificate]),
            (&[Tls, Certificate], &[Tls, Password]),
            (&[Tls, Certificate, Password], &[Tls, Certificate, Password]),
        ] {
            assert_eq!(given_up(before, next), None);
        }
    }

    #[test]
    fn demands_are_named() {
        let shown = |list: &[Demand]| Demands(list.iter().copied().collect()).to_string();
        assert_eq!(shown(&[]), "nothing");
        assert_eq!(shown(&[Password, Tls]), "TLS, password");
    }
}
