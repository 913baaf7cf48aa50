//! Links, sessions, roles.

use bongsu_domain::{Ability, Role};
use bongsu_event::{Micros, Scope};
use bongsu_state::{Change, ChangeUser, NewAssignment, NewSession, ROOT, State, StateError};

use crate::town::{A, NOW, Town, later};

const TOKEN: [u8; 32] = [7; 32];

fn session(user: bongsu_domain::UserId, n: u8) -> NewSession {
    NewSession {
        id: format!("session-{n}"),
        user,
        token_hash: [n; 32],
        expires_at: later(12 * 3600),
        address: Some("192.0.2.9".parse().unwrap()),
        user_agent: "browser".into(),
    }
}

#[tokio::test]
async fn a_fresh_folder_has_a_root_and_example_policies_and_opens_again() {
    let town = Town::new().await;
    let path = town.dir.path().join("state.sqlite");
    assert!(town.state.safety_policy(NOW).example && town.state.alert_policy(NOW).example);
    assert!(town.state.has_users().await.unwrap());
    town.state.close().await;
    let again = State::open(&path).await.unwrap();
    assert_eq!(again.tree().len(), 4);
    assert_eq!(again.safety_versions().all().len(), 1, "the example is laid down once");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_not_touched() {
    let town = Town::new().await;
    let path = town.dir.path().join("state.sqlite");
    town.state.close().await;
    let url = format!("sqlite://{}", path.display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let refused = State::open(&path).await.unwrap_err().to_string();
    assert!(refused.contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_link_works_once_and_not_after_its_time() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let user = town.user("kim", A).await;
    s.new_link(&by, &Scope::All, user, &TOKEN, later(3600), false).await.unwrap();
    assert_eq!(s.link(&TOKEN, NOW).await.unwrap().name, "kim");
    assert!(s.link(&TOKEN, later(3600)).await.is_err(), "too old");
    assert!(s.use_link(&TOKEN, Some("$hash"), None, later(3600)).await.is_err(), "too old");
    assert!(matches!(s.use_link(&TOKEN, None, None, NOW).await, Err(StateError::Invalid(_))), "a password is needed");
    s.use_link(&TOKEN, Some("$hash"), None, NOW).await.unwrap();
    assert!(matches!(s.use_link(&TOKEN, Some("$other"), None, NOW).await, Err(StateError::NotFound(_))), "once");
    assert!(s.link(&TOKEN, NOW).await.is_err());
    assert_eq!(s.credential("kim").await.unwrap().unwrap().password_hash.as_deref(), Some("$hash"));
}

#[tokio::test]
async fn a_new_link_ends_the_old_one_the_password_and_the_sessions() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let user = town.user("kim", A).await;
    s.new_link(&by, &Scope::All, user, &TOKEN, later(3600), false).await.unwrap();
    s.use_link(&TOKEN, Some("$hash"), None, NOW).await.unwrap();
    s.create_session(&session(user, 1), NOW).await.unwrap();
    s.new_link(&by, &Scope::All, user, &[8; 32], later(3600), false).await.unwrap();
    assert_eq!(s.credential("kim").await.unwrap().unwrap().password_hash, None);
    assert!(s.session(&[1; 32], 3600, NOW).await.unwrap().is_none());
    s.new_link(&by, &Scope::All, user, &[9; 32], later(3600), false).await.unwrap();
    assert!(s.link(&[8; 32], NOW).await.is_err(), "only the newest works");
    let long = s.new_link(&by, &Scope::All, user, &[9; 32], later(100 * 3600), false).await;
    assert!(matches!(long, Err(StateError::Invalid(_))));
}

#[tokio::test]
async fn sessions_end_by_idleness_by_age_by_revocation_and_with_the_account() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let user = town.user("kim", A).await;
    s.create_session(&session(user, 1), NOW).await.unwrap();
    let open = async |n: u8, at: Micros| s.session(&[n; 32], 3600, at).await.unwrap().is_some();
    assert!(open(1, later(3599)).await);
    assert!(open(1, later(3599 + 3599)).await, "each use keeps it open");
    assert!(!open(1, later(3 * 3600 + 3600)).await, "idle");
    let mut at = NOW;
    s.create_session(&session(user, 2), NOW).await.unwrap();
    while at < later(12 * 3600 - 3000) {
        at = at.plus_seconds(3000);
        assert!(open(2, at).await);
    }
    assert!(!open(2, later(12 * 3600)).await, "used all the time, and over all the same");
    s.create_session(&session(user, 3), NOW).await.unwrap();
    let other = town.user("lee", A).await;
    assert!(s.end_session(&by, other, "session-3").await.is_err(), "nobody ends another's");
    s.end_session(&by, user, "session-3").await.unwrap();
    assert!(!open(3, NOW).await);
    s.create_session(&session(user, 4), NOW).await.unwrap();
    let off = ChangeUser { enabled: Some(false), ..ChangeUser::default() };
    s.change_user(&by, &Scope::All, user, &off).await.unwrap();
    assert!(!open(4, NOW).await);
}

#[tokio::test]
async fn an_ended_role_ends_at_once_and_the_last_administrator_stays() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let roles = s.role_assignments(&Scope::All).await.unwrap();
    let of = |role, user| {
        roles.iter().find(|r| r.assignment.role == role && Some(r.assignment.user) == user).unwrap().assignment.id
    };
    s.end_role(&by, &Scope::All, of(Role::Analyst, town.analyst_a.user)).await.unwrap();
    let at = s.moment(later(1));
    assert!(!s.rights(town.analyst_a.user.unwrap(), at).await.unwrap().may_anywhere(Ability::See));
    let last = s.end_role(&by, &Scope::All, of(Role::Administrator, town.admin.user)).await;
    assert!(matches!(last, Err(StateError::Conflict(_))));
    let heir = town.user("heir", ROOT).await;
    let new = NewAssignment {
        user: heir,
        agency: ROOT,
        role: Role::Administrator,
        starts_on: at.today,
        ends_on: None,
        substitute: None,
        away: None,
    };
    s.assign_role(&by, &Scope::All, &new).await.unwrap();
    s.end_role(&by, &Scope::All, of(Role::Administrator, town.admin.user)).await.unwrap();
}

#[tokio::test]
async fn calls_go_to_the_substitute_while_the_holder_is_away() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let today = s.moment(NOW).today;
    let (manager, stand_in) = (town.user("manager", A).await, town.user("standin", A).await);
    let new = NewAssignment {
        user: manager,
        agency: A,
        role: Role::AgencySecurityManager,
        starts_on: today,
        ends_on: None,
        substitute: Some(stand_in),
        away: Some((today, today)),
    };
    s.assign_role(&by, &Scope::All, &new).await.unwrap();
    let at = s.moment(NOW);
    let asked = s.responsible_for(&Scope::All, crate::town::A1, at).await.unwrap();
    let post = asked.iter().find(|r| r.assignment.role == Role::AgencySecurityManager).unwrap();
    assert_eq!(post.assignment.responsible(at), Some(stand_in));
    assert!(s.rights(stand_in, at).await.unwrap().may(Ability::ApproveBlocks, crate::town::A1, &s.tree()));
    let tomorrow = s.moment(later(86_400));
    assert!(!s.rights(stand_in, tomorrow).await.unwrap().may_anywhere(Ability::ApproveBlocks));
}

#[tokio::test]
async fn names_are_unique_and_checked() {
    let town = Town::new().await;
    let by = Change::new(&town.center, NOW, "");
    let new = |name: &str| bongsu_state::NewUser {
        name: name.into(),
        display_name: "x".into(),
        agency: A,
        phone: None,
        example: false,
    };
    assert!(matches!(town.state.create_user(&by, &Scope::All, &new("admin")).await, Err(StateError::Conflict(_))));
    assert!(matches!(town.state.create_user(&by, &Scope::All, &new("No Name")).await, Err(StateError::Invalid(_))));
}
