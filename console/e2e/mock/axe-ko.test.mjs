// Every page and state in Korean; see `../lib/axe-pages.mjs`.
import { testPages } from "../lib/axe-pages.mjs";

testPages("ko", 4793);
