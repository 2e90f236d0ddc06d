// What the walks through the pages share: a browser, and notes of what it asks for and says.

import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

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

export { AXE };
