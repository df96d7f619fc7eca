//! The rules: BuildKit's names, and the pages that explain them.

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names are BuildKit's, and `url` names the page that explains each"
)]
pub enum Rule {
    ConsistentInstructionCasing,
    CopyIgnoredFile,
    DuplicateStageName,
    ExposeInvalidFormat,
    ExposeProtoCasing,
    FromAsCasing,
    FromPlatformFlagConstDisallowed,
    InvalidDefaultArgInFrom,
    InvalidDefinitionDescription,
    JsonArgsRecommended,
    LegacyKeyValueFormat,
    MaintainerDeprecated,
    MultipleInstructionsDisallowed,
    NoEmptyContinuation,
    RedundantTargetPlatform,
    ReservedStageName,
    SecretsUsedInArgOrEnv,
    StageNameCasing,
    UndefinedArgInFrom,
    UndefinedVar,
    WorkdirRelativePath,
}

impl Rule {
    /// Its name, as `# check=skip=` takes it.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// The page about it.
    pub fn url(self) -> String {
        format!(
            "https://docs.docker.com/go/dockerfile/rule/{}/",
            self.words().1
        )
    }

    /// Whether it is only checked if asked for.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::InvalidDefinitionDescription)
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ConsistentInstructionCasing => (
                "ConsistentInstructionCasing",
                "consistent-instruction-casing",
            ),
            Self::CopyIgnoredFile => ("CopyIgnoredFile", "copy-ignored-file"),
            Self::DuplicateStageName => ("DuplicateStageName", "duplicate-stage-name"),
            Self::ExposeInvalidFormat => ("ExposeInvalidFormat", "expose-invalid-format"),
            Self::ExposeProtoCasing => ("ExposeProtoCasing", "expose-proto-casing"),
            Self::FromAsCasing => ("FromAsCasing", "from-as-casing"),
            Self::FromPlatformFlagConstDisallowed => (
                "FromPlatformFlagConstDisallowed",
                "from-platform-flag-const-disallowed",
            ),
            Self::InvalidDefaultArgInFrom => {
                ("InvalidDefaultArgInFrom", "invalid-default-arg-in-from")
            }
            Self::InvalidDefinitionDescription => (
                "InvalidDefinitionDescription",
                "invalid-definition-description",
            ),
            Self::JsonArgsRecommended => ("JSONArgsRecommended", "json-args-recommended"),
            Self::LegacyKeyValueFormat => ("LegacyKeyValueFormat", "legacy-key-value-format"),
            Self::MaintainerDeprecated => ("MaintainerDeprecated", "maintainer-deprecated"),
            Self::MultipleInstructionsDisallowed => (
                "MultipleInstructionsDisallowed",
                "multiple-instructions-disallowed",
            ),
            Self::NoEmptyContinuation => ("NoEmptyContinuation", "no-empty-continuation"),
            Self::RedundantTargetPlatform => {
                ("RedundantTargetPlatform", "redundant-target-platform")
            }
            Self::ReservedStageName => ("ReservedStageName", "reserved-stage-name"),
            Self::SecretsUsedInArgOrEnv => ("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env"),
            Self::StageNameCasing => ("StageNameCasing", "stage-name-casing"),
            Self::UndefinedArgInFrom => ("UndefinedArgInFrom", "undefined-arg-in-from"),
            Self::UndefinedVar => ("UndefinedVar", "undefined-var"),
            Self::WorkdirRelativePath => ("WorkdirRelativePath", "workdir-relative-path"),
        }
    }
}
