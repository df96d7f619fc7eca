//! Passwords that were right a moment ago.
//!
//! Docker's clients send the password with every request for a token, and some with every request. Argon2 is made to be
//! slow, so a password that was verified is known again for ten minutes by a hash that is quick.
//!
//! What is known is not "this password of this user is right" but "this password fits this stored hash". So when the stored
//! hash changes because of a new password, or is gone with the user, what is known here fits nothing any more.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};

use super::subject::SubjectId;
use crate::random;

/// How long a password is known.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Most passwords that are known at once. Only right ones get in, so nobody can push out others with guesses.
const LIMIT: usize = 4096;

/// The HMAC of subject, stored hash and password under a secret of the process. Without that it tells nothing of the
/// password, and nobody can look for another password that has the same.
type Fingerprint = Vec<u8>;

/// Knows passwords that were verified.
///
/// It answers quickly, and so it must not be asked by somebody who is [locked out](super::Lockout), or he could guess here.
pub struct VerifiedPasswords {
    key: hmac::Key,
    known: HashMap<Fingerprint, Timestamp>,
}

impl VerifiedPasswords {
    /// Knows none.
    pub fn new() -> Self {
        let secret: [u8; 32] = random::bytes();
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            known: HashMap::new(),
        }
    }

    /// Whether `password` was found to fit the hash `stored` of `subject` within the last ten minutes. `stored` is what the
    /// database has for this request.
    pub fn contains(
        &self,
        subject: SubjectId,
        stored: &str,
        password: &str,
        now: Timestamp,
    ) -> bool {
        let verified = self.known.get(&self.fingerprint(subject, stored, password));
        verified.is_some_and(|verified| is_fresh(*verified, now))
    }

    /// Takes note that `password` was verified against `stored`.
    pub fn insert(&mut self, subject: SubjectId, stored: &str, password: &str, now: Timestamp) {
        // A look at all of them is nothing beside the Argon2 that has just been done.
        self.known.retain(|_, verified| is_fresh(*verified, now));
        let fingerprint = self.fingerprint(subject, stored, password);
        self.known.insert(fingerprint, now);
        if self.known.len() > LIMIT {
            let oldest = self.known.iter().min_by_key(|(_, verified)| **verified);
            if let Some(oldest) = oldest.map(|(fingerprint, _)| fingerprint.clone()) {
                self.known.remove(&oldest);
            }
        }
    }

    fn fingerprint(&self, subject: SubjectId, stored: &str, password: &str) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.key);
        // With the length before each part, no two inputs look the same put together.
        for part in [&subject.to_string(), stored, password] {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }
}

/// Neither too long ago nor, because the clock was set back, in the future.
fn is_fresh(verified: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..KNOWN_FOR).contains(&now.duration_since(verified))
}

impl Default for VerifiedPasswords {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VerifiedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedPasswords({})", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMON: SubjectId = SubjectId::User(7);
    const STORED: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";
    const PASSWORD: &str = "Harbor12345";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn knowing() -> VerifiedPasswords {
        let mut verified = VerifiedPasswords::new();
        verified.insert(EMON, STORED, PASSWORD, at(0));
        verified
    }

    #[test]
    fn what_was_verified_is_known_and_nothing_else() {
        let verified = knowing();
        assert!(verified.contains(EMON, STORED, PASSWORD, at(1)));
        let changed = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaB";
        let table = [
            (EMON, STORED, "harbor12345", "another password"),
            (EMON, STORED, "", "none"),
            (EMON, changed, PASSWORD, "the password was changed"),
            (EMON, "", PASSWORD, "the user has none any more"),
            (SubjectId::User(8), STORED, PASSWORD, "another user"),
            (
                SubjectId::Robot(7),
                STORED,
                PASSWORD,
                "a robot of the same number",
            ),
        ];
        for (subject, stored, password, why) in table {
            assert!(
                !verified.contains(subject, stored, password, at(1)),
                "{why}"
            );
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let mut verified = VerifiedPasswords::new();
        verified.insert(SubjectId::User(1), "ab", "c", at(0));
        for (subject, stored, password) in [
            (1, "a", "bc"),
            (1, "abc", ""),
            (1, "", "abc"),
            (12, "ab", "c"),
        ] {
            assert!(!verified.contains(SubjectId::User(subject), stored, password, at(0)));
        }
    }

    #[test]
    fn it_is_forgotten_after_ten_minutes() {
        let mut verified = knowing();
        assert!(verified.contains(EMON, STORED, PASSWORD, at(599)));
        assert!(!verified.contains(EMON, STORED, PASSWORD, at(600)));
        assert!(
            !verified.contains(EMON, STORED, PASSWORD, at(-1)),
            "the clock was set back"
        );
        // Being asked for it does not keep it; being verified again does.
        verified.insert(EMON, STORED, PASSWORD, at(500));
        verified.insert(SubjectId::User(8), STORED, PASSWORD, at(700));
        assert!(verified.contains(EMON, STORED, PASSWORD, at(1_099)));
        assert!(!verified.contains(EMON, STORED, PASSWORD, at(1_100)));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut verified = VerifiedPasswords::new();
        for id in 0..4096 {
            verified.insert(SubjectId::User(id), STORED, PASSWORD, at(id / 100));
        }
        // The same again and again takes no more room.
        for _ in 0..100 {
            verified.insert(SubjectId::User(100), STORED, PASSWORD, at(41));
        }
        let knows = |verified: &VerifiedPasswords, ids: std::ops::Range<i64>| {
            let knows =
                |id: &i64| verified.contains(SubjectId::User(*id), STORED, PASSWORD, at(41));
            ids.filter(knows).count()
        };
        assert_eq!(
            (verified.known.len(), knows(&verified, 0..4096)),
            (LIMIT, LIMIT)
        );
        verified.insert(SubjectId::User(5_000), STORED, PASSWORD, at(41));
        assert_eq!(verified.known.len(), LIMIT);
        assert_eq!(knows(&verified, 5_000..5_001), 1);
        assert_eq!(knows(&verified, 0..100), 99, "one of the oldest had to go");
        // What has ended takes no room.
        verified.insert(EMON, STORED, PASSWORD, at(1_000));
        assert_eq!(verified.known.len(), 1);
    }

    #[test]
    fn each_process_has_a_secret_of_its_own() {
        let print = |verified: &VerifiedPasswords| verified.fingerprint(EMON, STORED, PASSWORD);
        let (one, other) = (knowing(), knowing());
        assert_eq!(print(&one), print(&one));
        assert_ne!(print(&one), print(&other));
        assert_eq!(print(&one).len(), 32);
    }

    #[test]
    fn passwords_are_not_logged() {
        assert_eq!(format!("{:?}", knowing()), "VerifiedPasswords(1)");
    }
}
