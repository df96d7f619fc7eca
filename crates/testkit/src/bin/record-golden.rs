//! Records golden output: `record-golden FOLDER [SCENARIO...]`. Run as `cargo xtask record-golden`.

use std::path::Path;
use std::process::ExitCode;

use testkit::golden::record_scenario;

#[expect(
    clippy::print_stderr,
    reason = "a program for developers that says what it does"
)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, names)) = arguments.split_first() else {
        eprintln!("usage: record-golden FOLDER SCENARIO...");
        return ExitCode::FAILURE;
    };
    for name in names {
        match record_scenario(&Path::new(folder).join(name)) {
            Ok(true) => eprintln!("recorded: {name}"),
            Ok(false) => eprintln!("not recorded: {name}"),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
