//! `wharf`: what Docker does with container images, as one program without a daemon.
//!
//! This file is the table of contents: the command line is read, the command is found and run, and what it ends
//! with becomes the exit code.

mod arguments;
mod commands;
mod config;
mod credentials;
mod daemon_words;
mod environment;
mod exit;
mod filters;
mod formatting;
mod logging;
mod output_file;
mod printer;
mod privilege;
mod progress;
mod prompt;
mod session;
mod settings;
mod traces;

use std::process::ExitCode;

use arguments::{Parsed, Run};
use environment::Environment;
use printer::Printer;
use session::Session;

fn main() -> ExitCode {
    // A kernel that cannot is told by whoever starts a container.
    let _kept = wharf_runtime::keep_inherited_descriptors();
    let environment = Environment::read();
    let printer = Printer::of_process(&environment);
    let words = std::env::args_os().skip(1);
    match arguments::parse(&commands::ROOT, words) {
        Ok(Parsed::Run {
            path,
            globals,
            matches,
        }) => {
            let log = logging::LogStart::of(path.command.run);
            let session = match Session::start(environment, printer, &globals, log) {
                Ok(session) => session,
                Err((printer, failure)) => return exit::failed(&printer, &failure),
            };
            if let Err(failure) = session.enter_namespace(path.command.files, &matches) {
                return exit::failed(session.printer(), &failure);
            }
            let result = match path.command.run {
                Run::Nothing => Ok(ExitCode::SUCCESS),
                Run::Local(run) => run(&session, &matches),
                Run::Networked(run) => session.wait_for(run(&session, &matches)),
                Run::Service(run) => session.serve(run(&session, &matches)),
            };
            exit::finished(session.printer(), result)
        }
        Ok(Parsed::Group { path, globals }) => {
            commands::without_subcommand(&printer, &path, &globals)
        }
        Ok(Parsed::Help { path, by_letter }) => commands::help(&printer, &path, by_letter),
        Err(mistake) => exit::misused(&printer, &mistake),
    }
}
