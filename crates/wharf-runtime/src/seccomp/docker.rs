//! Docker's default profile, as facts: which names, with which capabilities, on which machines, with which arguments.
//!
//! Source: moby/profiles, `seccomp/default.json`, June 2026 (sockets of `AF_ALG` are refused since May 2026, `io_uring` since Docker 25).
//! What it says of other architectures than x86 and Arm is left out.

use super::action::{Action, Comparison, Condition};
use super::compile::Architecture;
use super::profile::{Filter, KernelVersion, Rule, SeccompProfile};
use crate::CapabilitySet;

/// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: what runc sets if a profile names no flags. Without it every branch would be slower.
pub(super) const DEFAULT_FLAGS: u32 = 1 << 2;

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID` and `NEWNET`.
const NAMESPACES: u64 = 0x7e02_0000;

// The families of sockets that are refused: those of the kernel's cryptography and of virtual machines.
const AF_ALG: u64 = 38;
const AF_VSOCK: u64 = 40;

/// What everybody may call.
const ALLOWED: &str = "
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close
close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64
futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid
getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid
getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname
getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init
inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get
ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32
lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap
mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat
_newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read
readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr
removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr
sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select
semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32
setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area
set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync
sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill
truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice
wait4 waitid waitpid write writev
";

/// What only a container with a capability may call.
const WITH_CAPABILITY: [(&str, &str); 14] = [
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname
         setns syslog umount umount2 unshare",
    ),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module init_module finit_module"),
    ("SYS_PACCT", "acct"),
    (
        "SYS_PTRACE",
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    ("SYS_RAWIO", "iopl ioperm"),
    ("SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("SYSLOG", "syslog"),
    ("BPF", "bpf"),
    ("PERFMON", "perf_event_open"),
];

/// What only machines of an architecture have.
const ON_ARCHITECTURE: [(&str, &str); 2] = [
    ("amd64", "arch_prctl modify_ldt"),
    (
        "arm64",
        "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
    ),
];

/// What may be called with some first arguments; one of them is enough.
const WITH_ARGUMENT: [(&str, &[Comparison]); 2] = [
    (
        "socket",
        &[
            Comparison::Lt(AF_ALG),
            Comparison::Eq(AF_ALG + 1),
            Comparison::Gt(AF_VSOCK),
        ],
    ),
    (
        "personality",
        // PER_LINUX, PER_LINUX32, with and without UNAME26, and the question which it is.
        &[
            Comparison::Eq(0),
            Comparison::Eq(0x8),
            Comparison::Eq(0x2_0000),
            Comparison::Eq(0x2_0008),
            Comparison::Eq(0xffff_ffff),
        ],
    ),
];

/// The whole profile.
pub(super) fn profile() -> SeccompProfile {
    let mut rules = vec![allow(ALLOWED)];
    let mut tracing = allow("process_vm_readv process_vm_writev ptrace");
    // Before it a tracer could leave the filter.
    tracing.includes.minimum_kernel = Some(KernelVersion { major: 4, minor: 8 });
    rules.push(tracing);
    for (name, comparisons) in WITH_ARGUMENT {
        rules.extend(
            comparisons
                .iter()
                .map(|comparison| on_first(name, *comparison)),
        );
    }
    for (architecture, names) in ON_ARCHITECTURE {
        let mut rule = allow(names);
        rule.includes.architectures = vec![architecture.into()];
        rules.push(rule);
    }
    for (capability, names) in WITH_CAPABILITY {
        let mut rule = allow(names);
        rule.includes.capabilities = set(capability);
        rules.push(rule);
    }
    let no_namespaces = Comparison::MaskedEq {
        mask: NAMESPACES,
        value: 0,
    };
    let mut clone = on_first("clone", no_namespaces);
    clone.excludes.capabilities = set("SYS_ADMIN");
    rules.push(clone);
    // Its flags are in memory, where no filter sees them: programs then use clone.
    let mut clone3 = allow("clone3");
    clone3.action = Action::NOT_KNOWN;
    clone3.excludes.capabilities = set("SYS_ADMIN");
    rules.push(clone3);
    SeccompProfile {
        default: Action::NOT_PERMITTED,
        architectures: beside(),
        flags: DEFAULT_FLAGS,
        rules,
    }
}

/// Whose programs each machine runs beside its own.
pub(super) fn beside() -> Vec<(Option<Architecture>, Vec<Architecture>)> {
    vec![
        (Some(Architecture::X86_64), vec![Architecture::X86]),
        (Some(Architecture::Aarch64), vec![Architecture::Arm]),
    ]
}

fn allow(names: &'static str) -> Rule {
    Rule {
        names: names.split_ascii_whitespace().map(Into::into).collect(),
        action: Action::Allow,
        conditions: Vec::new(),
        includes: Filter::default(),
        excludes: Filter::default(),
    }
}

fn on_first(name: &'static str, comparison: Comparison) -> Rule {
    let mut rule = allow(name);
    rule.conditions = vec![Condition {
        argument: 0,
        comparison,
    }];
    rule
}

fn set(capability: &str) -> CapabilitySet {
    capability.parse().ok().into_iter().collect()
}
