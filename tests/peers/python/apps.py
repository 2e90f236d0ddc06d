"""Python apps that sign people in with Tollgate; see ../README.md for what goes in and comes out."""

import json
import os
import sys
import time

import flask
import requests
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session

URL = os.environ["TOLLGATE_URL"]
CLIENT_ID = os.environ["APP_ID"]
SECRET = os.environ["APP_SECRET"]
CALLBACK = os.environ["APP_CALLBACK"]
SCOPE = ["openid", "profile", "email", "models"]
CHAT = {"model": "tollgate-demo", "messages": [{"role": "user", "content": "Hello."}]}


def browse(address):
    """Sends the person somewhere; where their browser comes back to."""
    print(json.dumps({"go": address}), flush=True)
    return sys.stdin.readline().strip()


def calls(session, **kwargs):
    return session.post(f"{URL}/v1/chat/completions", json=CHAT, **kwargs).status_code


def requests_oauthlib(pkce):
    """As its own documentation has it: a web application, with and without PKCE."""
    # It refuses plain http, also on loopback, unless it is told.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    app = OAuth2Session(CLIENT_ID, redirect_uri=CALLBACK, scope=SCOPE, pkce=pkce)
    address, state = app.authorization_url(f"{URL}/oauth/authorize")
    back = browse(address)
    token = app.fetch_token(
        f"{URL}/oauth/token", authorization_response=back, client_secret=SECRET
    )
    seen = {
        "challenge": "code_challenge=" in address,
        "same_state": f"state={state}" in back,
        "token": sorted(token),
        "who": app.get(f"{URL}/oauth/userinfo").json(),
        "calls": calls(app),
    }

    # An hour later: it refreshes by itself.
    saved = []
    token["expires_at"] = time.time() - 1
    app = OAuth2Session(
        CLIENT_ID,
        token=token,
        auto_refresh_url=f"{URL}/oauth/token",
        auto_refresh_kwargs={"client_id": CLIENT_ID, "client_secret": SECRET},
        token_updater=saved.append,
    )
    seen["who_again"] = app.get(f"{URL}/oauth/userinfo").json()
    seen["fresh"] = [saved[0][name] != token[name] for name in ("access_token", "refresh_token")]
    return seen


def authlib():
    """Authlib in Flask: discovery, PKCE, nonce, a verified ID token, UserInfo."""
    web = flask.Flask(__name__)
    web.secret_key = "only for a test"
    ours = OAuth(web).register(
        "tollgate",
        client_id=CLIENT_ID,
        client_secret=SECRET,
        server_metadata_url=f"{URL}/.well-known/openid-configuration",
        client_kwargs={"scope": " ".join(SCOPE), "code_challenge_method": "S256"},
    )
    seen = {}

    @web.get("/login")
    def login():
        return ours.authorize_redirect(CALLBACK)

    @web.get("/cb")
    def callback():
        token = ours.authorize_access_token()
        seen["claims"] = token["userinfo"]
        seen["who"] = ours.userinfo(token=token)
        return token

    person = web.test_client()
    back = browse(person.get("/login").location)
    token = person.get("/cb?" + back.partition("?")[2]).json

    # Its session for scripts: refresh, introspection, revocation.
    meta = requests.get(f"{URL}/.well-known/oauth-authorization-server", timeout=30).json()
    app = AuthlibSession(CLIENT_ID, SECRET, token=token, token_endpoint=meta["token_endpoint"])
    fresh = app.refresh_token(meta["token_endpoint"])
    seen["fresh"] = [fresh[name] != token[name] for name in ("access_token", "refresh_token")]
    seen["calls"] = calls(app)

    def active():
        answer = app.introspect_token(meta["introspection_endpoint"], fresh["refresh_token"])
        return answer.json()["active"]

    seen["active"] = [active()]
    gone = app.revoke_token(meta["revocation_endpoint"], token=fresh["refresh_token"])
    seen["active"].append(active())
    seen["revoked"] = gone.status_code
    seen["calls_after"] = calls(app)

    own = AuthlibSession(CLIENT_ID, SECRET)
    own.fetch_token(meta["token_endpoint"], grant_type="client_credentials")
    seen["own_calls"] = calls(own)
    return seen


APPS = {
    "requests_oauthlib": lambda: requests_oauthlib(None),
    "requests_oauthlib_pkce": lambda: requests_oauthlib("S256"),
    "authlib": authlib,
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"app": name, **APPS[name]()}), flush=True)
