//! The words of the page, Korean and English: the type makes sure that neither lacks one.

use crate::cli::Lang;

/// Everything the page says of itself.
pub struct Words {
    pub lang: &'static str,
    pub title: &'static str,
    pub made: &'static str,
    pub levels: [&'static str; 5],
    pub nothing: &'static str,
    pub by_time: &'static str,
    pub each_bar: &'static str,
    pub as_table: &'static str,
    pub by_host: &'static str,
    pub by_tactic: &'static str,
    pub by_rule: &'static str,
    pub inputs: &'static str,
    pub detections: &'static str,
    pub grave: &'static str,
    pub host: &'static str,
    pub tactic: &'static str,
    pub level: &'static str,
    pub time: &'static str,
    pub record: &'static str,
    pub held: &'static str,
    pub file: &'static str,
    pub records: &'static str,
    pub not_read: &'static str,
    pub whole: &'static str,
    pub none: &'static str,
    pub rule_id: &'static str,
    pub attack: &'static str,
    pub false_positives: &'static str,
    pub next_steps: &'static str,
    pub references: &'static str,
    pub others: &'static str,
    pub no_host: &'static str,
    pub no_tactic: &'static str,
    pub forwarding: &'static str,
    /// Between the ends of a span.
    pub to: &'static str,
    pub tactics: [&'static str; 16],
    /// A sentence about what was looked through: records, files, rules.
    pub looked: fn(u64, usize, usize) -> String,
    /// So many of each level, as the page's first sentence.
    pub found: fn(&[(&str, String)]) -> String,
    pub rules_fired: fn(usize) -> String,
    pub times: fn(u64) -> String,
    pub more: fn(u64) -> String,
    pub more_hosts: fn(usize) -> String,
    pub span: fn(i64) -> String,
    pub damaged: fn(u64) -> String,
    pub too_long: fn(u64) -> String,
    pub stray: fn(u64) -> String,
}

impl Words {
    /// Of a language.
    pub fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::Ko => &KO,
            Lang::En => &EN,
        }
    }
}

/// A number with its thousands set apart.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn unit(seconds: i64, names: [&str; 4]) -> (i64, &str) {
    let sizes = [86_400, 3_600, 60, 1];
    sizes.into_iter().zip(names).find(|(size, _)| seconds % size == 0).map_or((seconds, ""), |(s, n)| (seconds / s, n))
}

static KO: Words = Words {
    lang: "ko",
    title: "헌팅 보고서",
    made: "만든 때",
    levels: ["치명", "높음", "중간", "낮음", "정보"],
    nothing: "걸린 규칙이 없습니다",
    by_time: "시간",
    each_bar: "막대 하나",
    as_table: "표로 보기",
    by_host: "호스트",
    by_tactic: "ATT&CK 전술",
    by_rule: "규칙",
    inputs: "본 파일",
    detections: "건수",
    grave: "치명·높음",
    host: "호스트",
    tactic: "전술",
    level: "위험",
    time: "시각",
    record: "기록",
    held: "걸린 값",
    file: "파일",
    records: "기록 수",
    not_read: "읽지 못한 것",
    whole: "모두 읽었습니다",
    none: "없음",
    rule_id: "규칙 번호",
    attack: "ATT&CK",
    false_positives: "오탐일 수 있는 때",
    next_steps: "다음에 할 일",
    references: "참고",
    others: "그 밖의 호스트",
    no_host: "호스트를 적은 기록이 없습니다",
    no_tactic: "전술을 적은 규칙이 걸리지 않았습니다",
    forwarding: "이 파일 하나로 볼 수 있고, 밖에서 불러오는 것이 없습니다. 값은 로그에 적힌 그대로이며 공격자가 쓴 글일 수 있습니다.",
    to: "~",
    tactics: [
        "정찰",
        "자원 개발",
        "초기 접근",
        "실행",
        "지속",
        "권한 상승",
        "방어 회피",
        "은닉",
        "방어 무력화",
        "자격 증명 접근",
        "탐색",
        "내부 이동",
        "수집",
        "명령 및 제어",
        "유출",
        "영향",
    ],
    looked: |records, files, rules| {
        format!(
            "파일 {}개, 기록 {}건을 규칙 {}개로 보았습니다",
            number(files as u64),
            number(records),
            number(rules as u64)
        )
    },
    found: |levels| {
        let list: Vec<String> = levels.iter().map(|(name, n)| format!("{name} {n}건")).collect();
        format!("{}을 찾았습니다", list.join(", "))
    },
    rules_fired: |n| format!("걸린 규칙 {}개", number(n as u64)),
    times: |n| format!("{}건", number(n)),
    more: |n| format!("그 밖에 {}건은 --output jsonl로 모두 볼 수 있습니다", number(n)),
    more_hosts: |n| format!("그 밖에 {}대", number(n as u64)),
    span: |seconds| {
        let (n, name) = unit(seconds, ["일", "시간", "분", "초"]);
        format!("{n}{name}")
    },
    damaged: |n| format!("기록 {}건을 읽지 못했습니다", number(n)),
    too_long: |n| format!("기록 {}건은 너무 길어 잘랐습니다", number(n)),
    stray: |n| format!("{}바이트는 온전한 기록이 아닙니다", number(n)),
};

static EN: Words = Words {
    lang: "en",
    title: "Hunt report",
    made: "Made",
    levels: ["Critical", "High", "Medium", "Low", "Informational"],
    nothing: "No rule matched",
    by_time: "Time",
    each_bar: "One bar",
    as_table: "Show as a table",
    by_host: "Hosts",
    by_tactic: "ATT&CK tactics",
    by_rule: "Rules",
    inputs: "Files looked through",
    detections: "Detections",
    grave: "Critical and high",
    host: "Host",
    tactic: "Tactic",
    level: "Level",
    time: "Time",
    record: "Record",
    held: "What held",
    file: "File",
    records: "Records",
    not_read: "Not read",
    whole: "Read whole",
    none: "None",
    rule_id: "Rule id",
    attack: "ATT&CK",
    false_positives: "May be harmless when",
    next_steps: "What to do next",
    references: "References",
    others: "Other hosts",
    no_host: "No record names a host",
    no_tactic: "No rule that matched names a tactic",
    forwarding: "This one file is complete; nothing is loaded from elsewhere. Values stand as the log has them and may be an attacker's words.",
    to: "–",
    tactics: [
        "Reconnaissance",
        "Resource development",
        "Initial access",
        "Execution",
        "Persistence",
        "Privilege escalation",
        "Defense evasion",
        "Stealth",
        "Defense impairment",
        "Credential access",
        "Discovery",
        "Lateral movement",
        "Collection",
        "Command and control",
        "Exfiltration",
        "Impact",
    ],
    looked: |records, files, rules| {
        format!(
            "{} records in {} files looked through with {} rules",
            number(records),
            number(files as u64),
            number(rules as u64)
        )
    },
    found: |levels| {
        let list: Vec<String> = levels.iter().map(|(name, n)| format!("{n} {}", name.to_lowercase())).collect();
        format!("Found {}", list.join(", "))
    },
    rules_fired: |n| format!("{} rules matched", number(n as u64)),
    times: |n| if n == 1 { "1 detection".to_owned() } else { format!("{} detections", number(n)) },
    more: |n| format!("{} more: --output jsonl lists them all", number(n)),
    more_hosts: |n| format!("{} more", number(n as u64)),
    span: |seconds| {
        let (n, name) = unit(seconds, ["day", "hour", "minute", "second"]);
        format!("{n} {name}{}", if n == 1 { "" } else { "s" })
    },
    damaged: |n| format!("{} records could not be read", number(n)),
    too_long: |n| format!("{} records were too long and cut", number(n)),
    stray: |n| format!("{} bytes belong to no whole record", number(n)),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!((KO.span)(21_600), "6시간");
        assert_eq!((EN.span)(86_400), "1 day");
    }
}
