//! The completion scripts. They hold no knowledge of commands: they ask `wharf __complete`, so that they never go
//! stale and can complete what only the store knows, the names of images.

/// A shell that we can complete in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The script that teaches the shell to complete `wharf`.
pub(crate) fn completion_script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    }
}

const BASH: &str = r#"# Completion of wharf for bash. Load it with: source <(wharf completion bash)
_wharf() {
    local line=${COMP_LINE:0:COMP_POINT} word meaning reply
    local -a words
    # Words are split at blanks only: bash would also split names at colons and equals signs.
    read -r -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local current=${words[${#words[@]} - 1]}
    # What bash believes to be the current word may be the part behind the last `:` or `=` only.
    local hidden=${current%"${COMP_WORDS[COMP_CWORD]}"}
    case ${COMP_WORDS[COMP_CWORD]} in
        :|=) hidden=$current ;;
    esac
    COMPREPLY=()
    while IFS=$'\t' read -r word meaning; do
        if [[ $word == ':files' ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen -f -- "${current#"$hidden"}")
        else
            COMPREPLY+=("${word#"$hidden"}")
        fi
    done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _wharf wharf
"#;

const ZSH: &str = r#"#compdef wharf
# Completion of wharf for zsh. Put it where $fpath looks, as _wharf, or: source <(wharf completion zsh)
_wharf() {
    local line word meaning
    local -a candidates
    while IFS=$'\t' read -r word meaning; do
        if [[ $word == ':files' ]]; then
            _files
        else
            candidates+=("${word//:/\\:}${meaning:+:$meaning}")
        fi
    done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#candidates} )) && _describe 'wharf' candidates
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _wharf "$@"
else
    compdef _wharf wharf
fi
"#;

const FISH: &str = r#"# Completion of wharf for fish. Load it with: wharf completion fish | source
function __wharf_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ':files'
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c wharf -f -a '(__wharf_complete)'
"#;
