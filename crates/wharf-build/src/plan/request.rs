//! What a plan is made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wharf_oci::{Descriptor, DiffId, ImageConfig, Platform, Reference};

use super::step::Plan;
use crate::dockerfile::Lines;

/// What is built, and how.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The bytes of the Dockerfile.
    pub file: &'a [u8],
    /// `--build-arg`.
    pub build_arguments: &'a BTreeMap<String, String>,
    /// `--target`; with none the last stage.
    pub target: Option<&'a str>,
    /// `--label`.
    pub labels: &'a BTreeMap<String, String>,
    /// Where it is built.
    pub build_platform: &'a Platform,
    /// For what it is built.
    pub target_platform: &'a Platform,
    /// `--build-context`, by name.
    pub contexts: &'a BTreeMap<String, ContextKind>,
    /// What is known of base images.
    pub bases: &'a Bases,
}

/// What a name of `--build-context` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextKind {
    /// An image.
    Image(Reference),
    /// Files.
    Files,
}

/// Base images, by name and platform.
pub type Bases = HashMap<(Reference, Platform), Arc<BaseImage>>;

/// A base image.
#[derive(Debug, Clone)]
pub struct BaseImage {
    /// How progress names it.
    pub shown: String,
    /// Its config.
    pub config: ImageConfig,
    /// Its layers, from the base up.
    pub layers: Vec<LayerRef>,
}

/// A layer, and its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRef {
    /// The layer.
    pub diff_id: DiffId,
    /// Its archive.
    pub blob: Descriptor,
}

/// A base image that has to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseNeed {
    /// Its name, with a tag or digest.
    pub reference: Reference,
    /// As it is written, substituted.
    pub written: String,
    /// For which platform.
    pub platform: Platform,
    /// Where it is asked for.
    pub lines: Lines,
}

/// A plan, or what it still needs.
#[derive(Debug)]
pub enum Planned {
    /// These base images first.
    Needs(Vec<BaseNeed>),
    /// What is to be done.
    Ready(Box<Plan>),
}
