//! Faults on the route from a pod to the API server: a TCP proxy for its connections, and an HTTP proxy for its requests.

mod api_route;
mod connection;
mod http_proxy;
mod tcp_proxy;

pub use api_route::{ApiRoute, RouteKind};
pub use http_proxy::{ApiRequest, ErrorInjection, HttpFault, HttpProxy, Verb};
pub use tcp_proxy::{TcpFault, TcpProxy};
