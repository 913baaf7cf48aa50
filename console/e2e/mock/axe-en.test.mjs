// Every page and state in English; see `../lib/axe-pages.mjs`.
import { testPages } from "../lib/axe-pages.mjs";

testPages("en", 4792);
