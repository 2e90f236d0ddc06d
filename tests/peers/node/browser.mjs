// What the walks through the pages share: a browser, and notes of what it asks for and says.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const FOLDER = process.env.TOLLGATE_SHOTS;
if (FOLDER) mkdirSync(FOLDER, { recursive: true });

export const ORIGIN = process.env.TOLLGATE_URL.replace(/\/$/, "");
export const say = (value) => console.log(JSON.stringify(value));

/** Starts the browser that the environment names, and closes it after `walk`. */
export async function walking(walk) {
  const executablePath = process.env.TOLLGATE_TEST_CHROMIUM;
  const browser = await chromium.launch({ executablePath, headless: true, args: ARGS });
  try {
    await walk(browser);
  } finally {
    await browser.close();
  }
}

/** Opens a context whose every request and complaint is noted. */
export async function open(browser, options) {
  const context = await browser.newContext(options);
  const noted = { foreign: [], complaints: [] };
  context.on("request", (request) => {
    if (!request.url().startsWith(ORIGIN) && !request.url().startsWith("data:")) {
      noted.foreign.push(request.url());
    }
  });
  context.on("console", (message) => {
    if (message.type() === "error") noted.complaints.push(message.text());
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => noted.complaints.push(String(error)));
  return { context, page, noted };
}

/** Opens a context in which nothing but loopback is reached, the providers' fonts among it. */
export async function start(browser, locale = "en-US") {
  const opened = await open(browser, { bypassCSP: false, locale });
  const near = ({ hostname }) => /^(.+\.)?localhost$|^127\.0\.0\.1$/.test(hostname);
  await opened.context.route((url) => !near(url), (route) => route.abort());
  return opened;
}

/** What axe finds, run outside the page's own policy. */
export async function faults(page) {
  await page.evaluate(readFileSync(AXE, "utf8"));
  const found = await page.evaluate(() => globalThis.axe.run(document));
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
}

/** Looks at the page as it stands, at both widths and in both themes. */
export async function look(page, name) {
  for (const width of [1280, 360]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      const axe = await faults(page);
      say({ page: name, width, wide, colorScheme, title: await page.title(), axe });
      if (FOLDER) {
        const path = join(FOLDER, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path, fullPage: true });
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
}
