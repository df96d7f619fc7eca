//! HTTP/1.1 as the client needs it: connections through proxies and TLS, a pool of idle ones, bodies
//! that stream without being copied. Knows nothing of registries.

pub(crate) mod body;
pub(crate) mod cidr;
pub(crate) mod connect;
pub(crate) mod error;
pub(crate) mod proxy;
pub(crate) mod tls;
pub(crate) mod transport;
