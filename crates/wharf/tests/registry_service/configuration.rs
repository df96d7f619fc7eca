//! The configuration: checked, printed as a schema, described in full.

use testkit::Sandbox;

use crate::fixture::{config, registry_command};

/// All keys of the schema, as paths.
fn keys(schema: &serde_json::Value, root: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return keys(&root["$defs"][name], root, path, found);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        // What a secret may be instead of a text is described once, not at each key.
        let is_secret = ["url", "-key", "authorization"].iter();
        if !is_secret.copied().any(|end| path.ends_with(end)) {
            keys(choice, root, path, found);
        }
    }
    let Some(properties) = schema["properties"].as_object() else {
        if !found.iter().any(|known| known == path) && !path.is_empty() {
            found.push(path.to_owned());
        }
        return;
    };
    for (name, value) in properties {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        keys(value, root, &path, found);
    }
}

#[test]
fn the_manual_describes_every_key_of_the_schema() {
    let sandbox = Sandbox::new();
    let printed = sandbox
        .wharf(["registry", "config", "schema"])
        .run()
        .success();
    let schema: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
    let mut found = Vec::new();
    keys(&schema, &schema, "", &mut found);
    assert!(found.len() > 30, "{found:?}");
    let manual = include_str!("../../../../docs/configuration.md");
    let (_, chapter) = manual.split_once("## wharf-registry.toml").unwrap();
    for path in found {
        let (_, key) = path.rsplit_once('.').unwrap_or(("", &path));
        let described = chapter.lines().any(|line| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{key} = "))
                || line.contains(&format!("[{path}]"))
        });
        assert!(described, "docs/configuration.md does not describe {path}");
    }
}

#[test]
fn the_example_of_the_manual_can_be_used() {
    let sandbox = Sandbox::new();
    let manual = include_str!("../../../../docs/configuration.md");
    let (_, chapter) = manual.split_once("## wharf-registry.toml").unwrap();
    let (_, block) = chapter.split_once("```toml\n").unwrap();
    let (example, _) = block.split_once("```").unwrap();
    let path = sandbox.path().join("example.toml");
    testkit::write(&path, example);
    let checked = sandbox
        .wharf(["registry", "config", "check", "--config"])
        .arg(&path)
        .run();
    assert_eq!(
        checked.code,
        0,
        "{}{}",
        checked.text(),
        checked.error_text()
    );
    // And what stands there as a comment, too, each line by itself.
    for line in example.lines() {
        if let Some((key, _)) = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(" = "))
        {
            let plain = key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(plain, "{line}");
        }
    }
}

#[test]
fn options_win_over_the_file() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let words = [
        "config",
        "check",
        "--listen",
        "[::1]:7000",
        "--data",
        "/srv/other",
    ];
    let output = registry_command(&sandbox, &words, &path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("http://[::1]:7000"), "{text}");
    assert!(text.contains("/srv/other/registry.db"), "{text}");
}

#[test]
fn what_is_dangerous_is_said_and_what_is_wrong_is_refused() {
    let sandbox = Sandbox::new();
    let check = |text: &str, options: &[&str]| {
        let path = config(&sandbox, text);
        let words = [&["config", "check"], options].concat();
        let output = registry_command(&sandbox, &words, &path).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = check("", &["--listen", "0.0.0.0:5000", "--insecure-http"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("warning:") && said.contains("in the clear"),
        "{said}"
    );
    let (code, said) = check("[tls]\nmode = \"off\"\n", &["--listen", "0.0.0.0:5000"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("registry.toml:4: tls.mode: 0.0.0.0:5000 can be reached"),
        "{said}"
    );
    let (code, said) = check("[database]\nurl = \"postgres://a:b@localhost/d\"\n", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("warning:") && said.contains("database.url: it has a password"),
        "{said}"
    );
    assert!(!said.contains("a:b"), "{said}");
}
