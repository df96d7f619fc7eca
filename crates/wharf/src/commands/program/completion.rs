//! `wharf completion`: the scripts that teach shells to complete `wharf`.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Run, Shell, completion_script};
use crate::session::Session;

const NO_DESCRIPTIONS: Flag =
    Flag::switch("no-descriptions", "No effect: the shell decides").hidden();

pub(crate) const COMMAND: Command = Command {
    name: "completion",
    summary: "Generate the autocompletion script for the specified shell",
    description: "Generate the autocompletion script for wharf for the specified shell.\n\
                  See each sub-command's help for details on how to use the generated script.",
    subcommands: &[
        Command {
            name: "bash",
            summary: "Generate the autocompletion script for bash",
            description: "Generate the autocompletion script for the bash shell.\n\n\
                          For the current shell session:\n\n\tsource <(wharf completion bash)\n\n\
                          For every new session, execute once:\n\n\
                          \twharf completion bash > /etc/bash_completion.d/wharf",
            run: Run::Local(bash),
            flags: &[NO_DESCRIPTIONS],
            ..Command::EMPTY
        },
        Command {
            name: "fish",
            summary: "Generate the autocompletion script for fish",
            description: "Generate the autocompletion script for the fish shell.\n\n\
                          For the current shell session:\n\n\twharf completion fish | source\n\n\
                          For every new session, execute once:\n\n\
                          \twharf completion fish > ~/.config/fish/completions/wharf.fish",
            run: Run::Local(fish),
            flags: &[NO_DESCRIPTIONS],
            ..Command::EMPTY
        },
        Command {
            name: "zsh",
            summary: "Generate the autocompletion script for zsh",
            description: "Generate the autocompletion script for the zsh shell.\n\n\
                          For the current shell session:\n\n\tsource <(wharf completion zsh)\n\n\
                          For every new session, execute once:\n\n\
                          \twharf completion zsh > \"${fpath[1]}/_wharf\"",
            run: Run::Local(zsh),
            flags: &[NO_DESCRIPTIONS],
            ..Command::EMPTY
        },
    ],
    ..Command::EMPTY
};

fn bash(session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    print(session, Shell::Bash)
}

fn fish(session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    print(session, Shell::Fish)
}

fn zsh(session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    print(session, Shell::Zsh)
}

fn print(session: &Session, shell: Shell) -> anyhow::Result<ExitCode> {
    session.printer().out(completion_script(shell))?;
    Ok(ExitCode::SUCCESS)
}
