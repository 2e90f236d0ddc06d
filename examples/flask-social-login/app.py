"""A web app whose people sign in with Tollgate, Google, Facebook or GitHub, and ask an AI model.

The token of whoever is signed in stays on this server. The browser has a cookie with an id, signed,
out of reach of scripts, and not sent along with what other sites ask for. README.md says how to
start it, and what it is told by environment variables.
"""

import base64
import functools
import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass, field

import flask
import requests
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

SETTING = os.environ.get

APP_URL = SETTING("APP_URL", "http://localhost:5000").rstrip("/")
TOLLGATE_URL = SETTING("TOLLGATE_URL", "http://localhost:8700").rstrip("/")
MODEL = SETTING("MODEL", "tollgate-demo")
TIMEOUT_S = 30


@dataclass(frozen=True)
class Provider:
    """Who signs people in, and what it calls them."""

    name: str
    authorize: str
    token: str
    userinfo: str
    subject: str
    scope: str
    # Who answers says so in `iss` (RFC 9207); None where a provider does not.
    issuer: str | None = None
    # The person's token calls models; else this app's own key does, and names the person.
    calls_models: bool = False


KNOWN = {
    "tollgate": Provider(
        "tollgate",
        f"{TOLLGATE_URL}/oauth/authorize",
        f"{TOLLGATE_URL}/oauth/token",
        f"{TOLLGATE_URL}/oauth/userinfo",
        "sub",
        "openid profile models offline_access",
        issuer=TOLLGATE_URL,
        calls_models=True,
    ),
    "google": Provider(
        "google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://openidconnect.googleapis.com/v1/userinfo",
        "sub",
        "openid profile",
    ),
    "facebook": Provider(
        "facebook",
        "https://www.facebook.com/v24.0/dialog/oauth",
        "https://graph.facebook.com/v24.0/oauth/access_token",
        "https://graph.facebook.com/v24.0/me?fields=id,name",
        "id",
        "public_profile",
    ),
    "github": Provider(
        "github",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
        "id",
        "read:user",
    ),
}


def chosen():
    """The provider of the settings, with its addresses as they say."""
    known = KNOWN[SETTING("PROVIDER", "tollgate")]
    places = {name: SETTING(f"{name.upper()}_URL") for name in ("authorize", "token", "userinfo")}
    return Provider(**{**known.__dict__, **{name: url for name, url in places.items() if url}})


PROVIDER = chosen()
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
# Needed where the provider is not Tollgate: a key of this app, which its owner allowed to name its
# people.
TOLLGATE_KEY = SETTING("TOLLGATE_KEY")
if not (PROVIDER.calls_models or TOLLGATE_KEY):
    raise SystemExit("TOLLGATE_KEY is missing: with this provider the app calls with its own key.")

# oauthlib takes http for a mistake, on this machine too.
if APP_URL.startswith(("http://localhost", "http://127.0.0.1")):
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
# Google and GitHub spell the scopes that they give in another way than they were asked for.
if not PROVIDER.calls_models:
    os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"

app = flask.Flask(__name__)
app.secret_key = SETTING("SECRET_KEY") or secrets.token_bytes(32)
IS_HTTPS = APP_URL.startswith("https://")
app.config.update(
    SESSION_COOKIE_NAME="__Host-app" if IS_HTTPS else "app",
    SESSION_COOKIE_SECURE=IS_HTTPS,
    SESSION_COOKIE_HTTPONLY=True,
    SESSION_COOKIE_SAMESITE="Lax",
    MAX_CONTENT_LENGTH=64 * 1024,
)


@dataclass
class Visit:
    """What this server knows of a browser, by the id in its cookie."""

    # A sign-in that is under way.
    state: str | None = None
    verifier: str | None = None
    # Who is signed in.
    subject: str | None = None
    name: str = ""
    token: dict | None = None
    seen: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Visits:
    """All of them. They are gone when this program ends; a larger app would use a database."""

    MOST = 10_000
    IDLE_S = 8 * 3600

    def __init__(self):
        self._by_id = {}
        self._lock = threading.Lock()

    def begin(self, visit):
        """Keeps a visit under a new id, which goes into the cookie."""
        now = time.monotonic()
        with self._lock:
            idle = [id for id, kept in self._by_id.items() if now - kept.seen > self.IDLE_S]
            for id in idle:
                del self._by_id[id]
            while len(self._by_id) >= self.MOST:
                del self._by_id[next(iter(self._by_id))]
            id = secrets.token_urlsafe(32)
            self._by_id[id] = visit
        flask.session.clear()
        flask.session["id"] = id

    def current(self):
        """The visit of the browser that asks, if it is known."""
        with self._lock:
            visit = self._by_id.get(flask.session.get("id"))
        if visit is None or time.monotonic() - visit.seen > self.IDLE_S:
            return None
        visit.seen = time.monotonic()
        return visit

    def end(self):
        """Forgets it; what it was."""
        with self._lock:
            visit = self._by_id.pop(flask.session.get("id"), None)
        flask.session.clear()
        return visit


VISITS = Visits()


def oauth(token=None):
    return OAuth2Session(
        CLIENT_ID, token=token, redirect_uri=f"{APP_URL}/callback", scope=PROVIDER.scope.split()
    )


def wrong(status, words):
    return flask.make_response(flask.jsonify(error=words), status)


@app.get("/login")
def login():
    """Begins a sign-in: its state and PKCE's secret stay here, bound to this browser."""
    visit = Visit(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48))
    VISITS.begin(visit)
    digest = hashlib.sha256(visit.verifier.encode()).digest()
    address, _ = oauth().authorization_url(
        PROVIDER.authorize,
        state=visit.state,
        code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        code_challenge_method="S256",
    )
    return flask.redirect(address, 303)


@app.get("/callback")
def callback():
    """Ends a sign-in: the browser must be the one that began it, and comes once."""
    visit = VISITS.end()
    told = flask.request.args
    expected = visit.state if visit else None
    if not expected or not hmac.compare_digest(expected, told.get("state", "")):
        return wrong(400, "This sign-in was not begun in this browser. Start again.")
    if PROVIDER.issuer and told.get("iss") != PROVIDER.issuer:
        return wrong(400, "Somebody else answers than was asked.")
    if "code" not in told:
        return wrong(403, f"Nobody was signed in: {told.get('error', 'no code')}")
    session = oauth()
    try:
        token = session.fetch_token(
            PROVIDER.token,
            code=told["code"],
            code_verifier=visit.verifier,
            client_secret=CLIENT_SECRET,
            include_client_id=True,
            timeout=TIMEOUT_S,
        )
        subject, name = who(session)
    except (OAuth2Error, requests.RequestException) as error:
        return wrong(502, f"{PROVIDER.name} did not sign you in: {type(error).__name__}")
    # Another id than before: whoever knew that one does not know this one.
    VISITS.begin(Visit(subject=subject, name=name, token=token))
    return flask.redirect("/", 303)


def who(session):
    """Whose token it is, as the provider says now."""
    answer = session.get(PROVIDER.userinfo, timeout=TIMEOUT_S)
    answer.raise_for_status()
    profile = answer.json()
    if not profile.get(PROVIDER.subject):
        raise requests.RequestException("a profile of nobody")
    return str(profile[PROVIDER.subject]), str(profile.get("name") or "")


def fresh(visit):
    """The session with the person's token, renewed where it is about to expire. Of several
    requests at once one renews it: a refresh token serves once."""
    with visit.lock:
        ends = visit.token.get("expires_at")
        if ends is not None and ends < time.time() + 10 and "refresh_token" in visit.token:
            visit.token = {
                **visit.token,
                **oauth(visit.token).refresh_token(
                    PROVIDER.token,
                    client_id=CLIENT_ID,
                    client_secret=CLIENT_SECRET,
                    timeout=TIMEOUT_S,
                ),
            }
        return oauth(visit.token)


def signed_in(handler):
    """Lets a call through whose person is signed in, and still is where they signed in: the token
    is shown to the provider each time."""

    @functools.wraps(handler)
    def verified():
        visit = VISITS.current()
        if visit is None or visit.token is None:
            return wrong(401, "Nobody is signed in.")
        try:
            session = fresh(visit)
            subject, _ = who(session)
        except (OAuth2Error, requests.HTTPError):
            VISITS.end()
            return wrong(401, "The sign-in is over.")
        except requests.RequestException:
            return wrong(502, f"{PROVIDER.name} cannot be asked.")
        if subject != visit.subject:
            VISITS.end()
            return wrong(401, "The sign-in is over.")
        return handler(visit, session)

    return verified


@app.get("/me")
@signed_in
def me(visit, _):
    return flask.jsonify(provider=PROVIDER.name, subject=visit.subject, name=visit.name)


@app.post("/ai")
@signed_in
def ai(visit, session):
    """Asks a model for the person: on their account, or for them by this app's own key."""
    # JSON is what no form of another site can send.
    question = (flask.request.get_json(silent=True) or {}).get("question")
    if not isinstance(question, str) or not question:
        return wrong(400, "Send JSON with a question.")
    body = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    if PROVIDER.calls_models:
        caller, headers = session, {}
    else:
        caller = requests
        headers = {
            "Authorization": f"Bearer {TOLLGATE_KEY}",
            "Tollgate-User": f"{PROVIDER.name}:{visit.subject}",
        }
    try:
        answer = caller.post(
            f"{TOLLGATE_URL}/v1/chat/completions", json=body, headers=headers, timeout=TIMEOUT_S
        )
        told = answer.json()
    except requests.RequestException:
        return wrong(502, "The model cannot be asked.")
    if not answer.ok:
        return wrong(answer.status_code, told["error"]["message"])
    return flask.jsonify(answer=told["choices"][0]["message"]["content"])


@app.get("/logout")
def logout():
    """Forgets the token here, gives it back, and signs out at Tollgate too."""
    if flask.request.headers.get("Sec-Fetch-Site") == "cross-site":
        return wrong(403, "Another site asks to sign you out.")
    visit = VISITS.end()
    if visit is None or visit.token is None or not PROVIDER.calls_models:
        return flask.redirect("/", 303)
    mine = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token = visit.token.get("refresh_token") or visit.token["access_token"]
    try:
        revoke = f"{TOLLGATE_URL}/oauth/revoke"
        requests.post(revoke, data={**mine, "token": token}, timeout=TIMEOUT_S)
    except requests.RequestException:
        app.logger.warning("a token could not be given back; it ends by itself")
    end = requests.Request(
        "GET",
        f"{TOLLGATE_URL}/oauth/end-session",
        params={
            "id_token_hint": visit.token.get("id_token", ""),
            "post_logout_redirect_uri": f"{APP_URL}/",
        },
    ).prepare()
    return flask.redirect(end.url, 303)


@app.get("/")
def home():
    visit = VISITS.current()
    signed_in_as = visit.name or visit.subject if visit and visit.token else None
    page = flask.render_template("home.html", who=signed_in_as, provider=PROVIDER.name.title())
    return page, {"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}
