// An app that signs people in with openid-client; see ../README.md for what goes in and comes out.

import { createInterface } from "node:readline";

import * as client from "openid-client";

const { TOLLGATE_URL: URL_, APP_ID: ID, APP_SECRET: SECRET, APP_CALLBACK: CALLBACK } = process.env;
const scope = "openid profile email models offline_access";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Sends the person somewhere; where their browser comes back to. */
async function browse(address) {
  console.log(JSON.stringify({ go: String(address) }));
  return new URL((await answers.next()).value);
}

const calls = async (token) => {
  const answer = await fetch(`${URL_}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "tollgate-demo", messages: [{ role: "user", content: "Hi." }] }),
  });
  await answer.text();
  return answer.status;
};

/** One walk, with the app's secret sent as `auth` says. */
async function walk(auth) {
  const config = await client.discovery(new URL(URL_), ID, SECRET, auth(SECRET), {
    execute: [client.allowInsecureRequests],
  });
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const back = await browse(client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256", prompt: "consent",
  }));
  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true, maxAge: 3_600,
  });
  const { sub } = tokens.claims();
  const who = await client.fetchUserInfo(config, tokens.access_token, sub);
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
  const seen = {
    sub, who, issued: Object.keys(tokens).sort(),
    calls: await calls(fresh.access_token), fresh: fresh.access_token !== tokens.access_token,
    refreshed_sub: fresh.claims()?.sub,
  };

  const active = async (token) => (await client.tokenIntrospection(config, token)).active;
  seen.active = [await active(fresh.access_token), await active(fresh.refresh_token)];
  await client.tokenRevocation(config, fresh.refresh_token);
  seen.active.push(await active(fresh.access_token), await active(fresh.refresh_token));
  try {
    await client.refreshTokenGrant(config, fresh.refresh_token);
  } catch (error) {
    seen.refused = { class: error.constructor.name, error: error.error, status: error.status };
  }

  const own = await client.clientCredentialsGrant(config, { scope: "models" });
  seen.own_calls = await calls(own.access_token);
  const wrong = await client.discovery(new URL(URL_), ID, "wrong", auth("wrong"), {
    execute: [client.allowInsecureRequests],
  });
  try {
    await client.clientCredentialsGrant(wrong, {});
  } catch (error) {
    seen.wrong = { class: error.constructor.name, error: error.error, status: error.status };
  }

  const end = client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: CALLBACK, id_token_hint: tokens.id_token, state: "bye",
  });
  seen.after = String(await browse(end));
  return seen;
}

const APPS = {
  openid_client_post: client.ClientSecretPost,
  openid_client_basic: client.ClientSecretBasic,
};

for (const name of process.argv.slice(2)) {
  console.log(JSON.stringify({ app: name, ...(await walk(APPS[name])) }));
}
process.exit(0);
