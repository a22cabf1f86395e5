//! The reasons for which brokers' certificates are rejected. OpenSSL decides about a certificate, but librdkafka does not pass
//! its reason on.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use rdkafka::bindings as rd;

/// Makes the clients of `conf` log the reason for which a certificate is rejected, in a line of the facility `SSLCERTVRFY`. Does
/// nothing where verification is switched off.
pub(super) fn log_rejections(conf: NonNull<rd::rd_kafka_conf_t>) {
    if is_verified(conf) {
        // SAFETY: the configuration is live. The result is ignored: the call only fails in a build without TLS.
        unsafe { rd::rd_kafka_conf_set_ssl_cert_verify_cb(conf.as_ptr(), Some(verify)) };
    }
}

/// Returns `true` if the clients of `conf` verify certificates.
fn is_verified(conf: NonNull<rd::rd_kafka_conf_t>) -> bool {
    let mut value: [c_char; 8] = [0; 8];
    let mut size = value.len();
    // SAFETY: all pointers live through the call; at most `size` bytes are written.
    unsafe {
        rd::rd_kafka_conf_get(
            conf.as_ptr(),
            c"enable.ssl.certificate.verification".as_ptr(),
            value.as_mut_ptr(),
            &raw mut size,
        )
    };
    super::text(value.as_ptr()) == "true"
}

/// Takes part in the verification of a certificate of a broker's chain, called by librdkafka. Returns 1 to accept the certificate
/// and 0 to reject it, always as OpenSSL has decided, and writes the reason of a rejection to `why`.
unsafe extern "C" fn verify(
    _rk: *mut rd::rd_kafka_t,
    _broker: *const c_char,
    _broker_id: i32,
    error: *mut c_int,
    _depth: c_int,
    _certificate: *const c_char,
    _size: usize,
    why: *mut c_char,
    why_size: usize,
    _opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka lends the place of the error.
    let error = unsafe { *error };
    if error == 0 {
        return 1;
    }
    let words = format!("{} (OpenSSL's verification error {error})", words(error));
    let n = words.len().min(why_size.saturating_sub(1));
    // SAFETY: librdkafka lends `why_size` bytes, of which `n` and a NUL are written.
    unsafe {
        std::ptr::copy_nonoverlapping(words.as_ptr().cast::<c_char>(), why, n);
        if why_size > 0 {
            *why.add(n) = 0;
        }
    }
    0
}

/// Returns OpenSSL's text for one of its common verification errors (`x509_vfy.h`).
const fn words(error: c_int) -> &'static str {
    match error {
        9 => "certificate is not yet valid",
        10 => "certificate has expired",
        18 => "self-signed certificate",
        19 => "self-signed certificate in certificate chain",
        20 => "unable to get local issuer certificate",
        21 => "unable to verify the first certificate",
        62 => "hostname mismatch",
        64 => "IP address mismatch",
        _ => "another reason",
    }
}
