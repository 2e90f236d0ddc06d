//! The tables of `tollgate.db`.

/// The migrations in the order of their versions; each is a list of statements. They only add.
pub(crate) const MIGRATIONS: &[&[&str]] =
    &[FIRST, OUTBOX, DESCENT, BOUNDS, PROVIDERS, OAUTH, TOOLS, CONNECTIONS, APPS_ACT, PROFILES];

const FIRST: &[&str] = &[
    "CREATE TABLE plans (
        id TEXT NOT NULL PRIMARY KEY,
        body TEXT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE users (
        id TEXT NOT NULL PRIMARY KEY,
        email TEXT NOT NULL UNIQUE,
        email_shown TEXT NOT NULL,
        name TEXT NOT NULL,
        locale TEXT,
        role TEXT NOT NULL,
        plan_id TEXT REFERENCES plans (id),
        password TEXT,
        state TEXT NOT NULL,
        external_id TEXT UNIQUE,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX users_plan ON users (plan_id)",
    "CREATE TABLE user_groups (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        plan_id TEXT REFERENCES plans (id),
        priority BIGINT NOT NULL,
        pool TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE group_members (
        group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        PRIMARY KEY (group_id, user_id)
    ) {clustered}",
    "CREATE INDEX group_members_user ON group_members (user_id)",
    "CREATE TABLE clients (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        plan_id TEXT REFERENCES plans (id),
        owner_id TEXT REFERENCES users (id),
        state TEXT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX clients_owner ON clients (owner_id, id)",
    "CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
        client_id TEXT REFERENCES clients (id) ON DELETE CASCADE,
        created_by TEXT NOT NULL,
        models TEXT,
        networks TEXT,
        rates TEXT NOT NULL,
        budgets TEXT NOT NULL,
        expires_at BIGINT,
        state TEXT NOT NULL,
        tail TEXT NOT NULL,
        last_used_at BIGINT,
        last_used_from TEXT,
        created_at BIGINT NOT NULL,
        revoked_at BIGINT,
        version BIGINT NOT NULL
    ) {clustered}",
    "CREATE INDEX keys_user ON keys (user_id, id) WHERE user_id IS NOT NULL",
    "CREATE INDEX keys_client ON keys (client_id, id) WHERE client_id IS NOT NULL",
    "CREATE TABLE key_secrets (
        hash {blob} NOT NULL PRIMARY KEY,
        key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
        tail TEXT NOT NULL,
        made_at BIGINT NOT NULL,
        expires_at BIGINT
    ) {clustered}",
    "CREATE INDEX key_secrets_key ON key_secrets (key_id)",
    "CREATE INDEX key_secrets_expiry ON key_secrets (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE TABLE sessions (
        id TEXT NOT NULL PRIMARY KEY,
        hash {blob} NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        created_at BIGINT NOT NULL,
        last_seen_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        network TEXT,
        agent TEXT
    ) {strict}",
    "CREATE INDEX sessions_user ON sessions (user_id, id)",
    "CREATE INDEX sessions_expiry ON sessions (expires_at)",
    "CREATE TABLE upstreams (
        id TEXT NOT NULL PRIMARY KEY,
        base_url TEXT NOT NULL,
        header TEXT,
        api_key_sealed {blob},
        timeouts TEXT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE models (
        alias TEXT NOT NULL PRIMARY KEY,
        upstream_id TEXT NOT NULL REFERENCES upstreams (id),
        model TEXT NOT NULL,
        budgets TEXT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX models_upstream ON models (upstream_id)",
    "CREATE TABLE settings (
        name TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL,
        updated_at BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE links (
        id TEXT NOT NULL PRIMARY KEY,
        hash {blob} NOT NULL UNIQUE,
        purpose TEXT NOT NULL,
        user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        used_at BIGINT
    ) {strict}",
    "CREATE INDEX links_user ON links (user_id)",
    "CREATE INDEX links_expiry ON links (expires_at)",
    "CREATE TABLE signing_keys (
        kid TEXT NOT NULL PRIMARY KEY,
        sealed {blob} NOT NULL,
        public {blob} NOT NULL,
        state TEXT NOT NULL,
        created_at BIGINT NOT NULL
    ) {strict}",
    // Numbers that are given under a row lock, so that a lower one is never seen after a higher.
    "CREATE TABLE counters (
        name TEXT NOT NULL PRIMARY KEY,
        value BIGINT NOT NULL
    ) {strict}",
    "INSERT INTO counters (name, value) VALUES ('event', 0), ('owners', 0)",
    "CREATE TABLE events (
        seq BIGINT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        at BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX events_at ON events (at)",
    "CREATE TABLE audit_heads (
        chain TEXT NOT NULL PRIMARY KEY,
        seq BIGINT NOT NULL,
        hash {blob}
    ) {strict}",
    "INSERT INTO audit_heads (chain, seq, hash) VALUES ('main', 0, NULL)",
    "CREATE TABLE audit (
        chain TEXT NOT NULL,
        seq BIGINT NOT NULL,
        at BIGINT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        from_network TEXT,
        request_id TEXT,
        previous_hash {blob} NOT NULL,
        hash {blob} NOT NULL,
        PRIMARY KEY (chain, seq)
    ) {clustered}",
];

/// Requests that are to be done once, the index by which their deeds are found, and crash reserves
/// that are to be released in the ledger.
const OUTBOX: &[&str] = &[
    "CREATE TABLE replays (
        id {blob} NOT NULL PRIMARY KEY,
        asked {blob} NOT NULL,
        request_id TEXT NOT NULL,
        at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        answer {blob}
    ) {strict}",
    "CREATE TABLE releases (
        call_id TEXT NOT NULL PRIMARY KEY,
        at BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX replays_expiry ON replays (expires_at)",
    "CREATE INDEX audit_request ON audit (request_id)",
];

/// The index by which the keys are found that were made with a key.
const DESCENT: &[&str] = &["CREATE INDEX keys_maker ON keys (created_by)"];

/// Whose kept answers they are, and the indexes by which those and admin keys are counted.
const BOUNDS: &[&str] = &[
    "ALTER TABLE replays ADD COLUMN principal {blob}",
    "CREATE INDEX replays_principal ON replays (principal, expires_at)",
    "CREATE INDEX keys_admin ON keys (id) WHERE kind = 'admin'",
];

/// Sign-in providers, the accounts there that belong to accounts here, and sign-ins under way.
const PROVIDERS: &[&str] = &[
    "CREATE TABLE providers (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT,
        issuer TEXT,
        client_id TEXT NOT NULL,
        client_secret_sealed {blob},
        secret_in_form BIGINT,
        endpoints TEXT NOT NULL,
        fields TEXT NOT NULL,
        scopes TEXT,
        enabled BIGINT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    // No reference to the provider: who comes back when it does is still the same person.
    "CREATE TABLE identities (
        id TEXT NOT NULL PRIMARY KEY,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        provider_id TEXT NOT NULL,
        email TEXT,
        created_at BIGINT NOT NULL,
        last_used_at BIGINT NOT NULL,
        UNIQUE (issuer, subject)
    ) {strict}",
    "CREATE INDEX identities_user ON identities (user_id, id)",
    "CREATE TABLE sign_ins (
        state {blob} NOT NULL PRIMARY KEY,
        browser {blob} NOT NULL,
        provider_id TEXT NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        provider_version BIGINT NOT NULL,
        purpose TEXT NOT NULL,
        user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
        secrets_sealed {blob} NOT NULL,
        next TEXT NOT NULL,
        expires_at BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX sign_ins_provider ON sign_ins (provider_id)",
    "CREATE INDEX sign_ins_user ON sign_ins (user_id) WHERE user_id IS NOT NULL",
    "CREATE INDEX sign_ins_expiry ON sign_ins (expires_at)",
];

/// What apps need to sign people in, and what comes of it. A client's `oauth` is JSON.
const OAUTH: &[&str] = &[
    "ALTER TABLE clients ADD COLUMN oauth TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE clients ADD COLUMN secret_hash {blob}",
    "ALTER TABLE signing_keys ADD COLUMN alg TEXT NOT NULL DEFAULT 'ES256'",
    "ALTER TABLE signing_keys ADD COLUMN starts_at BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE resources (
        uri TEXT NOT NULL PRIMARY KEY,
        aliases TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE auth_codes (
        hash {blob} NOT NULL PRIMARY KEY,
        grant_id TEXT NOT NULL UNIQUE,
        client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        session_id TEXT NOT NULL,
        redirect_uri TEXT,
        challenge TEXT,
        scope TEXT NOT NULL,
        resource TEXT NOT NULL,
        nonce TEXT,
        auth_time BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        used_at BIGINT
    ) {strict}",
    "CREATE INDEX auth_codes_client ON auth_codes (client_id)",
    "CREATE INDEX auth_codes_user ON auth_codes (user_id)",
    "CREATE INDEX auth_codes_expiry ON auth_codes (expires_at)",
    // `session_id` is there where the grant ends with the session.
    "CREATE TABLE oauth_grants (
        id TEXT NOT NULL PRIMARY KEY,
        client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        session_id TEXT,
        scope TEXT NOT NULL,
        resource TEXT NOT NULL,
        auth_time BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        ended_at BIGINT
    ) {strict}",
    "CREATE INDEX oauth_grants_client ON oauth_grants (client_id)",
    "CREATE INDEX oauth_grants_user ON oauth_grants (user_id, client_id)",
    "CREATE INDEX oauth_grants_session ON oauth_grants (session_id) WHERE session_id IS NOT NULL",
    "CREATE INDEX oauth_grants_expiry ON oauth_grants (expires_at)",
    "CREATE INDEX oauth_grants_end ON oauth_grants (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE TABLE refresh_tokens (
        hash {blob} NOT NULL PRIMARY KEY,
        grant_id TEXT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
        generation BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        used_at BIGINT,
        UNIQUE (grant_id, generation)
    ) {clustered}",
    "CREATE INDEX refresh_tokens_use ON refresh_tokens (used_at) WHERE used_at IS NOT NULL",
    "CREATE TABLE consents (
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        resource TEXT NOT NULL,
        scope TEXT NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (user_id, client_id, resource)
    ) {clustered}",
    "CREATE INDEX consents_client ON consents (client_id)",
    "CREATE TABLE revoked_tokens (
        id TEXT NOT NULL PRIMARY KEY,
        expires_at BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at)",
];

/// Tools, the plugins at a host that asked for sign-ins at one, and keys that open one tool alone.
/// A key goes with its tool: were it to lose its bond, it would open everything else.
const TOOLS: &[&str] = &[
    "CREATE TABLE tools (
        id TEXT NOT NULL PRIMARY KEY,
        host TEXT UNIQUE,
        path TEXT UNIQUE,
        upstream_url TEXT NOT NULL,
        upstream_auth TEXT,
        upstream_auth_sealed {blob},
        openapi_url TEXT,
        openapi TEXT,
        auth TEXT NOT NULL,
        manifest TEXT NOT NULL,
        verification_tokens TEXT NOT NULL,
        timeouts TEXT NOT NULL,
        state TEXT NOT NULL,
        declared BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE tool_callbacks (
        tool_id TEXT NOT NULL REFERENCES tools (id) ON DELETE CASCADE,
        plugin_id TEXT NOT NULL,
        accepted BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        PRIMARY KEY (tool_id, plugin_id)
    ) {clustered}",
    "ALTER TABLE keys ADD COLUMN tool_id TEXT REFERENCES tools (id) ON DELETE CASCADE",
    "CREATE INDEX keys_tool ON keys (tool_id, id) WHERE tool_id IS NOT NULL",
    "CREATE INDEX keys_service ON keys (id) WHERE kind = 'tool'",
];

/// Other people's tools, people's connections to them, and sign-ins there that are under way.
const CONNECTIONS: &[&str] = &[
    "CREATE TABLE installs (
        id TEXT NOT NULL PRIMARY KEY,
        domain TEXT NOT NULL,
        name TEXT NOT NULL,
        auth TEXT NOT NULL,
        facts TEXT NOT NULL,
        state TEXT NOT NULL,
        state_at BIGINT NOT NULL,
        state_why TEXT,
        client_id TEXT,
        secret_sealed {blob},
        secret_version BIGINT NOT NULL,
        verification_token TEXT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL
    ) {strict}",
    "CREATE TABLE connections (
        id TEXT NOT NULL PRIMARY KEY,
        install_id TEXT NOT NULL REFERENCES installs (id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        state TEXT NOT NULL,
        access_sealed {blob},
        refresh_sealed {blob},
        secret_version BIGINT NOT NULL,
        expires_at BIGINT,
        issuer TEXT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        version BIGINT NOT NULL,
        UNIQUE (user_id, install_id)
    ) {strict}",
    "CREATE INDEX connections_install ON connections (install_id)",
    "CREATE TABLE connection_flows (
        state {blob} NOT NULL PRIMARY KEY,
        browser {blob} NOT NULL,
        connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        install_version BIGINT NOT NULL,
        verifier_sealed {blob} NOT NULL,
        expires_at BIGINT NOT NULL
    ) {strict}",
    "CREATE INDEX connection_flows_connection ON connection_flows (connection_id)",
    "CREATE INDEX connection_flows_browser ON connection_flows (browser)",
    "CREATE INDEX connection_flows_expiry ON connection_flows (expires_at)",
];

/// People whom apps name, addresses that a sign-in provider vouched for, names of declared apps.
const APPS_ACT: &[&str] = &[
    "CREATE TABLE app_users (
        client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        user_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (client_id, name)
    ) {clustered}",
    "ALTER TABLE identities ADD COLUMN email_verified BIGINT NOT NULL DEFAULT 0",
    // What an app that the configuration file declares is called as a client.
    "ALTER TABLE clients ADD COLUMN slug TEXT",
    "CREATE UNIQUE INDEX clients_slug ON clients (slug)",
];

/// What goes into a person's calls of models, as JSON. A plan's profile is in its body.
const PROFILES: &[&str] = &["ALTER TABLE users ADD COLUMN profile TEXT"];
