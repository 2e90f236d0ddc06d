// Somebody uses an app in which people sign in: with us, or with a provider of its own, as
// APP_PROVIDER says. See ../README.md for what goes in and what comes out.

import { ORIGIN, look, say, start, walking } from "./browser.mjs";
import { AT } from "./providers.mjs";

const { TOLLGATE_PASSWORD: PASSWORD, TOLLGATE_EMAIL: EMAIL } = process.env;
const { APP_URL: APP, APP_PROVIDER: PROVIDER } = process.env;

/** From the app to our consent page, by our sign-in. */
async function toConsent(page) {
  await page.goto(APP);
  await page.click("#login");
  await page.waitForURL(`${ORIGIN}/login?**`);
  await page.fill("#username", EMAIL);
  await page.fill("#password", PASSWORD);
  await page.click("#login-submit");
  await page.waitForSelector("#consent-form");
}

/** Asks the app something; what it says. */
async function ask(page) {
  await page.fill("#question", "What is a tollgate?");
  await page.click("#ask button");
  await page.waitForFunction(() => !["", "…"].includes(document.querySelector("#answer").textContent));
  return page.locator("#answer").innerText();
}

/** What the app has left in the browser. */
async function cookies(context) {
  const all = await context.cookies(APP);
  const own = all.filter((cookie) => cookie.name === "app");
  return own.map(({ httpOnly, sameSite, value }) => ({ httpOnly, sameSite, value }));
}

async function withUs(browser) {
  for (const locale of ["ja-JP", "zh-CN"]) {
    const { context, page } = await start(browser, locale);
    await toConsent(page);
    await look(page, `consent-${locale}`);
    await context.close();
  }

  // Somebody who says no first.
  const { context, page, noted } = await start(browser);
  await toConsent(page);
  await look(page, "consent");
  const words = await page.locator("main").innerText();
  await page.click("#consent-deny");
  await page.waitForURL(`${APP}/callback?**`);
  say({ denied: await page.locator("body").innerText(), words });

  await page.goto(`${APP}/login`);
  await page.click("#consent-allow");
  await page.waitForURL(`${APP}/`);
  say({ who: await page.locator("#who").innerText(), cookies: await cookies(context) });
  say({ answer: await ask(page) });
  say({ me: await page.evaluate(async () => (await fetch("/me")).json()) });
  // Once more: nobody is asked for the same again.
  await page.goto(`${APP}/login`);
  await page.waitForURL(`${APP}/`);

  // Signing out of the app is signing out here.
  await page.click("#logout");
  await page.waitForURL(`${APP}/`);
  await page.waitForSelector("#login");
  const me = await page.evaluate(async () => (await fetch("/me")).status);
  await page.goto(`${ORIGIN}/account`);
  say({ signed_out: me, at: new URL(page.url()).pathname });
  // The refused sign-in is a 403 of the app's, the question who is signed in a 401.
  say({ complaints: noted.complaints.filter((text) => !/status of 40[13]/.test(text)) });
  await context.close();
}

async function withTheirs(browser) {
  const { context, page } = await start(browser);
  await page.goto(APP);
  await page.click("#login");
  await AT[PROVIDER](page);
  await page.waitForURL(`${APP}/**`);
  await page.waitForSelector("#who");
  say({ who: await page.locator("#who").innerText(), cookies: await cookies(context) });
  say({ answer: await ask(page) });
  say({ me: await page.evaluate(async () => (await fetch("/me")).json()) });
  await page.click("#logout");
  await page.waitForSelector("#login");
  say({ signed_out: await page.evaluate(async () => (await fetch("/me")).status) });
  await context.close();
}

await walking(PROVIDER === "tollgate" ? withUs : withTheirs);
