//! What each safety rule says, in Korean and English. Written only when somebody reads it.

use bongsu_event::Micros;

use super::{Budget, BudgetUse, Check, Detail, Ruling, SafetyRule};
use crate::Refusal;

impl Check {
    /// The words as a refusal, or as the reason why people are asked.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        if let Detail::Refusal(r) = &self.detail {
            return r.clone();
        }
        Refusal { rule: self.rule, ko: self.ko(), en: self.en() }
    }
    /// Budget figures, if it is about a budget.
    #[must_use]
    pub fn budget(&self) -> Option<BudgetUse> {
        if let Detail::Budget(b) = self.detail { Some(b) } else { None }
    }
    /// Found, in Korean.
    #[must_use]
    pub fn ko(&self) -> String {
        if let Detail::Refusal(r) = &self.detail {
            return r.ko.clone();
        }
        if self.ruling == Ruling::Pass { self.pass_ko() } else { self.stop_ko() }
    }
    /// Found, in English.
    #[must_use]
    pub fn en(&self) -> String {
        if let Detail::Refusal(r) = &self.detail {
            return r.en.clone();
        }
        if self.ruling == Ruling::Pass { self.pass_en() } else { self.stop_en() }
    }

    fn until(&self) -> String {
        if let Detail::Until(t) = self.detail { clock(t) } else { String::new() }
    }

    fn pass_ko(&self) -> String {
        match (self.rule, &self.detail) {
            (SafetyRule::KillSwitch, _) => "긴급 정지가 꺼져 있습니다".into(),
            (SafetyRule::Scope, _) => "요청자의 권한 범위 안입니다".into(),
            (SafetyRule::NoPoint, _) => "집행 지점이 있습니다".into(),
            (SafetyRule::Protected, _) => "차단 금지 대상이 아닙니다".into(),
            (SafetyRule::OwnPath, _) => "관리 경로와 겹치지 않습니다".into(),
            (SafetyRule::Expiry, Detail::Minutes(m)) => format!("{m}분 뒤 스스로 풀립니다"),
            (SafetyRule::Reason, _) => "사유가 있습니다".into(),
            (SafetyRule::Evidence, _) => "위조할 수 없는 로그에 근거합니다".into(),
            (SafetyRule::NotLive, _) => "실시간 로그입니다".into(),
            (SafetyRule::Stale, _) => "5분 안의 로그입니다".into(),
            (SafetyRule::Handshake, _) => "연결이 성립된 주소입니다".into(),
            (SafetyRule::Inside, _) => "우리 망 밖의 주소입니다".into(),
            (SafetyRule::AutomaticOff, _) => "자동 차단이 켜져 있습니다".into(),
            (SafetyRule::Severity, _) => "자동 차단 심각도에 이릅니다".into(),
            (SafetyRule::Grace, _) => "최근에 해제된 대상이 아닙니다".into(),
            (SafetyRule::Already, _) => "아직 차단되지 않은 대상입니다".into(),
            (rule, Detail::Budget(b)) => format!("{} 한도 {}/{}", budget_ko(rule), b.after, b.limit),
            (SafetyRule::Wide, Detail::Width { len, .. }) => format!("범위 /{len}"),
            (SafetyRule::ManyTargets, _) => "대상 수가 한도 안입니다".into(),
            (SafetyRule::OtherAgency, _) => "해당 기관의 장비입니다".into(),
            (SafetyRule::Asked, _) => "승인이 필요하지 않습니다".into(),
            (rule, _) => rule.name().to_owned(),
        }
    }

    fn pass_en(&self) -> String {
        match (self.rule, &self.detail) {
            (SafetyRule::KillSwitch, _) => "the kill switch is off".into(),
            (SafetyRule::Scope, _) => "within the scope of who asks".into(),
            (SafetyRule::NoPoint, _) => "there is an enforcement point".into(),
            (SafetyRule::Protected, _) => "not on a never-block list".into(),
            (SafetyRule::OwnPath, _) => "does not cut a management path".into(),
            (SafetyRule::Expiry, Detail::Minutes(m)) => format!("ends by itself after {m} minutes"),
            (SafetyRule::Reason, _) => "a reason is given".into(),
            (SafetyRule::Evidence, _) => "rests on lines that can't be forged".into(),
            (SafetyRule::NotLive, _) => "live lines".into(),
            (SafetyRule::Stale, _) => "lines of the last five minutes".into(),
            (SafetyRule::Handshake, _) => "the address completed a handshake".into(),
            (SafetyRule::Inside, _) => "outside our own networks".into(),
            (SafetyRule::AutomaticOff, _) => "automatic blocking is on".into(),
            (SafetyRule::Severity, _) => "grave enough to block by itself".into(),
            (SafetyRule::Grace, _) => "not undone recently".into(),
            (SafetyRule::Already, _) => "not blocked yet".into(),
            (rule, Detail::Budget(b)) => format!("{} budget {} of {}", budget_en(rule), b.after, b.limit),
            (SafetyRule::Wide, Detail::Width { len, .. }) => format!("prefix /{len}"),
            (SafetyRule::ManyTargets, _) => "few enough targets".into(),
            (SafetyRule::OtherAgency, _) => "the agency's own equipment".into(),
            (SafetyRule::Asked, _) => "no approval needed".into(),
            (rule, _) => rule.name().to_owned(),
        }
    }

    fn stop_ko(&self) -> String {
        match (self.rule, &self.detail) {
            (SafetyRule::KillSwitch, _) => "긴급 정지 중에는 새로 차단하지 않습니다".into(),
            (SafetyRule::Scope, _) => "이 기관의 차단을 요청할 권한이 없습니다".into(),
            (SafetyRule::NoPoint, _) => "집행할 지점이 없습니다. 에이전트의 차단 집행을 켜십시오".into(),
            (SafetyRule::OwnPath, Detail::Net(n)) => format!("관리 경로 {n}이(가) 끊깁니다"),
            (SafetyRule::Reason, _) => "사유를 적으십시오".into(),
            (SafetyRule::Evidence, _) => "위조될 수 있는 로그만으로는 자동으로 차단하지 않습니다".into(),
            (SafetyRule::NotLive, _) => "재생·적재·훈련·과거 탐색은 차단하지 않습니다".into(),
            (SafetyRule::Stale, _) => "5분이 지났거나 시각이 맞지 않는 로그로는 자동으로 차단하지 않습니다".into(),
            (SafetyRule::Handshake, _) => "연결이 성립되지 않은 주소라 제안만 합니다".into(),
            (SafetyRule::Inside, _) => "우리 망 안의 주소라 제안만 합니다".into(),
            (SafetyRule::AutomaticOff, _) => "자동 차단이 꺼져 있어 제안만 합니다".into(),
            (SafetyRule::Severity, _) => "자동 차단 심각도에 이르지 않아 제안만 합니다".into(),
            (SafetyRule::Grace, _) => {
                format!("최근에 해제된 대상입니다. {}까지 규칙이 다시 차단하지 않습니다", self.until())
            }
            (SafetyRule::Already, _) => format!("이미 {}까지 차단되어 있습니다", self.until()),
            (rule, Detail::Budget(b)) => {
                format!("{} 한도를 넘습니다: 최근 1시간 {}건, 한도 {}건", budget_ko(rule), b.used, b.limit)
            }
            (SafetyRule::Wide, Detail::Width { len, limit }) => {
                format!("/{len}은(는) /{limit}보다 넓어 두 사람이 필요합니다")
            }
            (SafetyRule::ManyTargets, Detail::Count(n)) => format!("대상이 {n}개라 두 사람이 필요합니다"),
            (SafetyRule::OtherAgency, _) => "다른 기관의 장비라 두 사람이 필요합니다".into(),
            (SafetyRule::Asked, _) => "승인이 필요합니다".into(),
            (rule, _) => rule.name().to_owned(),
        }
    }

    fn stop_en(&self) -> String {
        match (self.rule, &self.detail) {
            (SafetyRule::KillSwitch, _) => "the kill switch is on; nothing new is blocked".into(),
            (SafetyRule::Scope, _) => "you may not ask for blocks of this agency".into(),
            (SafetyRule::NoPoint, _) => "no such enforcement point; switch on enforcement at an agent".into(),
            (SafetyRule::OwnPath, Detail::Net(n)) => format!("it would cut the management path {n}"),
            (SafetyRule::Reason, _) => "say why".into(),
            (SafetyRule::Evidence, _) => "lines that can be forged never block by themselves".into(),
            (SafetyRule::NotLive, _) => "replays, loads, drills and hunts never block".into(),
            (SafetyRule::Stale, _) => "lines older than five minutes, or with a wrong clock, never block".into(),
            (SafetyRule::Handshake, _) => "the address completed no handshake: proposed only".into(),
            (SafetyRule::Inside, _) => "an address of our own networks: proposed only".into(),
            (SafetyRule::AutomaticOff, _) => "automatic blocking is off: proposed only".into(),
            (SafetyRule::Severity, _) => "not grave enough to block by itself: proposed only".into(),
            (SafetyRule::Grace, _) => format!("undone recently; no rule blocks it before {}", self.until()),
            (SafetyRule::Already, _) => format!("it is blocked until {} already", self.until()),
            (rule, Detail::Budget(b)) => {
                format!("{} budget exceeded: {} in the last hour, limit {}", budget_en(rule), b.used, b.limit)
            }
            (SafetyRule::Wide, Detail::Width { len, limit }) => {
                format!("/{len} is wider than /{limit} and needs two people")
            }
            (SafetyRule::ManyTargets, Detail::Count(n)) => format!("{n} targets at once need two people"),
            (SafetyRule::OtherAgency, _) => "another agency's equipment needs two people".into(),
            (SafetyRule::Asked, _) => "it waits for approval".into(),
            (rule, _) => rule.name().to_owned(),
        }
    }
}

fn budget_ko(rule: SafetyRule) -> &'static str {
    match rule {
        SafetyRule::BudgetAgency => "기관별",
        SafetyRule::BudgetService => "서비스별",
        _ => "전체",
    }
}

fn budget_en(rule: SafetyRule) -> &'static str {
    match rule {
        SafetyRule::BudgetAgency => "agency",
        SafetyRule::BudgetService => "service",
        _ => "total",
    }
}

/// The time of day in Korea, for a sentence.
fn clock(t: Micros) -> String {
    const KOREA: jiff::tz::Offset = jiff::tz::Offset::constant(9);
    KOREA.to_datetime(t.timestamp()).strftime("%m-%d %H:%M KST").to_string()
}

impl Budget {
    /// With one more block.
    #[must_use]
    pub fn plus_one(self) -> Self {
        let one = |n: u32| n.saturating_add(1);
        Self { agency: one(self.agency), total: one(self.total), service: one(self.service) }
    }
}
