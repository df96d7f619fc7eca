//! `wharf system check`: verifies every blob, layer, record and name of the store, and repairs it.

use std::process::ExitCode;

use wharf_images::{CheckEvent, CheckReport};
use wharf_template::units::human_size;

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::printer::Printer;
use crate::session::Session;

const REPAIR: Flag = Flag::switch(
    "repair",
    "Unpack damaged layers again, remove damaged content, rebuild a lost database",
);

pub(crate) const COMMAND: Command = Command {
    name: "check",
    synopsis: "[OPTIONS]",
    summary: "Verify everything in the image store",
    description: "Verify everything in the image store: every blob is hashed, every layer is unpacked \
        once more and compared with its tree, every record with the documents it was made from. \
        Other commands may run meanwhile. It exits with 1 if something is wrong and was not repaired.",
    flags: &[REPAIR],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let repair = matches.is_set(&REPAIR);
    let printer = session.printer();
    let mut status = StatusLine::new(printer);
    let mut show = |event: CheckEvent| status.show(&event);
    let engine = session.engine();
    let report = if repair {
        engine.repair(&mut show)?
    } else {
        engine.check(&mut show)?
    };
    status.clear();
    printer.out(&told(&report))?;
    if report.is_sound() {
        return Ok(ExitCode::SUCCESS);
    }
    if repair {
        anyhow::bail!(
            "the image store is damaged: what is listed as \"damaged\" could not be repaired here"
        );
    }
    anyhow::bail!("the image store is damaged: run `wharf system check --repair`")
}

/// One line for each problem, then what was looked at.
fn told(report: &CheckReport) -> String {
    let mut text = String::new();
    for found in &report.problems {
        let state = if found.repaired {
            "repaired"
        } else {
            "damaged"
        };
        text = format!("{text}{state}: {}\n", found.problem);
    }
    let unpacked = match report.layers_without_blob {
        0 => String::new(),
        count => format!(" ({count} more without their blob)"),
    };
    format!(
        "{text}Checked {} ({}), {}{unpacked}, {}: {}\n",
        counted(report.blobs, "blob"),
        human_size(report.blob_bytes),
        counted(report.layers, "layer"),
        counted(report.images, "image"),
        match report.problems.len() as u64 {
            0 => "no problems".to_owned(),
            count => counted(count, "problem"),
        }
    )
}

fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// On a terminal, how far it is: one line that is written over.
struct StatusLine<'a> {
    printer: &'a Printer,
    done: u64,
    all: u64,
}

impl<'a> StatusLine<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            done: 0,
            all: 0,
        }
    }

    fn show(&mut self, event: &CheckEvent) {
        match event {
            CheckEvent::Started { blobs, layers } => (self.done, self.all) = (0, blobs + layers),
            CheckEvent::Blob(_) | CheckEvent::Layer(_) => self.done += 1,
            CheckEvent::Rebuilding => return self.draw("Rebuilding the database"),
            CheckEvent::Found(_) | CheckEvent::Repaired(_) => return,
        }
        self.draw(&format!("Checked {} of {}", self.done, self.all));
    }

    fn draw(&self, text: &str) {
        if self.printer.is_terminal() {
            self.printer.error(&format!("\r\x1b[K{text}"));
        }
    }

    fn clear(&self) {
        self.draw("");
    }
}
