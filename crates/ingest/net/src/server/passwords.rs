//! `basic_auth_users`: checking passwords against bcrypt hashes without telling an attacker who exists, and without
//! paying bcrypt for every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Checked against when there is no such user, so that the answer takes as long as for one who is there. Hash of
/// "fakepassword"; even that one is refused.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
/// Verdicts kept, as exporter-toolkit's cache; a tenth goes when it is full.
const VERDICTS_MAX: usize = 100;

/// What a request says about its sender.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Vec<u8>,
}

impl Credentials {
    /// Reads `Authorization: Basic …`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = STANDARD.decode(encoded).ok()?;
        let colon = pair.iter().position(|b| *b == b':')?;
        let user = String::from_utf8(pair.get(..colon)?.to_vec()).ok()?;
        Some(Self { user, password: pair.get(colon + 1..)?.to_vec() })
    }
}

/// Checks passwords, one at a time, and remembers the verdicts.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    verdicts: Mutex<HashMap<(Credentials, String), bool>>,
    /// One comparison at a time: they are made to be expensive.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Passwords {
    /// Returns whether the password belongs to the hash; `None` stands for a user who is not there.
    pub(crate) async fn check(&self, given: Credentials, hash: Option<String>) -> bool {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let key = (given, hash);
        if let Some(verdict) = self.verdicts().get(&key) {
            return *verdict && exists;
        }
        let _turn = self.turn.lock().await;
        let (given, hash) = key.clone();
        let same = tokio::task::spawn_blocking(move || bcrypt::verify(&given.password, &hash).unwrap_or(false));
        let verdict = same.await.unwrap_or(false) && exists;
        self.remember(key, verdict);
        verdict
    }

    fn remember(&self, key: (Credentials, String), verdict: bool) {
        let mut verdicts = self.verdicts();
        if verdicts.len() >= VERDICTS_MAX {
            // The table's seeded order is as good as dice.
            let mut going = VERDICTS_MAX / 10;
            verdicts.retain(|_, _| {
                let goes = going > 0;
                going -= usize::from(goes);
                !goes
            });
        }
        verdicts.insert(key, verdict);
    }

    fn verdicts(&self) -> std::sync::MutexGuard<'_, HashMap<(Credentials, String), bool>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: password.as_bytes().to_vec() }
    }

    #[tokio::test]
    async fn verdicts_are_right_and_remembered() {
        let passwords = Passwords::default();
        let hash = bcrypt::hash_with_result("secret", 4).expect("a hash");
        for version in [bcrypt::Version::TwoY, bcrypt::Version::TwoA, bcrypt::Version::TwoB] {
            let hash = hash.format_for_version(version);
            assert!(passwords.check(given("a", "secret"), Some(hash.clone())).await);
            assert!(!passwords.check(given("a", "Secret"), Some(hash.clone())).await);
            assert!(passwords.check(given("a", "secret"), Some(hash)).await);
        }
        assert_eq!(passwords.verdicts().len(), 6);
        // The password of the stand-in opens nothing.
        assert!(!passwords.check(given("nobody", "fakepassword"), None).await);
        assert!(!passwords.check(given("nobody", "fakepassword"), None).await);
        for i in 0..1000 {
            passwords.remember((given("x", &i.to_string()), String::new()), true);
            assert!(passwords.verdicts().len() <= VERDICTS_MAX);
        }
    }

    #[test]
    fn credentials_of_headers() {
        let cases = [
            ("Basic dTpwOnE=", Some(given("u", "p:q"))),
            ("bAsIc dTo=", Some(given("u", ""))),
            ("Basic dXA=", None),
            ("Basic !", None),
            ("Bearer dTpw", None),
        ];
        for (header, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().expect("a header"));
            assert_eq!(Credentials::of(&headers), want, "{header}");
        }
    }
}
