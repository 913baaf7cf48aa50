//! The audit chain.

use bongsu_event::Scope;
use bongsu_state::{AuditFilter, State};

use crate::town::{NOW, Town};

async fn raw(town: &Town) -> sqlx::SqlitePool {
    sqlx::SqlitePool::connect(&format!("sqlite://{}", town.dir.path().join("state.sqlite").display())).await.unwrap()
}

#[tokio::test]
async fn every_change_is_chained_and_the_log_refuses_to_be_rewritten() {
    let town = Town::new().await;
    let chain = town.state.verify_audit().await.unwrap();
    assert!(chain.first_bad.is_none() && chain.entries >= 13, "{chain:?}");
    let pool = raw(&town).await;
    for text in ["UPDATE audit SET text = 'x' WHERE id = 3", "DELETE FROM audit WHERE id = 3"] {
        let refused = sqlx::query(text).execute(&pool).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_altered_behind_its_back_is_found() {
    for (tamper, bad) in [
        ("UPDATE audit SET text = 'nothing happened' WHERE id = 3", 3),
        ("UPDATE audit SET actor_name = 'kim' WHERE id = 5", 5),
        ("UPDATE audit SET at = at + 1 WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 4", 4),
        ("UPDATE audit SET agency_id = NULL WHERE id = 2", 2),
    ] {
        let town = Town::new().await;
        let pool = raw(&town).await;
        sqlx::query("DROP TRIGGER audit_no_update").execute(&pool).await.unwrap();
        sqlx::query("DROP TRIGGER audit_no_delete").execute(&pool).await.unwrap();
        assert_eq!(sqlx::query(tamper).execute(&pool).await.unwrap().rows_affected(), 1);
        assert_eq!(town.state.verify_audit().await.unwrap().first_bad, Some(bad), "{tamper}");
    }
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart_and_pages_name_everything() {
    let town = Town::new().await;
    let path = town.dir.path().join("state.sqlite");
    let before = town.state.verify_audit().await.unwrap();
    town.state.close().await;
    let again = State::open(&path).await.unwrap();
    let actor = bongsu_domain::Actor::operator("root");
    let by = bongsu_state::Change::new(&actor, NOW, "50% of it_is");
    again.note_look(&by, "user.list", "users", None, "looked at").await.unwrap();
    let after = again.verify_audit().await.unwrap();
    assert_eq!((after.entries, after.first_bad), (before.entries + 1, None));
    assert_ne!(after.head, before.head);
    let find = async |text: &str| {
        let filter = AuditFilter { text: Some(text.into()), ..AuditFilter::default() };
        again.audit(&Scope::All, &filter).await.unwrap().total
    };
    assert_eq!(find("looked at: 50% of it_is").await, 1);
    assert_eq!((find("50%").await, find("%").await, find("it_is").await, find("itXis").await), (1, 1, 1, 0));
    let mut seen = Vec::new();
    let mut filter = AuditFilter { limit: 5, ..AuditFilter::default() };
    loop {
        let page = again.audit(&Scope::All, &filter).await.unwrap();
        seen.extend(page.rows.iter().map(|r| r.id));
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=i64::try_from(after.entries).unwrap()).rev().collect::<Vec<_>>());
}
