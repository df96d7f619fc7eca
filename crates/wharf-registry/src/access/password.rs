//! Passwords and secrets: made, judged, hashed and verified.

use std::fmt;
use std::ops::RangeInclusive;

use argon2::password_hash::Error as HashError;
use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version};

use crate::random;

/// Length of a password, in characters.
const LENGTH: RangeInclusive<usize> = 8..=128;
/// Longest input that is hashed at all, in bytes: a password of the greatest length in the widest characters.
const INPUT_LIMIT_BYTES: usize = 4 * 128;
/// Length of a secret that is made here, in characters: 190 bits.
const SECRET_LENGTH: usize = 32;
const SALT_LENGTH_BYTES: usize = 16;
/// Most memory that a stored hash may ask for, in KiB, and most passes: a row in the database must not be able to hold up
/// the machine.
const STORED_MEMORY_LIMIT_KIB: u32 = 256 * 1024;
const STORED_PASSES_LIMIT: u32 = 16;
/// An allocation of this size always goes back to the system when it is freed. glibc keeps smaller ones for the thread that
/// made them, once it has seen one go: each thread that had ever verified a password held 19 MiB for good.
const RETURNED_BYTES: usize = 33 << 20;

/// A new password or secret is too weak. The text is Harbor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number"
)]
pub struct WeakPassword;

/// A password could not be hashed or compared. None of these is the fault of who typed it.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// What is stored is no Argon2id hash, or one of absurd cost.
    #[error(
        "the stored hash of the password is damaged or of a kind that is not used here; set the password anew"
    )]
    Stored(#[source] HashError),
    /// Argon2 failed: memory is short.
    #[error("a password could not be hashed")]
    Hashing(#[source] HashError),
}

/// Whether a password is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// The stored hash was made with another effort than is usual now: hash the password again and store that.
        needs_rehash: bool,
    },
    /// It is not, or there is no such user.
    Wrong,
}

/// Whether `password` may be set as a user's password or a robot's secret: Harbor's rule.
pub fn check_policy(password: &str) -> Result<(), WeakPassword> {
    let has = |class: fn(&char) -> bool| password.chars().any(|c| class(&c));
    let is_good = password.len() <= INPUT_LIMIT_BYTES
        && LENGTH.contains(&password.chars().count())
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit);
    if is_good { Ok(()) } else { Err(WeakPassword) }
}

/// A new secret that follows the policy: 32 letters and digits, as Harbor's robots have. For robots, and for the
/// administrator's password when a registry starts for the first time.
pub fn generate_secret() -> String {
    loop {
        let secret = random_letters_and_digits();
        // About one in three hundred lacks a digit or a case.
        if check_policy(&secret).is_ok() {
            return secret;
        }
    }
}

fn random_letters_and_digits() -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(SECRET_LENGTH);
    while text.len() < SECRET_LENGTH {
        let bytes: [u8; 2 * SECRET_LENGTH] = random::bytes();
        // A byte that would wrap around is thrown away, so that no letter is likelier than another.
        let letters = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 0x3f)))
            .map(|letter| char::from(*letter));
        text.extend(letters.take(SECRET_LENGTH - text.len()));
    }
    text
}

/// Hashes and verifies passwords with Argon2id.
///
/// A call takes [`Self::memory_bytes`] and some tens of milliseconds of a core: make it on a thread, and let few run at
/// once.
#[derive(Clone)]
pub struct PasswordHasher(Argon2<'static>);

impl PasswordHasher {
    /// With 19 MiB, two passes and one lane: of the settings that OWASP's Password Storage Cheat Sheet calls equally
    /// strong, the one that is quick and still fits a small machine.
    pub fn new() -> Self {
        Self::with_cost(19 * 1024, 2)
    }

    fn with_cost(memory_kib: u32, passes: u32) -> Self {
        #[expect(clippy::expect_used, reason = "constants of this file")]
        let params = Params::new(memory_kib, passes, 1, None).expect("parameters Argon2 takes");
        Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// The memory that one call takes while it runs.
    pub fn memory_bytes(&self) -> usize {
        self.0.params().block_count() * Block::SIZE
    }

    /// The hash of `password` under a new salt, as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
    ///
    /// Whether the password is good enough is asked before: [`check_policy`].
    pub fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let salt: [u8; SALT_LENGTH_BYTES] = random::bytes();
        self.hash_with(password, &salt)
            .map(|hash| hash.to_string())
            .map_err(PasswordError::Hashing)
    }

    /// Compares `password` with the hash that is stored for a user.
    ///
    /// Give `None` for a user who does not exist or has no password: the same work is done, so that the time it takes does
    /// not tell who exists.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, PasswordError> {
        if password.len() > INPUT_LIMIT_BYTES {
            return Ok(Verdict::Wrong);
        }
        let Some(stored) = stored else {
            self.hash(password)?;
            return Ok(Verdict::Wrong);
        };
        let stored =
            PasswordHash::new(stored).map_err(|error| PasswordError::Stored(error.into()))?;
        let params = bearable_params(&stored)?;
        let is_right = matches(password, &stored, &params).map_err(PasswordError::Hashing)?;
        Ok(if is_right {
            Verdict::Right {
                needs_rehash: self.needs_rehash(&params),
            }
        } else {
            Verdict::Wrong
        })
    }

    fn hash_with(&self, password: &str, salt: &[u8]) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.0.params())?,
            salt: Some(Salt::new(salt)?),
            hash: Some(derive(&self.0, password, salt)?),
        })
    }

    fn needs_rehash(&self, stored: &Params) -> bool {
        let effort = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        effort(stored) != effort(self.0.params())
    }
}

/// Whether `password` has the hash `stored`, whose `params` can be borne. The comparison takes the same time wherever they
/// differ.
fn matches(password: &str, stored: &PasswordHash, params: &Params) -> Result<bool, HashError> {
    let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else {
        return Ok(false);
    };
    let version = stored.version.map(Version::try_from).transpose()?;
    let version = version.unwrap_or_default();
    let argon2 = Argon2::new(Algorithm::Argon2id, version, params.clone());
    Ok(derive(&argon2, password, salt)? == *hash)
}

/// The hash itself, made in memory that goes back to the system.
fn derive(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<Output, HashError> {
    let params = argon2.params();
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let mut buffer = [0; Output::MAX_LENGTH];
    let output = buffer.get_mut(..length).ok_or(HashError::OutputSize)?;
    let blocks = params.block_count();
    // What is not used of it is never touched, and costs nothing.
    let mut memory = Vec::with_capacity(blocks.max(RETURNED_BYTES / Block::SIZE));
    memory.resize(blocks, Block::default());
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory)?;
    Output::new(output).map_err(Into::into)
}

/// The parameters of a stored hash, if it is one of ours and its cost can be borne.
fn bearable_params(stored: &PasswordHash) -> Result<Params, PasswordError> {
    if stored.algorithm != ARGON2ID_IDENT {
        return Err(PasswordError::Stored(HashError::Algorithm));
    }
    let params = Params::try_from(stored).map_err(PasswordError::Stored)?;
    let is_bearable = params.m_cost() <= STORED_MEMORY_LIMIT_KIB
        && params.t_cost() <= STORED_PASSES_LIMIT
        && stored.salt.is_some()
        && stored.hash.is_some();
    if is_bearable {
        Ok(params)
    } else {
        Err(PasswordError::Stored(HashError::ParamsInvalid))
    }
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHasher")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    /// As little work as Argon2 allows.
    fn quick() -> PasswordHasher {
        PasswordHasher::with_cost(8, 1)
    }

    #[test]
    fn the_policy_is_harbors() {
        let longest = format!("{}Aa1", "x".repeat(125));
        let wide = format!("{}Aa1", "\u{1f600}".repeat(125));
        for good in ["Harbor12345", "aaaaaaA1", "Passwörter1", &longest, &wide] {
            assert_eq!(check_policy(good), Ok(()), "{good:?}");
        }
        let too_long = format!("{longest}x");
        let bad = [
            "",
            "Short1a",
            "alllower1",
            "ALLUPPER1",
            "NoDigitsHere",
            "ÄÖÜäöü12",
            "١٢٣٤٥٦٧٨Aa",
            &too_long,
        ];
        for bad in bad {
            assert_eq!(check_policy(bad), Err(WeakPassword), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let hasher = quick();
        let stored = hasher.hash("Harbor12345").unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{stored}"
        );
        assert_ne!(
            stored,
            hasher.hash("Harbor12345").unwrap(),
            "each has a salt of its own"
        );
        let right = Verdict::Right {
            needs_rehash: false,
        };
        assert_eq!(hasher.verify("Harbor12345", Some(&stored)).unwrap(), right);
        for wrong in [
            "",
            "harbor12345",
            "Harbor1234",
            "Harbor12345 ",
            "Harbor12345\0",
            &stored,
        ] {
            assert_eq!(
                hasher.verify(wrong, Some(&stored)).unwrap(),
                Verdict::Wrong,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn nobody_has_no_password() {
        for password in ["", "Harbor12345", &"x".repeat(1_000_000)] {
            assert_eq!(quick().verify(password, None).unwrap(), Verdict::Wrong);
        }
    }

    #[test]
    fn an_endless_password_is_not_hashed() {
        let stored = quick().hash("Harbor12345").unwrap();
        let endless = "x".repeat(INPUT_LIMIT_BYTES + 1);
        // The stored hash is not even looked at, so it makes no difference whether there is one.
        assert_eq!(
            quick().verify(&endless, Some(&stored)).unwrap(),
            Verdict::Wrong
        );
        assert_eq!(
            quick().verify(&endless, Some("damaged")).unwrap(),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_of_other_effort_still_counts_and_is_to_be_made_anew() {
        let earlier = PasswordHasher::with_cost(16, 2);
        let stored = earlier.hash("Harbor12345").unwrap();
        let right = |needs_rehash| Verdict::Right { needs_rehash };
        assert_eq!(
            quick().verify("Harbor12345", Some(&stored)).unwrap(),
            right(true)
        );
        assert_eq!(
            earlier.verify("Harbor12345", Some(&stored)).unwrap(),
            right(false)
        );
        assert_eq!(
            quick().verify("harbor12345", Some(&stored)).unwrap(),
            Verdict::Wrong
        );
    }

    /// A hash from the tests of Argon2's reference implementation (`src/test.c`).
    #[test]
    fn a_hash_that_another_program_made_is_understood() {
        let stored =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let right = Verdict::Right { needs_rehash: true };
        assert_eq!(quick().verify("password", Some(stored)).unwrap(), right);
    }

    #[test]
    fn the_usual_effort_is_owasps() {
        let hasher = PasswordHasher::new();
        assert_eq!(hasher.memory_bytes(), 19 << 20);
        let stored = hasher.hash("Harbor12345").unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
    }

    #[test]
    fn what_is_stored_cannot_hold_up_the_machine() {
        let salt_and_hash = "c2FsdHNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
        let table = [
            String::new(),
            "Harbor12345".to_owned(),
            "$2y$05$abcdefghijklmnopqrstuuO2i.jpYtyiMsXYnUNeQqzZPnGvGqO".to_owned(),
            format!("$argon2i$v=19$m=8,t=1,p=1${salt_and_hash}"),
            format!("$argon2d$v=19$m=8,t=1,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=4194304,t=1,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=8,t=1000000,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=0,t=0,p=0${salt_and_hash}"),
            "$argon2id$v=19$m=8,t=1,p=1".to_owned(),
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0".to_owned(),
        ];
        for stored in &table {
            let result = quick().verify("Harbor12345", Some(stored));
            assert!(
                matches!(result, Err(PasswordError::Stored(_))),
                "{stored}: {result:?}"
            );
        }
    }

    #[test]
    fn secrets_are_long_new_and_good() {
        let secrets: HashSet<_> = (0..500).map(|_| generate_secret()).collect();
        assert_eq!(secrets.len(), 500);
        let mut letters = BTreeSet::new();
        for secret in &secrets {
            assert_eq!(secret.len(), SECRET_LENGTH);
            assert_eq!(check_policy(secret), Ok(()));
            letters.extend(secret.chars());
        }
        assert_eq!(letters.len(), 62, "every letter and digit is used");
    }
}
