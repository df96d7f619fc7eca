//! The text file that describes a scenario.
//!
//! ```text
//! # A comment.
//! registry password               the registry asks for a password (else it is open)
//! search                          `$SEARCH` is a registry that can be searched
//! push web as alpha/web:1.0       the image `web` of fixtures.rs stands in the registry under this name
//! archive web.tar of web as a:1 b:2   the working folder has this archive, as `docker save` wrote them
//! layout web.oci.tar of web as 1.0    the working folder has this OCI layout, as a tar
//! layer root.tar of web           the working folder has the lowest layer of this image
//! file notes.txt some words       the working folder has this file of one line
//! $ docker pull $REGISTRY/alpha/web:1.0    a command, run by sh; `docker` is the program under test
//! capture NEW                     the last ID that the command printed is `{NEW}` wherever it appears
//! $$ cp a b                       a command that only prepares: run, but not recorded
//! ```

use std::fmt;

/// A scenario, parsed.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// Whether the registry asks for a password.
    pub password: bool,
    /// Whether there is a registry that can be searched.
    pub search: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One line of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Push the image called `image` as `name`.
    Push {
        /// Its name in `fixtures.rs`.
        image: String,
        /// `repository:tag`.
        name: String,
    },
    /// Write an archive of images into the working folder.
    Archive {
        /// The file's name.
        file: String,
        /// The image's name in `fixtures.rs`.
        image: String,
        /// The names inside the archive.
        names: Vec<String>,
        /// An OCI layout instead of Docker's old form.
        oci: bool,
    },
    /// Write the lowest layer of an image into the working folder, as a tar.
    Layer {
        /// The file's name.
        file: String,
        /// The image's name in `fixtures.rs`.
        image: String,
    },
    /// Write a file of one line into the working folder.
    File {
        /// The file's name.
        file: String,
        /// The line.
        line: String,
    },
    /// Run a command.
    Run {
        /// The command as it stands in the file.
        command: String,
        /// Whether its output is part of the transcript.
        recorded: bool,
    },
    /// Give the last ID printed a name.
    Capture {
        /// The name.
        name: String,
    },
}

/// Which line of a scenario cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    line: usize,
    text: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}: this is no step of a scenario: {}",
            self.line, self.text
        )
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line {
                "registry password" => scenario.password = true,
                "search" => scenario.search = true,
                step => {
                    let wrong = || ScenarioError {
                        line: index + 1,
                        text: step.to_owned(),
                    };
                    scenario.steps.push(parse_step(step).ok_or_else(wrong)?);
                }
            }
        }
        Ok(scenario)
    }
}

fn parse_step(line: &str) -> Option<Step> {
    if let Some(command) = line.strip_prefix("$$ ") {
        return Some(Step::Run {
            command: command.to_owned(),
            recorded: false,
        });
    }
    if let Some(command) = line.strip_prefix("$ ") {
        return Some(Step::Run {
            command: command.to_owned(),
            recorded: true,
        });
    }
    if let Some(rest) = line.strip_prefix("file ") {
        let (file, line) = rest.split_once(' ')?;
        return Some(Step::File {
            file: file.to_owned(),
            line: line.to_owned(),
        });
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let owned = |word: &&str| (*word).to_owned();
    match words.as_slice() {
        ["push", image, "as", name] => Some(Step::Push {
            image: owned(image),
            name: owned(name),
        }),
        [kind @ ("archive" | "layout"), file, "of", image] => Some(Step::Archive {
            file: owned(file),
            image: owned(image),
            names: Vec::new(),
            oci: *kind == "layout",
        }),
        [
            kind @ ("archive" | "layout"),
            file,
            "of",
            image,
            "as",
            names @ ..,
        ] => Some(Step::Archive {
            file: owned(file),
            image: owned(image),
            names: names.iter().map(owned).collect(),
            oci: *kind == "layout",
        }),
        ["layer", file, "of", image] => Some(Step::Layer {
            file: owned(file),
            image: owned(image),
        }),
        ["capture", name] => Some(Step::Capture { name: owned(name) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line() {
        let text = "# words\n\nregistry password\npush web as a/b:1\narchive x.tar of web as a:1 b:2\nlayout y of web\n\
                    layer l.tar of web\nfile n two words\n$ docker images\ncapture NEW\n$$ rm x\n";
        let scenario = Scenario::parse(text).unwrap();
        assert!(scenario.password);
        assert_eq!(scenario.steps.len(), 8);
        assert_eq!(
            scenario.steps[3],
            Step::Layer {
                file: "l.tar".into(),
                image: "web".into()
            }
        );
        assert_eq!(
            scenario.steps[7],
            Step::Run {
                command: "rm x".into(),
                recorded: false
            }
        );
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        let error = Scenario::parse("push web as a:1\npusch web as a:1\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: this is no step of a scenario: pusch web as a:1"
        );
    }
}
