//! Commands about the program: help, completions, manual pages, namespaces.

pub(crate) mod complete;
pub(crate) mod completion;
pub(crate) mod help;
pub(crate) mod manual;
pub(crate) mod unshare;
