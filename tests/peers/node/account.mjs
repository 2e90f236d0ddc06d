// Walks a person's pages in Chromium; see ../README.md for what goes in and what comes out.

import { join } from "node:path";

import { FOLDER, ORIGIN, faults, open, say, walking } from "./browser.mjs";

const LINK = process.env.TOLLGATE_LINK;
const ADMIN = process.env.TOLLGATE_ADMIN_PAGES.split(" ");

/** Looks at pages of the administration, with axe at each width. */
async function administer(page, prefix, paths, sizes) {
  for (const path of paths) {
    const name = prefix + path.slice(1).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "one").replaceAll(/[/?=]/g, "-");
    for (const width of sizes) {
      await page.setViewportSize({ width, height: 900 });
      const answer = await page.goto(ORIGIN + path, { waitUntil: "load" });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      const axe = await faults(page);
      say({ page: name, width, wide, title: await page.title(), status: answer.status(), axe });
      if (FOLDER) await page.screenshot({ path: join(FOLDER, `${name}-${width}.png`), fullPage: true });
    }
  }
}

/** Looks at a person's page, with axe once and at each width. */
async function look(page, path, name, sizes) {
  const load = () => page.goto(ORIGIN + path, { waitUntil: "networkidle" });
  await load();
  const axe = await faults(page);
  for (const width of sizes) {
    await page.setViewportSize({ width, height: 900 });
    const status = (await load()).status();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    say({ page: name, width, wide, title: await page.title(), status, axe });
    if (FOLDER) await page.screenshot({ path: join(FOLDER, `${name}-${width}.png`), fullPage: true });
  }
}

/** How wide the chart is in a wide window, in a narrow one and in a wide one again, not reloaded. */
async function resized(page) {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(ORIGIN + "/account/usage", { waitUntil: "load" });
  const widths = [];
  for (const width of [1280, 360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForFunction(() => {
      const place = document.querySelector("[data-chart]");
      const drawn = place?.querySelector(".uplot")?.getBoundingClientRect().width;
      return Math.abs(drawn - place?.clientWidth) <= 1;
    });
    widths.push(await page.evaluate(() => document.querySelector(".uplot").clientWidth));
  }
  return widths;
}

await walking(async (browser) => {
  const sizes = [1280, 360];
  const { context, page, noted } = await open(browser, { bypassCSP: false, locale: "en-US" });
  await look(page, "/login", "login", sizes);
  await page.goto(LINK);
  await page.locator("#link-submit").click();
  await page.waitForURL("**/account");
  await look(page, "/account", "account", sizes);
  await look(page, "/account/keys", "keys", sizes);
  await look(page, "/account/usage", "usage", sizes);
  say({ chart: await resized(page) });
  await look(page, "/account/security", "security", sizes);
  await administer(page, "", ADMIN, sizes);
  await page.emulateMedia({ colorScheme: "dark" });
  await look(page, "/account", "account-dark", sizes);
  await administer(page, "dark-", ADMIN, sizes);
  for (const language of ["ja", "zh-Hans"]) {
    await page.goto(ORIGIN + "/account");
    await page.locator(`button[name=language][value=${language}]`).click();
    for (const path of ["/account", "/account/keys", "/account/security"]) {
      await look(page, path, `${language}${path.replaceAll("/", "-")}`, sizes);
    }
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme });
      await administer(page, `${language}-${colorScheme}-`, ADMIN, sizes);
    }
  }
  say({ noted });
  await context.close();
});
