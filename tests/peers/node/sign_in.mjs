// Somebody signs in at providers that others wrote, links one to their account, and ends a session;
// and looks at the forms that ask for a password. See ../README.md for what goes in and comes out.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { AXE, ORIGIN, open, say, walking } from "./browser.mjs";

const { TOLLGATE_PASSWORD: PASSWORD, TOLLGATE_SHOTS: FOLDER, TOLLGATE_EMAIL: EMAIL } = process.env;
const THEIRS = process.env.TOLLGATE_PROVIDERS.split(" ");

/** How each provider's own pages are passed: by the id that it has with us. */
const AT = {
  async idp(page) {
    await page.fill("input[name=login]", "cleo");
    await page.fill("input[name=password]", "any will do there");
    await page.click("button[type=submit]");
    // Its own consent.
    await page.click("button[type=submit]");
  },
  async github(page) {
    await page.fill("input[name=email]", "octo@example.com");
    await page.click("button[type=submit]");
  },
  async google(page) {
    await page.fill("input[name=email]", "gina@example.com");
    await page.click("button[type=submit]");
  },
  async facebook(page) {
    await page.click("button[type=submit]");
  },
};

/** What axe finds, run outside the page's own policy. */
async function faults(page) {
  await page.evaluate(readFileSync(AXE, "utf8"));
  const found = await page.evaluate(() => globalThis.axe.run(document));
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
}

/** Looks at the page as it stands, at both widths and in both themes. */
async function look(page, name) {
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

/** Opens a context in which nothing but loopback is reached, the providers' fonts among it. */
async function start(browser, locale = "en-US") {
  const opened = await open(browser, { bypassCSP: false, locale });
  const near = (url) => url.hostname === "localhost" || url.hostname === "127.0.0.1";
  await opened.context.route((url) => !near(url), (route) => route.abort());
  return opened;
}

const who = (page) => page.evaluate(async () => {
  const answer = await fetch("/api/v1/me");
  return (await answer.json()).email ?? "";
});

/** What the meter says of a password, once it has answered. */
async function typed(page, password) {
  await page.fill("#password", "");
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/password-strength"));
  await page.locator("#password").pressSequentially(password);
  const answer = await answered;
  const { words } = await answer.json();
  await page.waitForFunction(
    (words) => document.querySelector("#strength-words").textContent === words, words);
  return page.evaluate(() => ({
    words: document.querySelector("#strength-words").textContent,
    score: document.querySelector("#strength").value,
    shown: !document.querySelector("#strength").hidden,
    enough: document.querySelector("[data-strength]").classList.contains("enough"),
  }));
}

/** Signs in at `id` from /login to /account, in a browser of its own. */
async function signIn(browser, id) {
  const { context, page, noted } = await start(browser);
  await page.goto(`${ORIGIN}/login`);
  if (id === THEIRS[0]) await look(page, "login-providers");
  await page.click(`#provider-${id}`);
  await AT[id](page);
  await page.waitForURL(`${ORIGIN}/**`);
  const { pathname } = new URL(page.url());
  say({ signed_in: id, at: pathname, who: await who(page) });
  if (pathname !== "/account") await look(page, `refused-${id}`);
  // What the providers' own pages ask for and complain of is theirs.
  say({ ours: noted.complaints.filter((text) => text.includes(ORIGIN)) });
  return { context, page };
}

if (FOLDER) mkdirSync(FOLDER, { recursive: true });
await walking(async (browser) => {
  // The forms that ask for a new password, with and without a script.
  for (const locale of ["en-US", "ja-JP", "zh-CN"]) {
    const { context, page, noted } = await start(browser, locale);
    await page.goto(`${ORIGIN}/signup`);
    await page.fill("#username", "new@example.com");
    const weak = await typed(page, "bcdefghijklmnopq");
    await look(page, `signup-weak-${locale}`);
    const good = await typed(page, "three herons under an umbrella");
    if (locale === "en-US") await look(page, "signup-good");
    say({ typed: locale, weak, good, noted });
    await context.close();
  }
  const plain = await browser.newContext({ javaScriptEnabled: false, locale: "en-US" });
  const form = await plain.newPage();
  await form.goto(`${ORIGIN}/signup`);
  await form.fill("#username", "plain@example.com");
  await form.fill("#password", "bcdefghijklmnopq");
  await form.click("#signup-submit");
  say({ plain: await form.locator("#password-error").innerText(), at: new URL(form.url()).pathname });
  if (FOLDER) await form.screenshot({ path: join(FOLDER, "signup-refused.png"), fullPage: true });
  await plain.close();

  for (const id of THEIRS) {
    const { context } = await signIn(browser, id);
    await context.close();
  }

  // Somebody with a password links an account, and comes in by it from then on.
  const { context, page } = await start(browser);
  await page.goto(`${ORIGIN}/login`);
  await page.fill("#username", EMAIL);
  await page.fill("#password", PASSWORD);
  await page.click("#login-submit");
  await page.waitForURL("**/account");
  await page.goto(`${ORIGIN}/account/security`);
  await look(page, "security-unlinked");
  await page.click("#link-facebook");
  await page.waitForURL("**/dialog/oauth**");
  await AT.facebook(page);
  await page.waitForURL(`${ORIGIN}/account/security**`);
  say({ linked: await page.locator("[id^=unlink-]").allInnerTexts(), who: await who(page) });
  await look(page, "security-linked");
  const there = await signIn(browser, "facebook");

  // A session is ended from the list of another browser.
  await page.goto(`${ORIGIN}/account/security`);
  const ends = page.locator("form[action$='/end'] button");
  const before = await ends.count();
  await ends.first().click();
  await page.waitForURL("**/account/security#sessions");
  const left = await page.locator("form[action$='/end'] button").count();
  // The other browser finds out within a second.
  const ended = Date.now();
  do {
    await there.page.goto(`${ORIGIN}/account`);
  } while (!there.page.url().includes("/login") && Date.now() - ended < 10_000);
  say({ sessions: [before, left], thrown_out_to: new URL(there.page.url()).pathname,
    after_ms: Date.now() - ended });
  await there.context.close();
  await context.close();
});
