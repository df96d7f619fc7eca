//! What projects are set to: Harbor's metadata, texts by name.

use std::collections::BTreeMap;

use crate::db::projects::Project;
use crate::error::RegistryError;

/// Settings of a project, as texts by name. `public` is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

/// Whether everybody may pull.
const PUBLIC: &str = "public";
/// Rules of Harbor that this registry does not enforce. Clients set them to `false` as a matter of course; that somebody
/// believes one to be in force must not happen.
const NOT_ENFORCED: &[&str] = &[
    "auto_sbom_generation",
    "auto_scan",
    "enable_content_trust",
    "enable_content_trust_cosign",
    "prevent_vul",
];
/// What only says how rules are to be understood that are not enforced.
const WITHOUT_EFFECT: &[&str] = &["reuse_sys_cve_allowlist", "severity"];
/// Longest value, in bytes.
const VALUE_LIMIT_BYTES: usize = 255;

impl Metadata {
    /// What `project` is set to.
    pub fn of(project: &Project) -> Self {
        let mut entries: BTreeMap<String, String> =
            serde_json::from_str(&project.metadata).unwrap_or_default();
        entries.insert(PUBLIC.to_owned(), project.public.to_string());
        Self(entries)
    }

    /// What a project is set to that nobody set anything for.
    pub fn new(public: bool) -> Self {
        Self(BTreeMap::from([(PUBLIC.to_owned(), public.to_string())]))
    }

    /// Sets `name`, if it can be set so.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), RegistryError> {
        let refused = |reason: String| Err(RegistryError::BadRequest { reason });
        let is_flag = name == PUBLIC || NOT_ENFORCED.contains(&name);
        if !is_flag && !WITHOUT_EFFECT.contains(&name) {
            let name: String = name.chars().take(100).collect();
            return refused(format!("projects have no setting {name:?} here"));
        }
        if value.len() > VALUE_LIMIT_BYTES || is_flag && !matches!(value, "true" | "false") {
            return refused(format!("the setting {name} is \"true\" or \"false\""));
        }
        if NOT_ENFORCED.contains(&name) && value == "true" {
            return refused(format!("the rule {name} is not enforced by this registry"));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Forgets `name`; `false` if it was not set. Whether it is public a project always says.
    pub fn remove(&mut self, name: &str) -> Result<bool, RegistryError> {
        if name == PUBLIC {
            return Err(RegistryError::BadRequest {
                reason: "the setting public cannot be deleted; set it to \"false\"".to_owned(),
            });
        }
        Ok(self.0.remove(name).is_some())
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether everybody may pull.
    pub fn is_public(&self) -> bool {
        self.get(PUBLIC) == Some("true")
    }

    /// All of them.
    pub fn entries(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// All but whether it is public, as the database has them.
    pub(super) fn to_text(&self) -> String {
        let others: BTreeMap<_, _> = self.0.iter().filter(|(name, _)| *name != PUBLIC).collect();
        serde_json::to_string(&others).unwrap_or_else(|_| "{}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_true_can_be_set() {
        let mut metadata = Metadata::new(false);
        for (name, value, is_good) in [
            ("public", "true", true),
            ("public", "yes", false),
            ("prevent_vul", "false", true),
            ("prevent_vul", "true", false),
            ("severity", "high", true),
            ("unheard_of", "true", false),
        ] {
            assert_eq!(metadata.set(name, value).is_ok(), is_good, "{name}={value}");
        }
        assert!(metadata.is_public());
        assert_eq!(
            metadata.to_text(),
            r#"{"prevent_vul":"false","severity":"high"}"#
        );
        assert!(metadata.remove("public").is_err());
        assert!(metadata.remove("severity").unwrap());
        assert!(!metadata.remove("severity").unwrap());
    }
}
