// An invented city: no real place, office, person or address. Everything a page shows is marked as an example.
import type { Agency, Named, User } from "../src/api/types";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** RFC 3339, this long ago. */
export const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
export const ahead = (ms: number) => ago(-ms);

/** The same numbers on each start. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const OFFICES: [string, string, string][] = [
  ["수안구청", "Suan-gu Office", "gu"],
  ["남현구청", "Namhyeon-gu Office", "gu"],
  ["달내구청", "Dalnae-gu Office", "gu"],
  ["동림구청", "Dongnim-gu Office", "gu"],
  ["북천구청", "Bukcheon-gu Office", "gu"],
  ["서담구청", "Seodam-gu Office", "gu"],
  ["한들구청", "Handeul-gu Office", "gu"],
  ["솔뫼구청", "Solmoe-gu Office", "gu"],
  ["여울구청", "Yeoul-gu Office", "gu"],
  ["너른구청", "Neoreun-gu Office", "gu"],
  ["미르구청", "Mireu-gu Office", "gu"],
  ["다솜구청", "Dasom-gu Office", "gu"],
  ["해담구청", "Haedam-gu Office", "gu"],
  ["늘찬구청", "Neulchan-gu Office", "gu"],
  ["새터구청", "Saeteo-gu Office", "gu"],
  ["두물구청", "Dumul-gu Office", "gu"],
  ["금샘구청", "Geumsaem-gu Office", "gu"],
  ["청솔구청", "Cheongsol-gu Office", "gu"],
  ["윗말구청", "Winmal-gu Office", "gu"],
  ["아람구청", "Aram-gu Office", "gu"],
  ["가람군청", "Garam-gun Office", "gun"],
  ["소담군청", "Sodam-gun Office", "gun"],
  ["온새군청", "Onsae-gun Office", "gun"],
  ["벼리군청", "Byeori-gun Office", "gun"],
  ["도래군청", "Dorae-gun Office", "gun"],
];
const AFFILIATES: [string, string][] = [
  ["시설공단", "Facilities Corporation"],
  ["도시철도공사", "Metro Corporation"],
  ["상수도사업본부", "Waterworks"],
  ["가온의료원", "Gaon Medical Center"],
  ["문화재단", "Culture Foundation"],
];

const SURNAMES = [
  "김",
  "이",
  "박",
  "최",
  "정",
  "강",
  "조",
  "윤",
  "장",
  "임",
  "한",
  "오",
  "서",
  "신",
  "권",
  "황",
  "안",
  "송",
  "류",
  "홍",
];
const GIVEN = [
  "서진",
  "지우",
  "민석",
  "수아",
  "도윤",
  "하은",
  "시우",
  "예린",
  "준호",
  "다인",
  "유찬",
  "소율",
  "태오",
  "가온",
  "은호",
  "채원",
  "건우",
  "나래",
  "현서",
  "보미",
];
const person = (i: number) => `${SURNAMES[(i * 7) % SURNAMES.length]}${GIVEN[(i * 3 + 1) % GIVEN.length]}`;

const english = (ko: string, en: string, i: number, kind: string): Agency => ({
  id: i,
  parent: 1,
  code: en.split(" ")[0]?.toLowerCase() ?? `a${i}`,
  name: ko,
  name_en: en,
  kind,
  manager: i % 9 === 4 ? null : person(i),
  deputy: i % 11 === 6 ? null : person(i + 40),
  vacancies: [...(i % 9 === 4 ? ["manager"] : []), ...(i % 11 === 6 ? ["deputy"] : [])],
  sources: 4 + ((i * 5) % 9),
  open_alerts: [2, 1, 0, 1, 1, 0, 0][i % 7] ?? 0,
});

export const agencies: Agency[] = [
  {
    id: 1,
    parent: null,
    code: "gaon",
    name: "가온광역시",
    name_en: "Gaon Metropolitan City",
    kind: "city",
    manager: "오민석",
    deputy: "배수아",
    vacancies: [],
    sources: 31,
    open_alerts: 4,
  },
  ...OFFICES.map(([ko, en, kind], i) => english(ko, en, i + 2, kind)),
  ...AFFILIATES.map(([ko, en], i) => english(ko, en, i + 27, "affiliate")),
];

export function named(id: number): Named {
  const found = agencies.find((agency) => agency.id === id);
  return {
    id,
    name: id === 1 ? "시청" : (found?.name ?? "?"),
    name_en: id === 1 ? "City Hall" : (found?.name_en ?? null),
  };
}

export const whole: Named = { id: 1, name: "가온시 전체", name_en: "All of Gaon" };

const start = "2026-01-01";
let roleId = 0;
const role = (
  name: User["roles"][number]["role"],
  agency: number,
  over: Partial<User["roles"][number]> = {},
): User["roles"][number] => {
  roleId += 1;
  return {
    id: roleId,
    role: name,
    agency: named(agency),
    starts_on: start,
    ends_on: null,
    substitute: null,
    away_from: null,
    away_through: null,
    in_force: true,
    ...over,
  };
};

const user = (
  id: number,
  name: string,
  display: string,
  agency: number,
  roles: User["roles"],
  over: Partial<User> = {},
): User => ({
  id,
  name,
  display_name: display,
  agency: named(agency),
  phone: `내선 ${4100 + id}`,
  enabled: true,
  has_password: true,
  last_login_at: ago(id * 37 * MINUTE),
  roles,
  example: true,
  ...over,
});

export const users: User[] = [
  user(1, "admin", "관리자", 1, [role("administrator", 1)]),
  user(2, "yoon.sj", "윤서진", 1, [role("analyst", 1)]),
  user(3, "han.jw", "한지우", 1, [role("duty_lead", 1)]),
  user(4, "oh.ms", "오민석", 1, [
    role("agency_security_manager", 1, {
      away_from: "2026-03-09",
      away_through: "2026-03-13",
      substitute: { id: 5, name: "배수아", name_en: null },
    }),
  ]),
  user(5, "bae.sa", "배수아", 1, [role("agency_security_deputy", 1)]),
  user(6, "kim.ye", "김예린", 2, [role("agency_security_manager", 2)]),
  user(7, "park.dy", "박도윤", 22, [role("agency_security_manager", 22)], { has_password: false, last_login_at: null }),
  user(8, "viewer", "최다인", 1, [role("viewer", 1)]),
  user(9, "lim.tw", "임태오", 3, [role("agency_security_deputy", 3, { ends_on: "2026-02-28", in_force: false })], {
    enabled: false,
  }),
];
