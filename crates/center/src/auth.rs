//! Secrets: tokens, passwords, and how often one may guess.
//!
//! Invariants: only hashes of tokens and passwords are stored; a guess takes as long for a name that does not exist as
//! for one that does; what is remembered about guessing is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Result, anyhow};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bongsu_event::Micros;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;

/// Random bytes of a token (256 bits).
const TOKEN_BYTES: usize = 32;
/// Longest token that is looked at, characters.
pub const TOKEN_CHARS_MAX: usize = 128;
/// Random bytes of a password's salt.
const SALT_BYTES: usize = 16;
/// argon2id memory, KiB (19 MiB).
const ARGON2_MEMORY_KIB: u32 = 19_456;
/// argon2id passes.
const ARGON2_PASSES: u32 = 2;
/// argon2id lanes.
const ARGON2_LANES: u32 = 1;
/// Passwords hashed at the same time: each takes the memory above.
const HASHES_AT_ONCE: usize = 2;

/// Guesses are counted over this long, seconds.
const WINDOW_SECONDS: i64 = 300;
/// Failed guesses from one address in that time.
const ADDRESS_FAILURES_MAX: u32 = 30;
/// Failed guesses at one account in that time.
const ACCOUNT_FAILURES_MAX: u32 = 10;
/// Addresses, and accounts, remembered at most.
const REMEMBERED_MAX: usize = 20_000;

/// A fresh secret for links, sessions and tokens, as text for a URL.
///
/// # Errors
/// The machine gives no randomness.
pub fn new_token() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<TOKEN_BYTES>()?))
}

/// What is stored of a token.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    secret_hash(token.as_bytes())
}

/// What is stored of a secret.
#[must_use]
pub fn secret_hash(secret: &[u8]) -> [u8; 32] {
    bongsu_state::secret_hash(secret)
}

/// The word a page sends back with each change, made of its session's secret: another site can't know it.
#[must_use]
pub fn csrf_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(secret_hash(format!("csrf:{token}").as_bytes()))
}

/// Compare secrets without telling by time where they differ.
#[must_use]
pub fn same_secret(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

/// Random bytes.
///
/// # Errors
/// The machine gives no randomness.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the machine gives no random numbers"))?;
    Ok(bytes)
}

fn argon2() -> Result<Argon2<'static>> {
    let params =
        Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None).map_err(|e| anyhow!("argon2: {e}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String> {
    let salt = SaltString::encode_b64(&random::<SALT_BYTES>()?).map_err(|e| anyhow!("argon2: {e}"))?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(|e| anyhow!("argon2: {e}"))?.to_string())
}

fn fits(password: &str, hash: &str) -> bool {
    let (Ok(hash), Ok(argon2)) = (PasswordHash::new(hash), argon2()) else { return false };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}

/// Hashes passwords, a few at a time, off the threads that serve.
pub struct Passwords {
    slots: Semaphore,
    // What is compared with when there is no such account.
    nobody: std::sync::OnceLock<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Semaphore::new(HASHES_AT_ONCE), nobody: std::sync::OnceLock::new() }
    }
}

impl Passwords {
    /// The hash to store.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub async fn hash(&self, password: String) -> Result<String> {
        let _slot = self.slots.acquire().await?;
        tokio::task::spawn_blocking(move || hash_now(&password)).await?
    }
    /// Is it the password of that hash? Without a hash it takes as long and says no.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let _slot = self.slots.acquire().await?;
        let known = hash.is_some();
        let nobody = self.nobody.get().cloned();
        let (fits, made) = tokio::task::spawn_blocking(move || -> Result<(bool, Option<String>)> {
            match (hash, nobody) {
                (Some(hash), _) | (None, Some(hash)) => Ok((fits(&password, &hash), None)),
                (None, None) => Ok((false, Some(hash_now("nobody's password")?))),
            }
        })
        .await??;
        if let Some(made) = made {
            let _ = self.nobody.set(made);
        }
        Ok(fits && known)
    }
}

/// Failed guesses of one kind, bounded in number.
struct Guesses<K> {
    seen: HashMap<K, (Micros, u32)>,
    most: u32,
}

impl<K: Hash + Eq + Clone> Guesses<K> {
    fn new(most: u32) -> Self {
        Self { seen: HashMap::new(), most }
    }
    /// Seconds to wait before the next guess; `None`: none.
    fn wait(&self, key: &K, now: Micros) -> Option<i64> {
        let (since, failures) = self.seen.get(key)?;
        let gone = now.0.saturating_sub(since.0) / Micros::SECOND;
        (*failures >= self.most && gone < WINDOW_SECONDS).then(|| (WINDOW_SECONDS - gone).max(1))
    }
    fn failed(&mut self, key: K, now: Micros) {
        let fresh = |since: Micros| now.0.saturating_sub(since.0) < WINDOW_SECONDS * Micros::SECOND;
        if self.seen.len() >= REMEMBERED_MAX && !self.seen.contains_key(&key) {
            self.seen.retain(|_, (since, _)| fresh(*since));
            // Still full: an attacker with many addresses. The one with the fewest failures goes.
            if self.seen.len() >= REMEMBERED_MAX
                && let Some(least) = self.seen.iter().min_by_key(|(_, (_, n))| *n).map(|(k, _)| k.clone())
            {
                self.seen.remove(&least);
            }
        }
        let entry = self.seen.entry(key).or_insert((now, 0));
        if !fresh(entry.0) {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}

/// How often one may guess: per address and per account.
pub struct Throttle {
    addresses: Mutex<Guesses<IpAddr>>,
    accounts: Mutex<Guesses<String>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            addresses: Mutex::new(Guesses::new(ADDRESS_FAILURES_MAX)),
            accounts: Mutex::new(Guesses::new(ACCOUNT_FAILURES_MAX)),
        }
    }
}

/// One IPv6 subscriber has a /64: it counts as one address.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

impl Throttle {
    /// Seconds to wait before the next guess; `None`: go ahead.
    #[must_use]
    pub fn wait(&self, address: IpAddr, account: Option<&str>, now: Micros) -> Option<i64> {
        let by_address = self.addresses.lock().wait(&subscriber(address), now);
        let by_account = account.and_then(|a| self.accounts.lock().wait(&a.to_owned(), now));
        by_address.max(by_account)
    }
    /// A guess begins: it counts as failed until it is known to be right, so that guesses made at the same time count.
    pub fn failed(&self, address: IpAddr, account: Option<&str>, now: Micros) {
        self.addresses.lock().failed(subscriber(address), now);
        if let Some(account) = account {
            self.accounts.lock().failed(account.to_owned(), now);
        }
    }
    /// A guess was right: it did not count.
    pub fn succeeded(&self, address: IpAddr, account: &str) {
        self.accounts.lock().seen.remove(account);
        if let Some(entry) = self.addresses.lock().seen.get_mut(&subscriber(address)) {
            entry.1 = entry.1.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_only_hashes_are_comparable() {
        let (a, b) = (new_token().unwrap(), new_token().unwrap());
        assert!(a != b && a.len() == 43);
        assert_ne!(token_hash(&a), token_hash(&b));
        assert_ne!(csrf_of(&a), csrf_of(&b));
        assert!(same_secret(&a, &a.clone()) && !same_secret(&a, &b) && !same_secret(&a, ""));
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let p = Passwords::default();
        let hash = p.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(p.verify("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!p.verify("correct horse batterx".into(), Some(hash)).await.unwrap());
        assert!(!p.verify("nobody's password".into(), None).await.unwrap());
        assert!(!p.verify("nobody's password".into(), None).await.unwrap());
    }

    #[test]
    fn guessing_is_slowed_per_account_and_per_address_and_forgotten_after_a_while() {
        let t = Throttle::default();
        let at = |s: i64| Micros(s * Micros::SECOND);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
        for _ in 0..ACCOUNT_FAILURES_MAX {
            assert_eq!(t.wait(here, Some("kim"), at(0)), None);
            t.failed(here, Some("kim"), at(0));
        }
        assert_eq!(t.wait(there, Some("kim"), at(10)), Some(290), "the account, from wherever");
        assert_eq!(t.wait(here, Some("lee"), at(10)), None);
        assert_eq!(t.wait(there, Some("kim"), at(300)), None);
        for n in 0..ADDRESS_FAILURES_MAX {
            t.failed(there, Some(&format!("user{n}")), at(20));
        }
        assert!(t.wait(there, Some("fresh"), at(21)).is_some(), "the address, at whatever account");
        t.succeeded(there, "user1");
        assert!(t.wait(there, Some("fresh"), at(21)).is_none());
    }

    #[test]
    fn memory_of_guesses_is_bounded() {
        let mut g = Guesses::new(3);
        for n in 0..REMEMBERED_MAX as u32 + 500 {
            g.failed(n, Micros(0));
        }
        assert!(g.seen.len() <= REMEMBERED_MAX);
    }
}
