//! The route from a pod to the API server, with the faults it can have: a TCP proxy for every connection, an HTTP proxy for every request.

mod api_route;
mod connection;
mod http_proxy;
mod tcp_proxy;

pub use api_route::{ApiRoute, RouteKind};
pub use http_proxy::{ApiRequest, ErrorInjection, HttpFault, HttpProxy, Verb};
pub use tcp_proxy::{TcpFault, TcpProxy};
