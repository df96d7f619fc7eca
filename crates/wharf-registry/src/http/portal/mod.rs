//! The portal: the single page of `ui/`, compiled in. It is a client of the management API like any other.

mod file;
mod files;
mod pages;

pub(super) use pages::answer;
