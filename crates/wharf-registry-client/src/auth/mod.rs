//! Who we are: challenges of registries, tokens, credentials, and where Docker keeps them.

pub(crate) mod authenticator;
pub(crate) mod challenge;
pub(crate) mod config_file;
pub(crate) mod credential_helper;
pub(crate) mod credentials;
pub(crate) mod server_address;
pub(crate) mod store;
pub(crate) mod token;
