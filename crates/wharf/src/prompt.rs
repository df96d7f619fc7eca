//! Questions to the person at the terminal.

use std::io::{self, BufRead as _, Read as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::printer::Printer;

/// Nobody types more than this in answer to a question.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// The person pressed Ctrl-C, or closed the input.
#[derive(Debug, thiserror::Error)]
#[error("prompt terminated")]
pub(crate) struct PromptTerminated;

/// Asks for a yes; everything but `y` is a no, also no answer at all. Asked on stdout, as Docker does.
pub(crate) fn confirm(printer: &Printer, question: &str) -> anyhow::Result<bool> {
    printer.out(&format!("{question} [y/N] "))?;
    Ok(read_line()?.trim().eq_ignore_ascii_case("y"))
}

/// Asks for a line of text; the spaces around it do not count.
pub(crate) fn ask(printer: &Printer, question: &str) -> anyhow::Result<String> {
    printer.out(question)?;
    Ok(read_line()?.trim().to_owned())
}

/// Asks for a line that is not shown while it is typed.
pub(crate) fn ask_secret(printer: &Printer, question: &str) -> anyhow::Result<String> {
    printer.out(question)?;
    let secret = {
        let _hidden = HiddenInput::begin()?;
        read_hidden_line()
    };
    printer.out("\n")?;
    secret
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MAX_ANSWER_BYTES)
        .read_line(&mut line)?;
    Ok(line)
}

/// While this lives, the terminal shows nothing and gives every key at once, Ctrl-C included: a signal would end the
/// process with the terminal left mute.
struct HiddenInput {
    before: Termios,
}

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG | LocalModes::ICANON);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &hidden)?;
        Ok(Self { before })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, &self.before) {
            tracing::warn!(%error, "the terminal could not be set back: run `stty sane`");
        }
    }
}

fn read_hidden_line() -> anyhow::Result<String> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const CTRL_U: u8 = 21;
    const DELETE: u8 = 127;

    let mut typed = Vec::new();
    for byte in io::stdin().lock().take(MAX_ANSWER_BYTES).bytes() {
        match byte? {
            b'\n' | b'\r' => break,
            CTRL_C => return Err(PromptTerminated.into()),
            CTRL_D if typed.is_empty() => return Err(PromptTerminated.into()),
            CTRL_D => break,
            CTRL_U => typed.clear(),
            BACKSPACE | DELETE => {
                // One character may be several bytes: those that continue one begin with the bits 10.
                while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            byte => typed.push(byte),
        }
    }
    Ok(String::from_utf8(typed)?)
}
