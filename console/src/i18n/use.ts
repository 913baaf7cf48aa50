// The hook components use: messages, the language, and formats bound to it.
import { useTranslation } from "react-i18next";
import type { Actor, Named } from "../api/types";
import { type Language, usePrefs } from "../app/prefs";
import * as format from "./format";

type Values = Record<string, string | number>;

export interface Words {
  /** A message by key. Missing keys fail the catalogue test, so this never shows a key to a person. */
  t: (key: string, values?: Values) => string;
  language: Language;
  count: (value: number) => string;
  big: (value: number) => string;
  rate: (value: number) => string;
  percent: (share: number) => string;
  duration: (seconds: number) => string;
  minutes: (count: number) => string;
  bytes: (value: number) => string;
  nameOf: (named: Pick<Named, "name" | "name_en">) => string;
  /** Who did something: a person's name, a rule's title; the center itself by its word. */
  actorOf: (actor: Actor) => string;
  /** One of two texts the center sends in both languages. */
  pick: (ko: string, en: string) => string;
}

export function useWords(): Words {
  const { t, i18n } = useTranslation();
  usePrefs();
  const language = (i18n.resolvedLanguage ?? i18n.language) === "en" ? "en" : "ko";
  return {
    t: t as unknown as Words["t"],
    language,
    count: (value) => format.count(value, language),
    big: (value) => format.big(value, language),
    rate: (value) => format.rate(value, language),
    percent: (share) => format.percent(share, language),
    duration: (seconds) => format.duration(seconds, language),
    minutes: (value) => format.minutes(value, language),
    bytes: (value) => format.bytes(value, language),
    nameOf: (named) => format.nameOf(named, language),
    actorOf: (actor) => (actor.kind === "center" ? t("actor.center") : format.nameOf(actor, language)),
    pick: (ko, en) => (language === "en" && en ? en : ko),
  };
}

/** A message for a value of an open set (a state, a reason): the message if the catalogue has one, else the value. */
export function useKnown(): (group: string, value: string) => string {
  const { t, i18n } = useTranslation();
  return (group, value) => (i18n.exists(`${group}.${value}`) ? t(`${group}.${value}`) : value);
}
