//! The dates at which certificates expire.

use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// The first second of the year 10000. No certificate can be valid then, because dates in certificates have four digits for the year.
const LATEST: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_800));

/// Returns the last second, counted from 1970, in which all certificates of the chain are valid; `None` if none can be read.
pub(super) fn earliest(chain: &[CertificateDer<'_>]) -> Option<u64> {
    chain.iter().filter_map(last_second).min()
}

/// Returns the date `last_second`, counted in seconds from 1970, if it is past `now`; `None` if it is still to come.
pub(super) fn date_if_past(last_second: u64, now: Duration) -> Option<String> {
    let end = Duration::from_secs(last_second);
    let date = || humantime::format_rfc3339_seconds(UNIX_EPOCH + end).to_string();
    (end < now).then(date)
}

/// Returns the last second in which a certificate is valid. webpki tells it only in its error about an expired certificate. It compares
/// dates before it looks for an issuer, so a check at [`LATEST`] without authorities always fails with that error.
fn last_second(certificate: &CertificateDer<'_>) -> Option<u64> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let usage = KeyUsage::server_auth();
    match certificate.verify_for_usage(&[], &[], &[], LATEST, usage, None, None) {
        Err(Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    #[test]
    fn the_earliest_end_counts_also_of_authorities_and_of_what_is_over() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2038, 1, 1);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |year| {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let issued = params.signed_by(&KeyPair::generate().unwrap(), &authority);
            issued.unwrap().der().clone()
        };
        let ca = authority.der().clone();
        assert_eq!(earliest(&[issue(2020), ca.clone()]), Some(1_577_836_800));
        assert_eq!(earliest(&[issue(9999), ca]), Some(2_145_916_800));
        assert_eq!(earliest(&[]), None);
    }

    #[test]
    fn a_date_is_told_when_it_is_past() {
        let told = |now| date_if_past(1_577_836_800, Duration::from_secs(now));
        assert_eq!(told(1_577_836_800), None);
        assert_eq!(told(1_577_836_801).as_deref(), Some("2020-01-01T00:00:00Z"));
    }
}
