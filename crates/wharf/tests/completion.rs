//! The completion script in a real bash, and the pages that come from the table of commands.

use std::fs;
use std::path::Path;

use testkit::Sandbox;

/// What bash would offer for a line that ends at the cursor, as it splits the line into words.
fn offered(sandbox: &Sandbox, line: &str, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let folder = sandbox
        .wharf_binary()
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    let script = format!(
        "PATH={}:$PATH; source <(wharf completion bash); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; \
         COMP_WORDS=({}); COMP_CWORD={}; _wharf; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        folder.display(),
        quoted.join(" "),
        words.len() - 1
    );
    let output = sandbox.program("bash").args(["-c", script.as_str()]).run();
    output.text().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let sandbox = Sandbox::new();
    for (line, words, expected) in [
        (
            "wharf image pu",
            &["wharf", "image", "pu"][..],
            &["pull", "push"][..],
        ),
        (
            "wharf system ",
            &["wharf", "system", ""],
            &["check", "df", "info", "prune", "start-containers"],
        ),
        (
            "wharf images --no",
            &["wharf", "images", "--no"],
            &["--no-trunc"],
        ),
        (
            "wharf --log-level=de",
            &["wharf", "--log-level", "=", "de"],
            &["debug"],
        ),
        (
            "wharf --log-format=",
            &["wharf", "--log-format", "="],
            &["text", "json"],
        ),
        (
            "wharf --log-format j",
            &["wharf", "--log-format", "j"],
            &["json"],
        ),
        ("wharf frob ", &["wharf", "frob", ""], &[""]),
    ] {
        assert_eq!(offered(&sandbox, line, words), expected, "{line}");
    }
}

#[test]
fn the_reference_in_docs_is_what_the_binary_writes() {
    let sandbox = Sandbox::new();
    let fresh = sandbox.work().join("cli");
    sandbox
        .wharf(["man".as_ref(), "--markdown".as_ref(), fresh.as_os_str()])
        .run();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli");
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let advice = "docs/cli is stale: remove it and run `cargo run --package wharf -- man --markdown docs/cli`";
    assert_eq!(names(&fresh), names(&committed), "{advice}");
    for name in names(&fresh) {
        let same = fs::read(fresh.join(&name)).unwrap() == fs::read(committed.join(&name)).unwrap();
        assert!(same, "{}: {advice}", name.display());
    }
}

#[test]
fn manual_pages_are_accepted_by_groff() {
    let sandbox = Sandbox::new();
    let pages = sandbox.work().join("man");
    sandbox.wharf(["man".as_ref(), pages.as_os_str()]).run();
    if !Path::new("/usr/bin/groff").exists() {
        return testkit::skip("groff is not installed");
    }
    for page in fs::read_dir(&pages).unwrap() {
        let page = page.unwrap().path();
        let output = sandbox
            .program("groff")
            .args(["-man", "-Tascii", "-P-cbou", "-ww"])
            .arg(page.as_os_str())
            .run();
        assert_eq!(output.error_text(), "", "{}", page.display());
        assert!(output.text().contains("NAME"), "{}", page.display());
    }
}
