//! Containers with the real binary: as root, on the machine that runs the tests.

mod bad_luck;
mod boot;
mod changes;
mod copy;
mod crashes;
mod fixture;
mod inspect;
mod isolation;
mod life;
mod limits;
mod mistakes;
mod mounts;
mod network;
mod networks;
mod ordinary_user;
mod output;
mod own_image;
mod subordinate_ids;
mod volumes;
mod walk;
mod watching;
