// Message catalogues: one per language, loaded when chosen. Components hold no text of their own; a test compares the
// catalogues with each other and with the keys the components use.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { type Language, onPrefs, prefs } from "../app/prefs";

const CATALOGUES = {
  ko: () => import("./ko.json"),
  en: () => import("./en.json"),
};

async function load(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    const catalogue = await CATALOGUES[language]();
    i18next.addResourceBundle(language, "translation", catalogue.default);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** Load the chosen language and follow later choices. */
export async function startMessages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: prefs().language,
    fallbackLng: false,
    resources: {},
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
    returnNull: false,
  });
  await load(prefs().language);
  let shown = prefs().language;
  onPrefs(() => {
    if (prefs().language === shown) return;
    shown = prefs().language;
    void load(shown);
  });
}
