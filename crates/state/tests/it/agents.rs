//! Enrolment, certificates, inputs and their sources.

use bongsu_domain::Enforce;
use bongsu_event::Scope;
use bongsu_state::{AgentInput, Certificate, NewSource, QUARANTINE_ROWS_MAX, QuarantineSeen, StateError};

use crate::town::{A, B, NOW, Town, later, only};

fn input(what: &str, source: &str) -> AgentInput {
    AgentInput {
        kind: "tail".into(),
        what: what.into(),
        source: source.into(),
        format: "auto".into(),
        timezone: "Asia/Seoul".into(),
    }
}

#[tokio::test]
async fn a_token_enrols_once_in_its_own_agency() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    s.create_token(&by, &only(A), "fw-1", A, &[1; 32], later(3600)).await.unwrap();
    assert!(s.create_token(&by, &only(A), "fw-2", B, &[2; 32], later(3600)).await.is_err(), "another agency");
    let long = s.create_token(&by, &Scope::All, "fw-2", A, &[2; 32], later(25 * 3600)).await;
    assert!(matches!(long, Err(StateError::Invalid(_))));
    assert!(s.use_token(&[1; 32], "host", later(3600)).await.is_err(), "too old");
    assert!(s.use_token(&[9; 32], "host", NOW).await.is_err(), "unknown");
    let made = s.use_token(&[1; 32], "says-it-is-b", NOW).await.unwrap();
    assert_eq!((made.agency, made.name.as_str()), (A, "fw-1"));
    assert!(s.use_token(&[1; 32], "host", NOW).await.is_err(), "once");
    assert!(s.open_tokens(&Scope::All, NOW).await.unwrap().is_empty());
    assert!(matches!(
        s.create_token(&by, &Scope::All, "fw-1", A, &[3; 32], later(60)).await,
        Err(StateError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_certificate_speaks_until_it_is_replaced_or_revoked() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    s.create_token(&by, &Scope::All, "fw-1", A, &[1; 32], later(3600)).await.unwrap();
    let id = s.use_token(&[1; 32], "host", NOW).await.unwrap().agent;
    let certificate = |f: &str| Certificate { serial: "01".into(), fingerprint: f.into(), until: later(86_400) };
    s.set_certificate(id, &certificate("aa"), NOW).await.unwrap();
    assert!(s.certificate_holds(id, "aa").await.unwrap() && !s.certificate_holds(id, "bb").await.unwrap());
    s.set_certificate(id, &certificate("bb"), NOW).await.unwrap();
    assert!(!s.certificate_holds(id, "aa").await.unwrap() && s.certificate_holds(id, "bb").await.unwrap());
    s.revoke_agent(&by, &Scope::All, id).await.unwrap();
    assert!(!s.certificate_holds(id, "bb").await.unwrap());
    assert!(s.set_certificate(id, &certificate("cc"), NOW).await.is_err(), "no renewal after revocation");
    s.create_token(&by, &Scope::All, "fw-1", A, &[2; 32], later(3600)).await.unwrap();
    assert_ne!(s.use_token(&[2; 32], "host", NOW).await.unwrap().agent, id, "the name is free again");
}

#[tokio::test]
async fn inputs_keep_their_number_and_source_and_enforcement_makes_a_point() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    s.create_token(&by, &Scope::All, "fw-1", A, &[1; 32], later(3600)).await.unwrap();
    let id = s.use_token(&[1; 32], "host", NOW).await.unwrap().agent;
    let first = [input("/var/log/auth.log", "auth"), input("/var/log/nginx/*.log", "web")];
    let one = s.change_agent(&by, &Scope::All, id, Some(&first), Some(Enforce::Nftables)).await.unwrap();
    assert_eq!(one.inputs.iter().map(|i| i.input).collect::<Vec<_>>(), [1, 2]);
    let points = s.points(&Scope::All).await.unwrap();
    assert_eq!((points.len(), points[0].agent, points[0].agency), (1, Some(id), A));
    let second = [input("/var/log/nginx/*.log", "web-renamed"), input("/var/log/kern.log", "kernel")];
    let two = s.change_agent(&by, &Scope::All, id, Some(&second), Some(Enforce::Off)).await.unwrap();
    assert_eq!(two.inputs.iter().map(|i| i.input).collect::<Vec<_>>(), [2, 3], "numbers are never used again");
    assert_eq!(two.inputs[0].source, one.inputs[1].source);
    assert!(two.config_version > one.config_version);
    assert!(s.points(&Scope::All).await.unwrap().is_empty());
    let names: Vec<String> = s.sources(&Scope::All).await.unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["kernel", "web-renamed"]);
    assert_eq!(s.sources_ever(&Scope::All).await.unwrap().len(), 3, "old events keep the name of their source");
    let twice = [input("/a", "x"), input("/a", "y")];
    assert!(s.change_agent(&by, &Scope::All, id, Some(&twice), None).await.is_err());
}

#[tokio::test]
async fn a_sender_is_one_source_however_it_is_written_and_leaves_quarantine_when_adopted() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let new = |from: &str| NewSource {
        name: "fw".into(),
        from: from.into(),
        agency: A,
        format: None,
        timezone: None,
        silent_after_minutes: None,
        example: false,
    };
    assert!(matches!(s.adopt_sender(&by, &Scope::All, &new("192.0.2.7")).await, Err(StateError::NotFound(_))));
    let seen = |address: &str, at: i64, lines| QuarantineSeen {
        address: address.into(),
        transport: "udp".into(),
        at: later(at),
        lines,
        recognised: None,
        sample: "x".repeat(1000),
    };
    s.quarantine_seen(&[seen("192.0.2.7", 0, 3)]).await.unwrap();
    s.quarantine_seen(&[seen("192.0.2.7", 5, 4)]).await.unwrap();
    let rows = s.quarantine(&Scope::All).await.unwrap();
    assert_eq!((rows.len(), rows[0].lines, rows[0].sample.len()), (1, 7, 300));
    let row = s.adopt_sender(&by, &Scope::All, &new("192.0.2.7/32")).await.unwrap();
    assert_eq!(row.from, "192.0.2.7");
    assert!(s.quarantine(&Scope::All).await.unwrap().is_empty());
    for same in ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7/32"] {
        assert!(matches!(s.create_source(&by, &Scope::All, &new(same)).await, Err(StateError::Conflict(_))), "{same}");
    }
    assert!(matches!(s.create_source(&by, &Scope::All, &new("here")).await, Err(StateError::Invalid(_))));
    s.remove_source(&by, &Scope::All, row.id).await.unwrap();
    s.create_source(&by, &Scope::All, &new("192.0.2.7")).await.unwrap();
}

#[tokio::test]
async fn the_quarantine_is_bounded() {
    let town = Town::new().await;
    let row = |n: u32| QuarantineSeen {
        address: format!("2001:db8::{n:x}"),
        transport: "udp".into(),
        at: later(i64::from(n)),
        lines: 1,
        recognised: None,
        sample: String::new(),
    };
    let batch: Vec<_> = (0..QUARANTINE_ROWS_MAX + 50).map(row).collect();
    town.state.quarantine_seen(&batch).await.unwrap();
    let counts = town.state.counts(&Scope::All, &Scope::All, None, NOW).await.unwrap();
    assert!(counts.quarantined <= QUARANTINE_ROWS_MAX + 1);
}

#[tokio::test]
async fn a_trial_point_is_made_once_and_taken_away() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let first = s.dry_run_point(&by, A, "trial").await.unwrap();
    assert_eq!(s.dry_run_point(&by, A, "trial").await.unwrap(), first);
    s.remove_dry_run_point(&by, "another").await.unwrap();
    assert_eq!(s.points(&Scope::All).await.unwrap().len(), 1);
    s.remove_dry_run_point(&by, "trial").await.unwrap();
    s.remove_dry_run_point(&by, "trial").await.unwrap();
    assert!(s.points(&Scope::All).await.unwrap().is_empty());
    assert_ne!(s.dry_run_point(&by, A, "trial").await.unwrap(), first, "made anew");
}
