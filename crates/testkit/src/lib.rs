//! What tests of Wharf stand on.
//!
//! - [`Sandbox`]: a home, a store and an environment of their own, and the real `wharf` binary run in them.
//! - [`ImageBuilder`], [`IndexBuilder`], [`TarBuilder`]: images of every kind, the same bytes each time.
//! - [`OrdinaryUser`]: somebody who is not root, with or without subordinate ids.
//! - [`TestRegistry`], [`DockerDaemon`], and [`Sandbox::podman`] and its like: the real peers, isolated from the machine.
//! - [`WharfRegistry`], [`WharfNode`], [`SharedStores`], [`Balancer`]: Wharf's own registry, one or several on the same stores.
//! - [`ScriptedRegistry`]: a registry that does wrong what a test tells it to.
//! - [`list_tree`], [`compare_trees`]: file trees, entry by entry.
//! - [`golden`]: what the real docker CLI printed, and how Wharf's output is compared with it.
//!
//! Where a peer is not installed, [`Peer::installed`] says so aloud and the test returns: nothing is skipped in silence.
//! Failures of the set-up are panics: they end the test that caused them, with the reason.

mod files;
pub mod golden;

mod http;
mod image;
mod ordinary_user;
mod peers;
mod process;
mod sandbox;
mod servers;
mod tar;
mod tools;
mod tree;

pub use files::{read, write};
pub use http::{HttpResponse, http_request, try_http_request};
pub use image::{
    Artifact, Blob, BuiltImage, BuiltIndex, BuiltLayer, Dialect, ImageBuilder, IndexBuilder,
    LayerCompression, bomb_layer, docker_archive, oci_archive, write_oci_layout,
};
pub use ordinary_user::OrdinaryUser;
pub use peers::{Peer, environment_number, running_as_root, skip};
pub use process::{Output, ProgramCommand};
pub use sandbox::Sandbox;
pub use servers::{
    ADMINISTRATOR, ADMINISTRATOR_PASSWORD, Balancer, DockerDaemon, Fault, FaultyS3, PassedRequest,
    PostgresServer, REGISTRY_PASSWORD, REGISTRY_USER, RegistryBuilder, S3Server, ScriptedRegistry,
    ScriptedReply, ScriptedRequest, SearchServer, SharedStores, TestRegistry, WharfNode,
    WharfRegistry, with_credentials,
};
pub use tar::{Entry, EntryKind, LongNames, TarBuilder};
pub use tree::{TreeEntry, compare_trees, list_tree};
