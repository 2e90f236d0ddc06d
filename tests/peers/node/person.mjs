// A person at their pages: signs in with a password, makes a key, calls with it, and looks at what
// the pages say of it; see ../README.md for what goes in and what comes out.

import { ORIGIN, open, say, walking } from "./browser.mjs";

const { TOLLGATE_EMAIL: EMAIL, TOLLGATE_PASSWORD: PASSWORD } = process.env;
const MODELS = process.env.TOLLGATE_MODELS.split(" ");

/** Loads a page, and says its status and title. */
async function visit(page, path) {
  const answer = await page.goto(ORIGIN + path, { waitUntil: "load" });
  say({ page: path, status: answer.status(), title: await page.title() });
}

/** A call with this key, as any program makes it. */
async function call(key, model) {
  const answer = await fetch(`${ORIGIN}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
  });
  const { usage } = await answer.json();
  return { model, status: answer.status, usage };
}

/** The table's rows: each cell by the name of its column. */
const rows = (page) => page.evaluate(() => [...document.querySelectorAll("table.cards tbody tr")].map(
  (row) => Object.fromEntries([...row.cells].map((cell) => [cell.dataset.label, cell.innerText.trim()]))));

/** What the chart itself says of its last day, under the mouse. */
async function legend(page) {
  const drawn = page.locator(".uplot .u-over");
  await drawn.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await drawn.boundingBox();
  // Half a day is left free at each end.
  await page.mouse.move(x + width - width / 60, y + height / 2);
  return page.evaluate(() => [...document.querySelectorAll(".uplot .u-series")].map((line) =>
    [line.querySelector(".u-label").innerText, line.querySelector(".u-value").innerText]));
}

await walking(async (browser) => {
  const { context, page, noted } = await open(browser, { bypassCSP: false, locale: "en-US" });
  await visit(page, "/login");
  await page.fill("#username", EMAIL);
  await page.fill("#password", PASSWORD);
  await page.click("#login-submit");
  await page.waitForURL("**/account");
  await visit(page, "/account/keys");
  await page.fill("#name", "laptop");
  await page.click("#key-submit");
  const key = await page.locator("code#secret").innerText();

  const calls = [];
  for (const model of MODELS) calls.push(await call(key, model));
  const ended = performance.now();
  // The page is asked for as the browser would, without drawing it, until it has all of them.
  let text;
  do {
    text = await (await context.request.get(`${ORIGIN}/account/usage`)).text();
  } while (!MODELS.every((model) => text.includes(`>${model}<`)) && performance.now() - ended < 10_000);
  say({ calls, visible_ms: performance.now() - ended });

  await visit(page, "/account/usage");
  say({ usage: await rows(page), legend: await legend(page) });
  await visit(page, "/account");
  const bars = await page.locator(".bars li").allInnerTexts();
  say({ bars, lately: await rows(page) });
  say({ noted });
  await context.close();
});
