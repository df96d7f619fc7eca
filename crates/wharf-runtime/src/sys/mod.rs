//! What no safe library asks of the kernel, each as one small safe function.

mod bpf;
mod descriptors;
mod execute;
mod fork;
mod inner_user;
mod interface;
mod mount_attributes;
mod notify;
mod seccomp;
mod signals;

pub(crate) use bpf::{DeviceInstruction, attach_device_program};
pub(crate) use descriptors::{keep_descriptors, leave_session_keyring};
pub(crate) use execute::execute;
pub(crate) use fork::{CloneFlags, Forked, close_all_but_standard, exit_now, fork, fork_again};
pub(crate) use inner_user::start_within_namespace;
pub(crate) use interface::loopback_up;
pub(crate) use mount_attributes::{MountChange, change_mount};
pub(crate) use notify::{Question, Reply, load_asking_filter, next_question, reply, still_waits};
pub(crate) use seccomp::load_filter;
pub(crate) use signals::{
    CHILD_CHANGED, HANG_UP, INTERRUPT, IS_OURS_ALONE, KILL, QUIT, TERMINATE, WINDOW_CHANGED,
    block_signals, block_these, next_signal, pending_signals, restore_signals, signal_descriptor,
    signal_descriptor_process, signal_process,
};
