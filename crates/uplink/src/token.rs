//! The enrolment token: one printable string that lets one machine ask for a certificate, once.
//!
//! Invariant: it carries the fingerprint of the center's authority, so that the agent trusts nobody else from its first
//! byte on; the agency in it is for the installer's eyes, the center goes by what it stored under the secret's hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bongsu_event::Micros;
use serde::{Deserialize, Serialize};

use crate::limits::TOKEN_CHARS_MAX;

/// Random bytes in a token.
pub const SECRET_BYTES: usize = 32;
/// How every token begins.
pub const TOKEN_PREFIX: &str = "bongsu-enrol-1.";

/// What an enrolment token says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolToken {
    /// Random, single use; the center stores only its hash.
    pub secret: [u8; SECRET_BYTES],
    /// SHA-256 over the DER of the center's authority certificate.
    pub ca_fingerprint: [u8; 32],
    /// `host:port` of the center's uplink.
    pub center_address: String,
    /// Name of the agency, for the installer to check.
    pub agency: String,
    /// The token is refused from here on.
    pub expires_at: Micros,
}

/// Why a string is no token; the text is for the installer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another kind of text.
    #[error(
        "this is no enrolment token: it must begin with `{TOKEN_PREFIX}`; copy the whole line that the center printed"
    )]
    Prefix,
    /// A later form.
    #[error("this token was made by a newer center; install the agent version that the center offers")]
    Newer,
    /// Damaged in copying.
    #[error("the token is damaged, a part of it is missing or altered; copy the whole line that the center printed")]
    Damaged,
    /// Too late.
    #[error("the token has expired; make a new one with `bongsu agent enrol`")]
    Expired,
}

impl std::fmt::Debug for EnrolToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolToken")
            .field("center_address", &self.center_address)
            .field("agency", &self.agency)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for EnrolToken {
    /// The printable string; it holds the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut body = postcard::to_stdvec(self).map_err(|_| std::fmt::Error)?;
        body.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        write!(f, "{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(body))
    }
}

impl std::str::FromStr for EnrolToken {
    type Err = TokenError;

    /// White space around and inside (a wrapped terminal line) is ignored.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).take(TOKEN_CHARS_MAX + 1).collect();
        let Some(body) = text.strip_prefix(TOKEN_PREFIX) else {
            return Err(if text.starts_with("bongsu-enrol-") && text.contains('.') {
                TokenError::Newer
            } else {
                TokenError::Prefix
            });
        };
        if text.len() > TOKEN_CHARS_MAX {
            return Err(TokenError::Damaged);
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Damaged)?;
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(TokenError::Damaged)?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*sum) {
            return Err(TokenError::Damaged);
        }
        postcard::from_bytes(body).map_err(|_| TokenError::Damaged)
    }
}

impl EnrolToken {
    /// Read a token and refuse one that is over at `now`. The center checks again, and rules.
    ///
    /// # Errors
    /// What is wrong with it, for the installer.
    pub fn read(text: &str, now: Micros) -> Result<Self, TokenError> {
        let token: Self = text.parse()?;
        if now >= token.expires_at { Err(TokenError::Expired) } else { Ok(token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> EnrolToken {
        EnrolToken {
            secret: [7; SECRET_BYTES],
            ca_fingerprint: [9; 32],
            center_address: "center.example:6514".into(),
            agency: "강변구".into(),
            expires_at: Micros(1_000),
        }
    }

    #[test]
    fn survives_printing_and_a_wrapped_line() {
        let text = token().to_string();
        let (a, b) = text.split_at(40);
        assert_eq!(format!(" {a}\n  {b}\n").parse::<EnrolToken>(), Ok(token()));
        assert!(!format!("{:?}", token()).contains('7'), "the secret is not for logs");
    }

    #[test]
    fn says_what_is_wrong() {
        let text = token().to_string();
        assert_eq!("hello".parse::<EnrolToken>(), Err(TokenError::Prefix));
        assert_eq!("bongsu-enrol-2.abc".parse::<EnrolToken>(), Err(TokenError::Newer));
        assert_eq!(text[..text.len() - 3].parse::<EnrolToken>(), Err(TokenError::Damaged));
        assert_eq!(format!("{}AAAA", &text).parse::<EnrolToken>(), Err(TokenError::Damaged));
        assert_eq!(format!("{TOKEN_PREFIX}{}", "A".repeat(100_000)).parse::<EnrolToken>(), Err(TokenError::Damaged));
        assert_eq!(EnrolToken::read(&text, Micros(1_000)), Err(TokenError::Expired));
        assert_eq!(EnrolToken::read(&text, Micros(999)), Ok(token()));
    }
}
