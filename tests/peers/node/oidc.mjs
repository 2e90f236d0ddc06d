// npm oidc-provider, a certified OpenID provider, with its own pages for signing in and consent, on a
// free port of loopback. It prints {"origin": …} and lives until it is killed. Whoever signs in as
// NAME is the subject NAME, and has the verified address NAME@example.com.

import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const { OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI } = process.env;

const server = createServer((request, answer) => handle(request, answer));
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://localhost:${server.address().port}`;

const provider = new Provider(origin, {
  clients: [{
    client_id: OIDC_CLIENT_ID,
    client_secret: OIDC_CLIENT_SECRET,
    redirect_uris: [OIDC_REDIRECT_URI],
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "locale"] },
  cookies: { keys: ["only for a test"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: `${id}@example.com`, email_verified: true, name: id, locale: "en",
    }),
  }),
});
const handle = provider.callback();
console.log(JSON.stringify({ origin }));
