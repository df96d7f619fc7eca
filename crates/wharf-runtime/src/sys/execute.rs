//! Becoming another program.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Becomes the program; comes back only with why that failed. Unlike the C library's `execvp`, which the standard library uses, it
/// never hands a file that the kernel does not know to `/bin/sh`: Docker's containers do not either.
pub(crate) fn execute(program: &Path, arguments: &[&str], environment: &[String]) -> io::Error {
    let texts = |texts: &mut dyn Iterator<Item = &OsStr>| -> io::Result<Vec<CString>> {
        let texts = texts.map(|text| CString::new(text.as_bytes()));
        texts
            .collect::<Result<_, _>>()
            .map_err(|_zero| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let prepared = (|| {
        let program = texts(&mut [program.as_os_str()].into_iter())?;
        let arguments = texts(&mut arguments.iter().map(OsStr::new))?;
        let environment = texts(&mut environment.iter().map(OsStr::new))?;
        Ok((program, arguments, environment))
    })();
    let (program, arguments, environment) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        let own = texts.iter().map(|text| text.as_ptr());
        own.chain([std::ptr::null()]).collect()
    };
    let (argument_pointers, environment_pointers) = (pointers(&arguments), pointers(&environment));
    for path in &program {
        // SAFETY: all pointers are to texts that end with a zero and live until this returns, and both lists end with a null.
        unsafe {
            libc::execve(
                path.as_ptr(),
                argument_pointers.as_ptr(),
                environment_pointers.as_ptr(),
            );
        }
    }
    io::Error::last_os_error()
}
