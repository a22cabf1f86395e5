//! librdkafka's configuration, which a client is made from.

use std::ffi::c_char;
use std::ptr::NonNull;

use rdkafka::bindings as rd;

use super::{CreateError, c_string, certificate_check, text};
use crate::kafka::properties::Properties;

/// A configuration that no client owns yet.
pub(super) struct Conf(pub(super) NonNull<rd::rd_kafka_conf_t>);

impl Conf {
    /// Makes a configuration with `properties`, in which errors become events and rejected certificates are logged.
    ///
    /// # Errors
    /// librdkafka refuses a property. The error names it.
    pub(super) fn of(properties: &Properties) -> Result<Self, CreateError> {
        // SAFETY: takes nothing; never NULL.
        let conf = unsafe { rd::rd_kafka_conf_new() };
        let conf = Self(NonNull::new(conf).expect("a new configuration"));
        for (name, value) in properties.values() {
            let (c_name, c_value) = (c_string(name), c_string(value));
            let mut why: [c_char; 512] = [0; 512];
            // SAFETY: all pointers live through the call.
            let answer = unsafe {
                rd::rd_kafka_conf_set(
                    conf.0.as_ptr(),
                    c_name.as_ptr(),
                    c_value.as_ptr(),
                    why.as_mut_ptr(),
                    why.len(),
                )
            };
            if answer != rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
                return Err(CreateError::Property {
                    name: name.clone(),
                    why: properties.mask().hide(&text(why.as_ptr())),
                });
            }
        }
        // SAFETY: the configuration is live.
        unsafe { rd::rd_kafka_conf_set_events(conf.0.as_ptr(), rd::RD_KAFKA_EVENT_ERROR) };
        certificate_check::log_rejections(conf.0);
        Ok(conf)
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: not given to a client: `create` forgets it then.
        unsafe { rd::rd_kafka_conf_destroy(self.0.as_ptr()) };
    }
}
