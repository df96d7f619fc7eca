//! Control groups: what a container may use, what it has used, and all its processes at once.
//!
//! A container's group is one folder in each hierarchy that is needed: version 2 where it is mounted, and those controllers of
//! version 1 that version 2 does not have. `hierarchies` finds them, `group` makes and removes the folders, `limits` translates
//! [`Resources`] to files, `devices` the access to device nodes, `processes` freezes and kills, `stats` reads.

mod control_file;
mod devices;
mod group;
mod hierarchies;
mod limits;
mod processes;
mod resources;
mod stats;
#[cfg(test)]
mod tests;

pub use devices::{DeviceKind, DeviceRule, DeviceRuleError};
pub use group::{Cgroup, CgroupError, Created, is_cgroup_name};
pub use hierarchies::{Controller, Hierarchies};
pub use resources::{DeviceLimit, InvalidResource, Resources};
pub use stats::CgroupStats;
