//! The distribution protocol (OCI Distribution Specification 1.1 and its drafts; `end-N` names its endpoints).

mod base;
mod blobs;
mod catalog;
mod manifests;
mod paging;
mod ranges;
mod referrers;
mod tags;
mod uploads;

pub(super) use base::check_version;
pub(super) use blobs::{delete_blob, get_blob};
pub(super) use catalog::list_repositories;
pub(super) use manifests::{delete_manifest, get_manifest, put_manifest};
pub(super) use ranges::{RangeRequest, content_range};
pub(super) use referrers::list_referrers;
pub(super) use tags::list_tags;
pub(super) use uploads::{
    append_upload, begin_upload, cancel_upload, finish_upload, upload_progress,
};
