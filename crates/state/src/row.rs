//! Reading columns and writing scopes: the few helpers that every noun uses.

use std::net::IpAddr;

use bongsu_domain::{Actor, ActorKind, UserId};
use bongsu_event::{AgencyId, Micros, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

type Got<T> = std::result::Result<T, sqlx::Error>;

/// Columns by name, as the types we use.
pub(crate) trait Columns {
    fn int(&self, name: &str) -> Got<i64>;
    fn maybe_int(&self, name: &str) -> Got<Option<i64>>;
    fn text(&self, name: &str) -> Got<String>;
    fn maybe_text(&self, name: &str) -> Got<Option<String>>;
    fn u32(&self, name: &str) -> Got<u32> {
        Ok(small(self.int(name)?))
    }
    fn u64(&self, name: &str) -> Got<u64> {
        Ok(u64::try_from(self.int(name)?).unwrap_or(0))
    }
    fn maybe_u64(&self, name: &str) -> Got<Option<u64>> {
        Ok(self.maybe_int(name)?.map(|n| u64::try_from(n).unwrap_or(0)))
    }
    fn truth(&self, name: &str) -> Got<bool> {
        Ok(self.int(name)? != 0)
    }
    fn time(&self, name: &str) -> Got<Micros> {
        self.int(name).map(Micros)
    }
    fn maybe_time(&self, name: &str) -> Got<Option<Micros>> {
        Ok(self.maybe_int(name)?.map(Micros))
    }
    fn agency(&self, name: &str) -> Got<AgencyId> {
        self.u32(name).map(AgencyId)
    }
    /// A word of a closed list; one that is not on it names its column.
    fn word<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Got<T> {
        let text = self.text(name)?;
        read(&text).ok_or_else(|| sqlx::Error::ColumnDecode {
            index: name.to_owned(),
            source: format!("`{text}` is not a known value").into(),
        })
    }
    /// An actor of the columns `actor_kind`, `actor_name`, `actor_user_id`, `actor_address`.
    fn actor(&self) -> Got<Actor> {
        Ok(Actor {
            kind: self.word("actor_kind", ActorKind::from_name)?,
            name: self.text("actor_name")?,
            user: self.maybe_int("actor_user_id")?.map(|n| UserId(small(n))),
            address: self.maybe_text("actor_address")?.and_then(|a| a.parse().ok()),
        })
    }
}

impl Columns for SqliteRow {
    fn int(&self, name: &str) -> Got<i64> {
        self.try_get(name)
    }
    fn maybe_int(&self, name: &str) -> Got<Option<i64>> {
        self.try_get(name)
    }
    fn text(&self, name: &str) -> Got<String> {
        self.try_get(name)
    }
    fn maybe_text(&self, name: &str) -> Got<Option<String>> {
        self.try_get(name)
    }
}

/// An id column's number.
pub(crate) fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A count column's number.
pub(crate) fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn address_text(address: Option<IpAddr>) -> Option<String> {
    address.map(|a| a.to_string())
}

/// `column IN (…)` for a scope: the only way agencies reach a query.
pub(crate) fn push_scope(query: &mut QueryBuilder<'_, Sqlite>, column: &str, scope: &Scope) {
    match scope {
        Scope::All => {
            query.push("1 = 1");
        }
        Scope::Agencies(ids) => push_in(query, column, ids.iter().map(|a| i64::from(a.0))),
    }
}

/// `column IN (…)` for numbers; of none, never true.
pub(crate) fn push_in(query: &mut QueryBuilder<'_, Sqlite>, column: &str, ids: impl IntoIterator<Item = i64>) {
    let mut ids = ids.into_iter().peekable();
    if ids.peek().is_none() {
        query.push("1 = 0");
        return;
    }
    query.push(column).push(" IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")");
}

/// Text to look for with LIKE, its own wildcards made harmless (`ESCAPE '\'`).
pub(crate) fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Where a list goes on: the rows passed over so far, as text.
pub(crate) fn offset_of(cursor: Option<&str>, most: u32) -> i64 {
    i64::from(cursor.and_then(|c| c.parse::<u32>().ok()).unwrap_or(0).min(most))
}

/// The cursor after this page; `None` at the end.
pub(crate) fn next_cursor(offset: i64, got: usize, total: u64) -> Option<String> {
    let seen = u64::try_from(offset).unwrap_or(0).saturating_add(got as u64);
    (got > 0 && seen < total).then(|| seen.to_string())
}
