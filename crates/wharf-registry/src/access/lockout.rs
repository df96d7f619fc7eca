//! Failed logins, counted, so that nobody can try passwords one after the other.
//!
//! Failures are counted for a name and a client's address together: counted for a name alone, anybody could lock out
//! anybody. Four are free; then each doubles the time during which no further one is looked at, up to five minutes.
//!
//! The counters are a table of fixed size that never throws an entry out: whoever can fill a table that does can unlock
//! himself. A pair has one counter in each of two rows, at places that a secret of the process decides, and is locked while
//! both are. So others share a counter with it by chance only, and hardly ever both. As each counter forgets a failure
//! every three minutes, somebody who wants to lock out everybody would need some 360 failures a second, and of a
//! machine that hashes passwords for each he does not get as many.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 4;
/// The longest that a pair is locked. A client with a password of yesterday has to wait that long after it was told the
/// new one.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// A failure is forgotten after so long; in the long run, that is how often somebody can guess.
const FORGETS_ONE_IN_SECONDS: u32 = 3 * 60;
/// Counters in a row, of 8 bytes each.
const COUNTERS: usize = 1 << 16;

/// Counts failed logins.
///
/// Ask [`Self::check`] before anything else is done with a password, even before it is looked for among the verified
/// ones, and once more when its turn to be verified has come: then no more guesses slip through than are verified at
/// once.
pub struct Lockout {
    rows: [Row; 2],
}

/// Too many logins failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed logins; try again in {} s", .retry_after.as_secs())]
pub struct LockedOut {
    /// How long no password is looked at.
    pub retry_after: SignedDuration,
}

struct Row {
    places: RandomState,
    counters: Vec<Counter>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    failures: u32,
    /// When the last one was, in seconds since 1970; good until 2106.
    last: u32,
}

impl Lockout {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        let row = || Row {
            places: RandomState::new(),
            counters: vec![Counter::default(); COUNTERS],
        };
        Self {
            rows: [row(), row()],
        }
    }

    /// Whether a login as `name` from `address` may be tried now. It makes no difference whether there is such a user.
    pub fn check(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), LockedOut> {
        let pair = Pair::new(name, address);
        let locked = |row: &Row| Some(row.counters.get(row.place(&pair))?.locked(now));
        match self.rows.iter().filter_map(locked).min() {
            Some(retry_after) if retry_after.is_positive() => Err(LockedOut { retry_after }),
            _ => Ok(()),
        }
    }

    /// A login was tried and failed.
    pub fn failed(&mut self, name: &str, address: IpAddr, now: Timestamp) {
        let pair = Pair::new(name, address);
        self.counters_mut(&pair)
            .for_each(|counter| counter.count(now));
    }

    /// A login was tried and the password verified: what failed before were typing errors.
    pub fn succeeded(&mut self, name: &str, address: IpAddr) {
        let pair = Pair::new(name, address);
        self.counters_mut(&pair)
            .for_each(|counter| *counter = Counter::default());
    }

    fn counters_mut(&mut self, pair: &Pair) -> impl Iterator<Item = &mut Counter> {
        self.rows.iter_mut().filter_map(move |row| {
            let place = row.place(pair);
            row.counters.get_mut(place)
        })
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lockout")
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self::new()
    }
}

impl Row {
    fn place(&self, pair: &Pair) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are taken anyway"
        )]
        let hash = self.places.hash_one(pair) as usize;
        hash % self.counters.len()
    }
}

impl Counter {
    fn count(&mut self, now: Timestamp) {
        let forgotten = self.elapsed(now) / FORGETS_ONE_IN_SECONDS;
        self.failures = self.failures.saturating_sub(forgotten).saturating_add(1);
        self.last = seconds(now);
    }

    /// For how long from `now` on nothing is looked at.
    fn locked(self, now: Timestamp) -> SignedDuration {
        self.delay()
            .saturating_sub(SignedDuration::from_secs(self.elapsed(now).into()))
    }

    /// Since the last failure. When the clock was set back by longer than a lock lasts, the lock is over.
    fn elapsed(self, now: Timestamp) -> u32 {
        seconds(now).abs_diff(self.last)
    }

    /// Nothing, then a second, doubled with each failure.
    fn delay(self) -> SignedDuration {
        let Some(doublings) = self.failures.checked_sub(FREE_FAILURES + 1) else {
            return SignedDuration::ZERO;
        };
        let seconds = 1_i64
            .checked_shl(doublings)
            .filter(|seconds| seconds.is_positive());
        seconds.map_or(LONGEST, |seconds| {
            SignedDuration::from_secs(seconds).min(LONGEST)
        })
    }
}

fn seconds(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_second()).unwrap_or_default()
}

/// What is counted for. Spellings that mean the same count together.
#[derive(Debug, Hash)]
struct Pair {
    name: String,
    network: IpAddr,
}

impl Pair {
    fn new(name: &str, address: IpAddr) -> Self {
        Self {
            name: name.trim().to_lowercase(),
            network: network(address),
        }
    }
}

/// A whole /64 is what one subscriber has of IPv6, and may change at will within.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.1";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail(lockout: &mut Lockout, times: usize, now: i64) {
        for _ in 0..times {
            lockout.failed("emon", ip(HOME), at(now));
        }
    }

    /// Seconds until `emon` may try from `HOME`.
    fn wait(lockout: &Lockout, now: i64) -> i64 {
        match lockout.check("emon", ip(HOME), at(now)) {
            Ok(()) => 0,
            Err(locked) => locked.retry_after.as_secs(),
        }
    }

    #[test]
    fn each_failure_doubles_the_wait() {
        let mut lockout = Lockout::new();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..16 {
            fail(&mut lockout, 1, now);
            let wait = wait(&lockout, now);
            waits.push(wait);
            now += wait;
        }
        assert_eq!(
            waits,
            [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]
        );
        // While it waits, it forgets one; more than that takes many at once.
        fail(&mut lockout, 1_000_000, now);
        assert_eq!(wait(&lockout, now), 300);
    }

    #[test]
    fn a_lock_ends_by_itself_and_asking_does_not_lengthen_it() {
        let mut lockout = Lockout::new();
        fail(&mut lockout, 10, 0);
        assert_eq!(wait(&lockout, 0), 32);
        for now in 0..32 {
            assert_eq!(wait(&lockout, now), 32 - now);
        }
        assert_eq!(wait(&lockout, 32), 0);
        // One more try, and it is twice as long.
        fail(&mut lockout, 1, 32);
        assert_eq!(wait(&lockout, 32), 64);
    }

    #[test]
    fn time_and_success_make_good() {
        let mut lockout = Lockout::new();
        fail(&mut lockout, 9, 0);
        // Eight are forgotten by then.
        fail(&mut lockout, 3, 8 * 180);
        assert_eq!(wait(&lockout, 8 * 180), 0);
        fail(&mut lockout, 5, 8 * 180 + 1);
        assert_eq!(wait(&lockout, 8 * 180 + 1), 16);
        lockout.succeeded("emon", ip(HOME));
        assert_eq!(wait(&lockout, 8 * 180 + 1), 0);
        fail(&mut lockout, 4, 8 * 180 + 2);
        assert_eq!(wait(&lockout, 8 * 180 + 2), 0, "counting begins anew");
    }

    #[test]
    fn in_the_long_run_a_guess_costs_three_minutes() {
        let mut lockout = Lockout::new();
        let day = 24 * 60 * 60;
        let (mut now, mut guesses) = (0, 0);
        while now < day {
            now += wait(&lockout, now);
            fail(&mut lockout, 1, now);
            guesses += 1;
        }
        assert!((300..=480).contains(&guesses), "{guesses} guesses a day");
    }

    #[test]
    fn others_are_not_locked_out() {
        let mut lockout = Lockout::new();
        fail(&mut lockout, 20, 0);
        for (name, address) in [
            ("root", HOME),
            ("emon", "192.0.2.2"),
            ("emon", "2001:db8::1"),
            ("", HOME),
        ] {
            assert_eq!(
                lockout.check(name, ip(address), at(0)),
                Ok(()),
                "{name} {address}"
            );
        }
    }

    #[test]
    fn another_spelling_is_no_new_chance() {
        let table = [
            ("emon", HOME, "EMON", HOME),
            ("emon", HOME, " emon ", HOME),
            ("emon", HOME, "emon", "::ffff:192.0.2.1"),
            (
                "emon",
                "2001:db8:1:2::1",
                "emon",
                "2001:db8:1:2:ffff:ffff:ffff:ffff",
            ),
        ];
        for (name, address, other, elsewhere) in table {
            let mut lockout = Lockout::new();
            for _ in 0..10 {
                lockout.failed(name, ip(address), at(0));
            }
            assert!(
                lockout.check(other, ip(elsewhere), at(0)).is_err(),
                "{other} {elsewhere}"
            );
        }
        let mut lockout = Lockout::new();
        for _ in 0..10 {
            lockout.failed("emon", ip("2001:db8:1:2::1"), at(0));
        }
        assert!(
            lockout.check("emon", ip("2001:db8:1:3::1"), at(0)).is_ok(),
            "another subscriber"
        );
    }

    /// How many of a thousand who never failed are locked out.
    fn innocent(lockout: &Lockout, now: i64) -> usize {
        let is_locked = |number: &i32| {
            let name = format!("user{number}");
            lockout.check(&name, ip("203.0.113.1"), at(now)).is_err()
        };
        (0..1_000).filter(is_locked).count()
    }

    fn flood(lockout: &mut Lockout, addresses: std::ops::Range<u32>, now: i64) {
        for address in addresses {
            lockout.failed("nobody", IpAddr::from(address.to_be_bytes()), at(now));
        }
    }

    #[test]
    fn a_flood_unlocks_nobody() {
        let mut lockout = Lockout::new();
        fail(&mut lockout, 12, 0);
        flood(&mut lockout, 0..200_000, 0);
        assert!(wait(&lockout, 0) >= 128);
    }

    /// Two hundred failures a second for a quarter of an hour, or all of them at once.
    #[test]
    fn a_flood_locks_hardly_anybody() {
        let mut lockout = Lockout::new();
        for second in 0..15 * 60 {
            flood(
                &mut lockout,
                second * 200..(second + 1) * 200,
                second.into(),
            );
        }
        let locked = innocent(&lockout, 15 * 60);
        assert!(locked <= 5, "{locked} of 1000 are locked out");
        // A fifth of all counters is over the limit then, and a twenty-fifth of all pairs has two such.
        let mut lockout = Lockout::new();
        flood(&mut lockout, 0..200_000, 0);
        let locked = innocent(&lockout, 0);
        assert!(locked <= 100, "{locked} of 1000 are locked out");
    }

    #[test]
    fn one_address_that_guesses_many_names_locks_itself_out_of_each() {
        let mut lockout = Lockout::new();
        for round in 0..7 {
            for number in 0..1_000 {
                lockout.failed(&format!("user{number}"), ip(HOME), at(round));
            }
        }
        let free = |number: &i32| {
            lockout
                .check(&format!("user{number}"), ip(HOME), at(6))
                .is_ok()
        };
        assert_eq!((0..1_000).filter(free).count(), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_for_long() {
        let mut lockout = Lockout::new();
        fail(&mut lockout, 100, 1_000_000);
        assert_eq!(wait(&lockout, 0), 0);
        assert_eq!(wait(&lockout, -2_000_000_000), 0);
    }
}
