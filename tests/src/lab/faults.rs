//! What lies between a pod and the API server, and what goes wrong there: a door for every connection, a gateway for every
//! request.

mod api_route;
mod connection;
mod http_proxy;
mod tcp_proxy;

pub use api_route::{ApiRoute, RouteKind};
pub use http_proxy::{ApiRequest, ErrorInjection, HttpFault, HttpProxy, Verb};
pub use tcp_proxy::{TcpFault, TcpProxy};
