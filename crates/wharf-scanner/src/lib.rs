//! What packages an image holds.
//!
//! Databases of package managers are read as bytes that anybody may have written: nothing is trusted, everything has a limit, and
//! what cannot be read is told beside what can. There is no I/O here: whoever asks gives the files ([`ImageFiles`]).

mod apk;
mod bytes;
mod dpkg;
mod files;
mod inventory;
mod package;
mod release;
mod rpm;
mod spdx;

pub use files::{FilesError, ImageFiles};
pub use inventory::{Inventory, inventory};
pub use package::{Package, PackageKind};
pub use release::Release;
pub use rpm::{RpmError, rpm_packages};
pub use spdx::{SPDX_PREDICATE, SpdxSubject, spdx_document};
