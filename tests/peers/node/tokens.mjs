// npm oidc-provider as benches compare it with us: one client whose id and secret come with its first
// request, tokens by client credentials, each a JWT signed with ES256. It says `ready URL`.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const { BENCH_CLIENT_ID, BENCH_CLIENT_SECRET } = process.env;
const AUDIENCE = "https://api.example.com/v1";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "bench" };

const server = createServer((request, answer) => handle(request, answer));
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://localhost:${server.address().port}`;

const provider = new Provider(origin, {
  clients: [{
    client_id: BENCH_CLIENT_ID,
    client_secret: BENCH_CLIENT_SECRET,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post",
    id_token_signed_response_alg: "ES256",
  }],
  cookies: { keys: ["only for a bench"] },
  jwks: { keys: [key] },
  scopes: ["models"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: AUDIENCE, scope: "models", accessTokenTTL: 300, accessTokenFormat: "jwt",
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});
const handle = provider.callback();
console.log(`ready ${origin}`);
