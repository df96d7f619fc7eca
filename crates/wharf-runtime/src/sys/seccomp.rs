//! seccomp(2).

use std::io;

use crate::seccomp::{Instruction, SeccompProgram};

// The kernel reads our instructions as its own type.
const _: () = assert!(
    size_of::<Instruction>() == size_of::<libc::sock_filter>()
        && align_of::<Instruction>() == align_of::<libc::sock_filter>()
);

/// Loads a filter into this thread, for good; what it forks and executes has it too. The program's own flags and `flags` are set.
///
/// It does not set `no_new_privs`, which `docker run` does not either: without that bit the thread needs `CAP_SYS_ADMIN`.
/// Allocates nothing, so that a child may call it between fork and exec.
pub(crate) fn load_filter(program: &SeccompProgram, flags: u32) -> io::Result<()> {
    match load(program, flags)? {
        0 => Ok(()),
        // With TSYNC a thread that could not follow.
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

/// What the kernel answers: with some flags more than 0.
pub(super) fn load(program: &SeccompProgram, flags: u32) -> io::Result<libc::c_int> {
    let instructions = program.instructions();
    let length = u16::try_from(instructions.len());
    let length = length.map_err(|_too_many| io::Error::from_raw_os_error(libc::EINVAL))?;
    let filter = libc::sock_fprog {
        len: length,
        filter: instructions.as_ptr().cast_mut().cast(),
    };
    let flags = libc::c_ulong::from(program.flags() | flags);
    // SAFETY: `filter` points to `len` instructions that outlive the call and have the kernel's layout (checked above, `repr(C)`);
    // the kernel only reads them.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER),
            flags,
            &raw const filter,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(answer)
        .map_err(|_not_a_descriptor| io::Error::from_raw_os_error(libc::EBADF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CapabilitySet;
    use crate::seccomp::SeccompProfile;

    // A thread of its own loads the filter, makes calls, and ends. `no_new_privs` lets it do so without privileges.
    #[test]
    fn the_kernel_takes_the_default_profile_and_keeps_to_it() {
        let program = SeccompProfile::docker_default()
            .compile(CapabilitySet::docker_default())
            .unwrap();
        let seen = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            load_filter(&program, 0).unwrap();
            let call = |number: libc::c_long, first: libc::c_long| {
                // SAFETY: each call of the table below has no pointers among its first two arguments, or fails before it looks.
                match unsafe { libc::syscall(number, first, 0, 0, 0, 0, 0) } {
                    -1 => io::Error::last_os_error().raw_os_error().unwrap_or(0),
                    _ => 0,
                }
            };
            [
                call(libc::SYS_getppid, 0),
                call(libc::SYS_unshare, 0),
                call(libc::SYS_clone3, 0),
                call(libc::SYS_mount, 0),
                call(libc::SYS_socket, 40),
                call(libc::SYS_personality, 0xffff_ffff),
                call(libc::SYS_personality, 0x4_0000),
                call(libc::SYS_keyctl, 0),
                call(600, 0),
            ]
        });
        let (eperm, enosys) = (libc::EPERM, libc::ENOSYS);
        let expected = [0, eperm, enosys, eperm, eperm, 0, eperm, eperm, enosys];
        assert_eq!(seen.join().unwrap(), expected);
    }

    #[test]
    fn the_kernel_takes_every_kind_of_rule() {
        let rules = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map(|op| {
            format!(
                r#"{{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7,
                "args": [{{"index": 5, "value": 77, "op": "SCMP_CMP_{op}"}}, {{"index": 0, "value": 9, "op": "SCMP_CMP_EQ"}}]}}"#
            )
        });
        let json = format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]}}"#,
            rules.join(",")
        );
        let profile = SeccompProfile::from_json(json.as_bytes()).unwrap();
        let program = profile.compile(CapabilitySet::EMPTY).unwrap();
        let seen = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            load_filter(&program, 0).unwrap();
            // SAFETY: getppid looks at no argument.
            [9, 8].map(|first| unsafe { libc::syscall(libc::SYS_getppid, first, 0, 0, 0, 0, 0) })
        });
        let [refused, made] = seen.join().unwrap();
        assert!(refused == -1 && made > 0);
    }
}
