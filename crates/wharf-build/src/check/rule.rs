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

    /// What it demands, as answers in JSON say it.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ConsistentInstructionCasing => {
                "All commands within the Dockerfile should use the same casing (either upper or lower)"
            }
            Self::CopyIgnoredFile => "Attempting to Copy file that is excluded by .dockerignore",
            Self::DuplicateStageName => "Stage names should be unique",
            Self::ExposeInvalidFormat => {
                "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release"
            }
            Self::ExposeProtoCasing => "Protocol in EXPOSE instruction should be lowercase",
            Self::FromAsCasing => "The 'as' keyword should match the case of the 'from' keyword",
            Self::FromPlatformFlagConstDisallowed => {
                "FROM --platform flag should not use a constant value"
            }
            Self::InvalidDefaultArgInFrom => {
                "Default value for global ARG results in an empty or invalid base image name"
            }
            Self::InvalidDefinitionDescription => {
                "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment."
            }
            Self::JsonArgsRecommended => {
                "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals"
            }
            Self::LegacyKeyValueFormat => {
                "Legacy key/value format with whitespace separator should not be used"
            }
            Self::MaintainerDeprecated => {
                "The MAINTAINER instruction is deprecated, use a label instead to define an image author"
            }
            Self::MultipleInstructionsDisallowed => {
                "Multiple instructions of the same type should not be used in the same stage"
            }
            Self::NoEmptyContinuation => {
                "Empty continuation lines will become errors in a future release"
            }
            Self::RedundantTargetPlatform => {
                "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"
            }
            Self::ReservedStageName => "Reserved words should not be used as stage names",
            Self::SecretsUsedInArgOrEnv => {
                "Sensitive data should not be used in the ARG or ENV commands"
            }
            Self::StageNameCasing => "Stage names should be lowercase",
            Self::UndefinedArgInFrom => "FROM command must use declared ARGs",
            Self::UndefinedVar => "Variables should be defined before their use",
            Self::WorkdirRelativePath => {
                "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes"
            }
        }
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
