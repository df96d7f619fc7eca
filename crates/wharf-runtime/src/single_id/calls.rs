//! Which calls are asked for, and what they want.

use crate::seccomp::{Architecture, call_name};
use crate::sys::Question;

/// Calls that the monitor answers.
pub(super) const ASKED: &str = "chown chown32 lchown lchown32 fchown fchown32 fchownat chmod fchmod fchmodat fchmodat2 mknod mknodat";

/// Calls that succeed and do nothing.
pub(super) const DONE: &str = "setgroups setgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid
    setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32";

/// A call, with its arguments by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A new owner; absent: the old one.
    Own {
        target: Target,
        user: Option<u32>,
        group: Option<u32>,
    },
    /// New permissions.
    Permit { target: Target, mode: u32 },
    /// A new node of the type in `mode`.
    Make {
        target: Target,
        mode: u32,
        device: u32,
    },
}

/// A file, as the calls name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// A descriptor, or [`AT_CWD`].
    pub(super) folder: i32,
    /// Where the path is in the caller's memory; absent: the descriptor itself.
    pub(super) path: Option<u64>,
    /// Whether a symbolic link at the end is followed.
    pub(super) follow: bool,
    /// Whether an empty path means the descriptor.
    pub(super) may_be_empty: bool,
}

/// The caller's working folder (linux/fcntl.h).
pub(super) const AT_CWD: i32 = -100;
const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
const AT_EMPTY_PATH: u64 = 0x1000;

/// What a question is about.
pub(super) fn wish(question: &Question) -> Option<Wish> {
    let (architecture, name) = call_name(question.architecture, question.number)?;
    let [first, second, third, fourth, fifth, _] = question.arguments;
    // The oldest calls of 32-bit programs have ids of 16 bits.
    let old = matches!(architecture, Architecture::X86 | Architecture::Arm);
    let short = old && matches!(name, "chown" | "lchown" | "fchown");
    let id = |argument: u64| match low(argument) {
        u32::MAX => None,
        0xffff if short => None,
        id => Some(id),
    };
    let wish = match name {
        "chown" | "chown32" | "lchown" | "lchown32" => Wish::Own {
            target: at(AT_CWD, first, !name.starts_with('l'), false),
            user: id(second),
            group: id(third),
        },
        "fchown" | "fchown32" => Wish::Own {
            target: itself(first),
            user: id(second),
            group: id(third),
        },
        "fchownat" => Wish::Own {
            target: with_flags(first, second, fifth),
            user: id(third),
            group: id(fourth),
        },
        "chmod" => Wish::Permit {
            target: at(AT_CWD, first, true, false),
            mode: low(second),
        },
        "fchmod" => Wish::Permit {
            target: itself(first),
            mode: low(second),
        },
        "fchmodat" => Wish::Permit {
            target: at(descriptor(first), second, true, false),
            mode: low(third),
        },
        "fchmodat2" => Wish::Permit {
            target: with_flags(first, second, fourth),
            mode: low(third),
        },
        "mknod" => Wish::Make {
            target: at(AT_CWD, first, false, false),
            mode: low(second),
            device: low(third),
        },
        "mknodat" => Wish::Make {
            target: at(descriptor(first), second, false, false),
            mode: low(third),
            device: low(fourth),
        },
        _ => return None,
    };
    Some(wish)
}

fn at(folder: i32, path: u64, follow: bool, may_be_empty: bool) -> Target {
    Target {
        folder,
        path: Some(path),
        follow,
        may_be_empty,
    }
}

fn with_flags(folder: u64, path: u64, flags: u64) -> Target {
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    at(descriptor(folder), path, follow, flags & AT_EMPTY_PATH != 0)
}

fn itself(argument: u64) -> Target {
    Target {
        folder: descriptor(argument),
        path: None,
        follow: true,
        may_be_empty: true,
    }
}

/// The kernel looks at the lower half of arguments that are numbers of 32 bits.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & 0xffff_ffff).unwrap_or(0)
}

fn descriptor(argument: u64) -> i32 {
    low(argument).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(architecture: u32, number: u32, arguments: [u64; 6]) -> Option<Wish> {
        wish(&Question {
            id: 0,
            thread: 0,
            number,
            architecture,
            arguments,
        })
    }

    #[test]
    fn calls_are_understood() {
        let (x86_64, i386) = (0xc000_003e, 0x4000_0003);
        let follow = at(AT_CWD, 7, true, false);
        let not = at(AT_CWD, 7, false, false);
        let own = |target, user, group| {
            Some(Wish::Own {
                target,
                user,
                group,
            })
        };
        // chown, lchown, fchown, fchownat with both flags, on x86-64
        assert_eq!(
            ask(x86_64, 92, [7, 1, 2, 0, 0, 0]),
            own(follow, Some(1), Some(2))
        );
        assert_eq!(
            ask(x86_64, 94, [7, u64::MAX, 0xffff, 0, 0, 0]),
            own(not, None, Some(0xffff))
        );
        assert_eq!(
            ask(x86_64, 93, [5, 1, 0xffff_ffff, 0, 0, 0]),
            own(itself(5), Some(1), None)
        );
        let flags = at(5, 7, false, true);
        assert_eq!(
            ask(x86_64, 260, [5, 7, 1, 2, 0x1100, 0]),
            own(flags, Some(1), Some(2))
        );
        let minus = 0xffff_ff9c;
        assert_eq!(
            ask(x86_64, 260, [minus, 7, 1, 2, 0, 0]),
            own(follow, Some(1), Some(2))
        );
        // i386: chown with ids of 16 bits, and chown32
        assert_eq!(
            ask(i386, 182, [7, 0xffff, 2, 0, 0, 0]),
            own(follow, None, Some(2))
        );
        assert_eq!(
            ask(i386, 212, [7, 0xffff, 2, 0, 0, 0]),
            own(follow, Some(0xffff), Some(2))
        );
        let made = Some(Wish::Make {
            target: not,
            mode: 0o2_0666,
            device: 0x103,
        });
        assert_eq!(ask(x86_64, 133, [7, 0o2_0666, 0x103, 0, 0, 0]), made);
        let permitted = Some(Wish::Permit {
            target: follow,
            mode: 0o4755,
        });
        assert_eq!(ask(x86_64, 90, [7, 0o4755, 0, 0, 0, 0]), permitted);
        assert_eq!(ask(x86_64, 0, [0; 6]), None);
        assert_eq!(ask(1, 92, [0; 6]), None);
    }
}
