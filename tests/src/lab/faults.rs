//! What lies between a pod and the API server, and what goes wrong there: a door for every connection, a gateway for every
//! request.

mod door;
mod gateway;
mod road;
mod wire;

pub use door::{Door, Way};
pub use gateway::{Asked, Gateway, Spoil, Verb, Weather};
pub use road::{Road, Surface};
