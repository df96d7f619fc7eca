//! Docker's `config.json`: other programs write it, and it holds people's passwords.

use wharf_registry_client::{Credentials, DockerConfigFile, Secret, registry_domain};

/// Takes the bytes for the file.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let file = match DockerConfigFile::from_json("config.json", text) {
        Ok(file) => file,
        Err(error) => {
            assert!(
                error.to_string().contains("config.json"),
                "an error names the file: {error}"
            );
            return;
        }
    };
    let registries = file.registries();
    let domains = registries.iter().map(|address| registry_domain(address));
    for domain in domains.chain(["registry.example:5000".to_owned()]) {
        check_registry(&file, &domain);
    }
}

fn check_registry(file: &DockerConfigFile, domain: &str) {
    if let Err(error) = file.credentials(domain) {
        assert!(
            error.to_string().contains(domain),
            "an error names the registry: {error}"
        );
    }
    let _any_answer = (file.helper(domain), file.contains_auth());
    let others: Vec<_> = file
        .fields()
        .keys()
        .filter(|name| *name != "auths")
        .cloned()
        .collect();
    let mut changed = file.clone();
    let credentials = Credentials::Password {
        username: "emon".to_owned(),
        password: Secret::new("p:w é"),
    };
    if changed
        .set_credentials(domain, Some(("emon", &credentials)))
        .is_ok()
    {
        let found = changed.credentials(domain).expect("what was just written");
        assert_eq!(found, credentials, "{domain}");
    }
    changed.erase(domain);
    let found = changed.credentials(domain).expect("nothing");
    assert_eq!(
        found,
        Credentials::Anonymous,
        "{domain} is still there after it was erased"
    );
    let kept: Vec<_> = changed
        .fields()
        .keys()
        .filter(|name| *name != "auths")
        .cloned()
        .collect();
    assert_eq!(kept, others, "what Wharf does not know stays");
}
