//! From `--user` and a container's `/etc/passwd` and `/etc/group` to numbers. The rules are Docker's (moby/sys, `user`).

/// A user and its groups, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home folder: `/` where the files do not say.
    pub home: String,
}

/// Why nobody of that name was found. The texts are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No such user.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoSuchUser(String),
    /// No such group.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoSuchGroup(String),
    /// A number beyond what ids can be.
    #[error("uids and gids must be in range 0-2147483647")]
    OutOfRange,
}

struct User<'a> {
    name: &'a str,
    id: u32,
    group: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    id: u32,
    members: &'a str,
}

/// Finds `wanted` (`name|uid[:group|gid]`, empty for root) and the groups `more`.
pub fn find_account(
    wanted: &str,
    more: &[String],
    passwd: &str,
    group_file: &str,
) -> Result<Account, AccountError> {
    let (user_text, group_text) = wanted.split_once(':').unwrap_or((wanted, ""));
    let user_text = if user_text.is_empty() { "0" } else { user_text };
    let user_number = user_text.parse::<i64>().ok();
    let found = users(passwd).find(|user| {
        user.name == user_text || user_number.is_some_and(|number| number == i64::from(user.id))
    });
    let (user, mut group, home) = match (&found, user_number) {
        (Some(user), _) => (user.id, user.group, user.home),
        (None, Some(number)) => (in_range(number)?, 0, ""),
        (None, None) => return Err(AccountError::NoSuchUser(user_text.to_owned())),
    };
    let mut supplementary = Vec::new();
    if group_text.is_empty() {
        if let Some(user) = &found {
            let theirs = groups(group_file).filter(|group| group.has(user.name));
            supplementary.extend(theirs.map(|group| group.id));
        }
    } else {
        group = find_group(group_text, group_file)?;
    }
    for name in more {
        let id = find_group(name, group_file)?;
        if !supplementary.contains(&id) {
            supplementary.push(id);
        }
    }
    Ok(Account {
        user,
        group,
        groups: supplementary,
        home: if home.is_empty() { "/" } else { home }.to_owned(),
    })
}

fn find_group(text: &str, group_file: &str) -> Result<u32, AccountError> {
    let number = text.parse::<i64>().ok();
    let found = groups(group_file).find(|group| {
        group.name == text || number.is_some_and(|number| number == i64::from(group.id))
    });
    match (found, number) {
        (Some(group), _) => Ok(group.id),
        (None, Some(number)) => in_range(number),
        (None, None) => Err(AccountError::NoSuchGroup(text.to_owned())),
    }
}

fn in_range(number: i64) -> Result<u32, AccountError> {
    let fits = u32::try_from(number).ok().filter(|id| *id <= 0x7fff_ffff);
    fits.ok_or(AccountError::OutOfRange)
}

/// Lines that are none are passed over, as by every program that reads these files.
fn users(passwd: &str) -> impl Iterator<Item = User<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        Some(User {
            name,
            id: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            home: fields.nth(1).unwrap_or_default(),
        })
    })
}

fn groups(file: &str) -> impl Iterator<Item = Group<'_>> {
    file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        Some(Group {
            name,
            id: fields.next()?.parse().ok()?,
            members: fields.next().unwrap_or_default(),
        })
    })
}

impl Group<'_> {
    fn has(&self, name: &str) -> bool {
        self.members.split(',').any(|member| member == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nnot a line\nann:x:1000:100::/home/ann:/bin/sh\nbob:x:7:8\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\nwheel:x:10:root,ann\naudio:x:29:ann\n";

    #[test]
    fn users_are_found() {
        let account = |user, group, groups: &[u32], home: &str| {
            Ok(Account {
                user,
                group,
                groups: groups.to_vec(),
                home: home.to_owned(),
            })
        };
        let user = |name: &str| Err(AccountError::NoSuchUser(name.to_owned()));
        let group = |name: &str| Err(AccountError::NoSuchGroup(name.to_owned()));
        let cases = [
            ("", account(0, 0, &[10], "/root")),
            ("root", account(0, 0, &[10], "/root")),
            ("ann", account(1000, 100, &[10, 29], "/home/ann")),
            ("1000", account(1000, 100, &[10, 29], "/home/ann")),
            ("1001", account(1001, 0, &[], "/")),
            ("bob", account(7, 8, &[], "/")),
            ("ann:wheel", account(1000, 10, &[], "/home/ann")),
            ("ann:77", account(1000, 77, &[], "/home/ann")),
            ("5:6", account(5, 6, &[], "/")),
            (":29", account(0, 29, &[], "/root")),
            ("eve", user("eve")),
            ("ann:none", group("none")),
            ("-1", Err(AccountError::OutOfRange)),
            ("4294967296", Err(AccountError::OutOfRange)),
        ];
        for (wanted, expected) in cases {
            assert_eq!(
                find_account(wanted, &[], PASSWD, GROUP),
                expected,
                "{wanted:?}"
            );
        }
    }

    #[test]
    fn groups_are_added() {
        let more = ["audio".to_owned(), "55".to_owned()];
        let account = find_account("1001", &more, PASSWD, GROUP).unwrap();
        assert_eq!(account.groups, [29, 55]);
        let nobody = ["nobody".to_owned()];
        assert!(find_account("0", &nobody, PASSWD, GROUP).is_err());
    }
}
