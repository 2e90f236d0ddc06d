// How the pages of sign-in providers are passed, by the ids that they have in the tests.

export const AT = {
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
