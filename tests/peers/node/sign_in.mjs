// Somebody signs in at providers that others wrote, links one to their account, and ends a session;
// and looks at the forms that ask for a password. See ../README.md for what goes in and comes out.

import { join } from "node:path";

import { FOLDER, ORIGIN, look, say, start, walking } from "./browser.mjs";
import { AT } from "./providers.mjs";

const { TOLLGATE_PASSWORD: PASSWORD, TOLLGATE_EMAIL: EMAIL } = process.env;
const THEIRS = process.env.TOLLGATE_PROVIDERS.split(" ");

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
  await look(page, "link-confirm");
  await page.fill("#current_password", PASSWORD);
  await page.click("#confirm-submit");
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
