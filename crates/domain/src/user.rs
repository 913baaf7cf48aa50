//! People: what an account name and a password must look like.

/// An account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Shortest account name, characters.
const NAME_CHARS_MIN: usize = 2;
/// Longest account name, characters.
const NAME_CHARS_MAX: usize = 64;
/// Shortest password, characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, characters; hashing costs grow with it.
pub const PASSWORD_CHARS_MAX: usize = 256;

/// Why an account name or a password can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The account name.
    #[error("an account name is 2 to 64 of a-z 0-9 . _ - and begins with a letter or a digit")]
    Name,
    /// Too short.
    #[error("a password has 12 characters or more")]
    PasswordShort,
    /// Too long.
    #[error("a password has at most 256 characters")]
    PasswordLong,
    /// Holds the account name, or one character over and over.
    #[error("a password must not hold the account name or repeat one character throughout; choose another")]
    PasswordWeak,
}

/// Is this an account name?
///
/// # Errors
/// [`NameError::Name`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    let fits = (NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&name.len());
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let all = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if fits && first && all { Ok(()) } else { Err(NameError::Name) }
}

/// May this be the password of that account? Length counts, composition rules do not.
///
/// # Errors
/// Which demand is not met.
pub fn check_password(name: &str, password: &str) -> Result<(), NameError> {
    let chars = password.chars().count();
    if chars < PASSWORD_CHARS_MIN {
        return Err(NameError::PasswordShort);
    }
    if chars > PASSWORD_CHARS_MAX {
        return Err(NameError::PasswordLong);
    }
    let mut all = password.chars();
    let first = all.next();
    let monotone = all.all(|c| Some(c) == first);
    let holds_name = name.len() >= 4 && password.to_lowercase().contains(&name.to_lowercase());
    if monotone || holds_name { Err(NameError::PasswordWeak) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        for good in ["ab", "kim.minsu", "a-1_b", "9lives"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "Kim", "김민수", "-ab", "a b", &"a".repeat(65), "a/../b"] {
            assert_eq!(check_name(bad), Err(NameError::Name), "{bad}");
        }
        assert_eq!(check_password("minsu", "correct horse battery"), Ok(()));
        assert_eq!(check_password("minsu", "열두글자보다긴비밀번호입니다"), Ok(()));
        assert_eq!(check_password("minsu", "short"), Err(NameError::PasswordShort));
        assert_eq!(check_password("minsu", "aaaaaaaaaaaaaa"), Err(NameError::PasswordWeak));
        assert_eq!(check_password("minsu", "Minsu-2026-password"), Err(NameError::PasswordWeak));
        assert_eq!(check_password("minsu", &"가나".repeat(200)), Err(NameError::PasswordLong));
    }
}
