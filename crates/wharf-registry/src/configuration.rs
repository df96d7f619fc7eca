//! What administrators set while the registry runs. What it is told at start is [`Settings`](crate::Settings).

use crate::audit::{Actor, Operation, Subject};
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;

/// Harbor's `project_creation_restriction`: `everyone` or `adminonly`.
const PROJECT_CREATION: &str = "project_creation_restriction";
/// Harbor's `robot_token_duration`.
const ROBOT_DURATION: &str = "robot_token_duration";
/// Harbor's `session_timeout`.
const SESSION_TIMEOUT: &str = "session_timeout";

/// Days for which a robot is made, unless its maker says so (Harbor's default).
const ROBOT_DURATION_DAYS: i64 = 30;
/// Most days that can be set.
const ROBOT_DURATION_LIMIT_DAYS: i64 = 100 * 366;
/// Minutes that a session lasts: a working day with its breaks.
const SESSION_MINUTES: i64 = 12 * 60;
/// Most minutes that can be set: a month.
const SESSION_LIMIT_MINUTES: i64 = 31 * 24 * 60;

/// What is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Whether every user may make projects, or only administrators.
    pub users_create_projects: bool,
    /// Days for which a robot is made, unless its maker says so; -1 for ever.
    pub robot_duration_days: i64,
    /// Minutes that a session lasts.
    pub session_minutes: i64,
}

/// What is to be set; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigurationChange {
    /// Whether every user may make projects, or only administrators.
    pub users_create_projects: Option<bool>,
    /// Days for which a robot is made, unless its maker says so; -1 for ever.
    pub robot_duration_days: Option<i64>,
    /// Minutes that a session lasts.
    pub session_minutes: Option<i64>,
}

impl Registry {
    /// What is set now.
    pub async fn configuration(&self) -> Result<Configuration, RegistryError> {
        let default = Configuration {
            users_create_projects: self.settings().users_create_projects,
            robot_duration_days: ROBOT_DURATION_DAYS,
            session_minutes: SESSION_MINUTES,
        };
        let configuration: Result<_, SqlError> = self
            .db()
            .read(move |sql| {
                let restriction = db::settings::get(sql, PROJECT_CREATION)?;
                Ok(Configuration {
                    users_create_projects: restriction
                        .map_or(default.users_create_projects, |word| word == "everyone"),
                    robot_duration_days: number(sql, ROBOT_DURATION)?
                        .unwrap_or(default.robot_duration_days),
                    session_minutes: number(sql, SESSION_TIMEOUT)?
                        .unwrap_or(default.session_minutes),
                })
            })
            .await;
        Ok(configuration?)
    }

    /// Sets what `change` says.
    pub async fn configure(
        &self,
        actor: Actor,
        change: ConfigurationChange,
    ) -> Result<(), RegistryError> {
        let entries = change.entries()?;
        self.db()
            .write(Durability::Full, move |sql| {
                for (name, value) in &entries {
                    db::settings::set(sql, name, value)?;
                    let (operation, subject) = (Operation::Update, Subject::Configuration);
                    actor.note_more(sql, operation, subject, name, None, value)?;
                }
                Ok(())
            })
            .await
    }
}

impl ConfigurationChange {
    /// The settings by name, if they can be set so.
    fn entries(self) -> Result<Vec<(&'static str, String)>, RegistryError> {
        let refused = |reason: String| Err(RegistryError::BadRequest { reason });
        let mut entries = Vec::new();
        if let Some(everyone) = self.users_create_projects {
            let word = if everyone { "everyone" } else { "adminonly" };
            entries.push((PROJECT_CREATION, word.to_owned()));
        }
        if let Some(days) = self.robot_duration_days {
            if days != -1 && !(1..=ROBOT_DURATION_LIMIT_DAYS).contains(&days) {
                return refused(format!(
                    "{ROBOT_DURATION} is -1 for ever, or 1-{ROBOT_DURATION_LIMIT_DAYS} days"
                ));
            }
            entries.push((ROBOT_DURATION, days.to_string()));
        }
        if let Some(minutes) = self.session_minutes {
            if !(1..=SESSION_LIMIT_MINUTES).contains(&minutes) {
                return refused(format!(
                    "{SESSION_TIMEOUT} is 1-{SESSION_LIMIT_MINUTES} minutes"
                ));
            }
            entries.push((SESSION_TIMEOUT, minutes.to_string()));
        }
        Ok(entries)
    }
}

fn number(sql: &mut dyn Sql, name: &str) -> Result<Option<i64>, SqlError> {
    Ok(db::settings::get(sql, name)?.and_then(|text| text.parse().ok()))
}
