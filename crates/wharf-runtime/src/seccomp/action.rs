//! What a filter answers, and what it looks at in a call's arguments.

/// What the kernel does with a call (`SECCOMP_RET_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// The process dies of SIGSYS.
    KillProcess,
    /// The thread dies of SIGSYS.
    KillThread,
    /// The thread gets SIGSYS, which it can catch.
    Trap,
    /// The call fails with this error number.
    Errno(u16),
    /// A tracer is told, with this value; without a tracer the call fails with ENOSYS.
    Trace(u16),
    /// Whoever holds the filter's listener is asked.
    Ask,
    /// The call is made, and logged.
    Log,
    /// The call is made.
    Allow,
}

impl Action {
    /// "No such system call": what a program takes for an older kernel.
    pub(super) const NOT_KNOWN: Self = Self::Errno(38);
    /// "Operation not permitted".
    pub(super) const NOT_PERMITTED: Self = Self::Errno(1);

    /// The value that a filter returns (linux/seccomp.h).
    pub(super) fn value(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap => 0x0003_0000,
            Self::Errno(number) => 0x0005_0000 | u32::from(number),
            Self::Ask => 0x7fc0_0000,
            Self::Trace(number) => 0x7ff0_0000 | u32::from(number),
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }

    /// Whether a call that nobody thought of is made under it.
    pub(super) fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Log | Self::Trace(_))
    }
}

/// How an argument is compared; all are of 64 bits without a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    /// Not equal.
    Ne(u64),
    /// Less.
    Lt(u64),
    /// Less or equal.
    Le(u64),
    /// Equal.
    Eq(u64),
    /// Greater or equal.
    Ge(u64),
    /// Greater.
    Gt(u64),
    /// These bits of it equal that value.
    MaskedEq {
        /// Which bits count.
        mask: u64,
        /// What they must be.
        value: u64,
    },
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Condition {
    /// Which argument, 0 to 5.
    pub(super) argument: u8,
    /// What it must be.
    pub(super) comparison: Comparison,
}
