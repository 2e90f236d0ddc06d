// The owner offers an API as tools and installs them as somebody else's; a person connects, signs in
// at the tool, and ends it. See ../README.md for what goes in and comes out.

import { ORIGIN, look, say, start, walking } from "./browser.mjs";

const { TOLLGATE_PASSWORD: PASSWORD, TOLLGATE_EMAIL: EMAIL, TOLLGATE_KEY: KEY } = process.env;
const { TOLLGATE_ADMIN_KEY: ADMIN_KEY, TOLLGATE_TODO: TODO } = process.env;

const domain = (id) => `${id}.${new URL(ORIGIN).host}`;

/** Offers the API as the tool `id`, and chooses its mode. */
async function offer(page, id, mode) {
  await page.goto(`${ORIGIN}/admin/tools`);
  if (mode === "oauth") await look(page, "tools-empty");
  await page.fill("#id", id);
  await page.fill("#upstream_url", TODO);
  await page.fill("#openapi_url", `${TODO}/openapi.yaml`);
  await page.selectOption("#auth", mode);
  await page.click("#tool-submit");
  await page.waitForURL(`**/admin/tools/${id}?saved=1`);
  await page.fill("#name_for_human", `Todo ${id}`);
  await page.fill("#description_for_human", "A list of things to do.");
  await page.fill("#contact_email", "help@example.com");
  await page.click("#tool-submit");
  await page.waitForURL(`**/admin/tools/${id}?saved=1`);
  await look(page, `tool-${id}`);
}

/** Has the domain of the tool `id` looked at, and keeps what was found; gives the page's address. */
async function install(page, id) {
  await page.goto(`${ORIGIN}/admin/new-install`);
  await page.fill("#domain", domain(id));
  await page.click("#install-look button");
  await page.waitForSelector("#install-keep");
  await look(page, `install-found-${id}`);
  await page.click("#install-keep button");
  await page.waitForURL("**/admin/installs/*-*");
  await look(page, `install-kept-${id}`);
  return page.url().split("?")[0];
}

/** What the page shows to be copied, in the section that has this title. */
const copied = (page, section) =>
  page.locator(`section[aria-labelledby=${section}] code`).first().innerText();

/** Registers us as an app at our own tool, as its maker would for any host. */
async function register(redirect, id) {
  const body = { name: "A host of tools", legacy: true, redirect_uris: [redirect],
    resources: [`http://${domain(id)}`] };
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
  const answer = await fetch(`${ORIGIN}/api/v1/clients`,
    { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
}

/** Publishes the verification token at the tool, and has it found. */
async function verify(page, place, id) {
  const [, service, token] = /\{"([^"]+)": *"([^"]+)"/.exec(await copied(page, "publish-title"));
  await page.goto(`${ORIGIN}/admin/tools/${id}`);
  await page.fill("#service", service);
  await page.fill("#token", token);
  await page.click("#verification-form button");
  await page.waitForURL(`**/admin/tools/${id}?**`);
  await page.goto(place);
  await page.click("#install-verify button");
  await page.waitForURL("**/admin/installs/*saved=found");
}

const card = (page, id) => page.locator("section.tool", { hasText: `Todo ${id}` });

/** What a call through the person's connection to the tool `id` comes to. */
async function call(page, id) {
  const url = await card(page, id).locator("code", { hasText: "/connections/" }).innerText();
  const answer = await fetch(`${url}todos`, { headers: { authorization: `Bearer ${KEY}` } });
  return answer.status;
}

await walking(async (browser) => {
  const { context, page, noted } = await start(browser);
  await page.goto(`${ORIGIN}/login`);
  await page.fill("#username", EMAIL);
  await page.fill("#password", PASSWORD);
  await page.click("#login-submit");
  await page.waitForURL("**/account");

  await offer(page, "signed", "oauth");
  await offer(page, "keyed", "user_http");
  await page.goto(`${ORIGIN}/admin/tools`);
  await look(page, "tools");
  await page.goto(`${ORIGIN}/admin/installs`);
  await look(page, "installs-empty");
  await page.goto(`${ORIGIN}/account/connections`);
  await look(page, "connections-empty");

  // Somebody signs in at the tool.
  const place = await install(page, "signed");
  const app = await register(await copied(page, "redirect-title"), "signed");
  await page.fill("#client_id", app.client_id);
  await page.fill("#client_secret", app.client_secret);
  await page.click("#install-form button");
  await page.waitForURL("**/admin/installs/*saved=1");
  await look(page, "install-publish");
  await verify(page, place, "signed");
  await look(page, "install-active");
  await page.goto(`${ORIGIN}/account/connections`);
  await look(page, "connections-offered");
  await card(page, "signed").locator("button").click();
  await page.waitForSelector("a[href$='/sign-in']");
  await look(page, "connections-going");
  await page.click("a[href$='/sign-in']");
  await page.waitForSelector("button[name=decision][value=allow]");
  say({ asked_at: new URL(page.url()).pathname });
  await page.click("button[name=decision][value=allow]");
  await page.waitForURL("**/account/connections?saved=connected");
  await look(page, "connections-connected");
  say({ called: "signed", status: await call(page, "signed") });

  // Somebody pastes a key that they made for that tool.
  await install(page, "keyed");
  await page.goto(`${ORIGIN}/account/connections`);
  const csrf = await page.locator("input[name=csrf]").first().inputValue();
  const key = await page.evaluate(async (csrf) => {
    const headers = { "content-type": "application/json", "x-tollgate-csrf": csrf };
    const body = JSON.stringify({ name: "pasted", tool: "keyed" });
    return (await fetch("/api/v1/keys", { method: "POST", headers, body })).json();
  }, csrf);
  await card(page, "keyed").locator("input[type=password]").fill(key.key);
  await look(page, "connections-paste");
  await card(page, "keyed").locator("button").first().click();
  await page.waitForURL("**/account/connections?saved=connected");
  await look(page, "connections");
  say({ called: "keyed", status: await call(page, "keyed") });

  for (const language of ["ja", "zh-Hans"]) {
    await page.goto(`${ORIGIN}/account`);
    await page.locator(`button[name=language][value=${language}]`).click();
    const pages = { tools: "/admin/tools", tool: "/admin/tools/signed", installs: "/admin/installs",
      new: "/admin/new-install", install: new URL(place).pathname, own: "/account/connections" };
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(ORIGIN + path);
      await look(page, `${language}-${name}`);
    }
  }

  // It is ended with one button; the credential is gone.
  const before = await card(page, "keyed").locator("code", { hasText: "/connections/" }).innerText();
  await card(page, "keyed").locator("form[action$='/end'] button").click();
  await page.waitForURL("**/account/connections?saved=ended");
  const gone = await fetch(`${before}todos`, { headers: { authorization: `Bearer ${KEY}` } });
  say({ ended: "keyed", status: gone.status });
  // The tool's own address is where the person went to sign in.
  noted.foreign = noted.foreign.filter((url) => !url.startsWith(`http://${domain("signed")}/`));
  say({ noted });
  await context.close();
});
