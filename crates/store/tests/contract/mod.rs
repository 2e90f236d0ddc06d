//! What the store promises, as plain functions, the same on both engines.

pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod connections;
pub(crate) mod faults;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod links;
pub(crate) mod oauth;
pub(crate) mod providers;
pub(crate) mod replays;
pub(crate) mod sessions;
pub(crate) mod tools;
pub(crate) mod upkeep;
pub(crate) mod users;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tollgate_kernel::{
    ClientId, Error, GrantId, KeyId, Kind, LinkId, ManualClock, Role, SeededRng, SessionId, Slug,
    Timestamp, TokenId, UserId,
};
use tollgate_root::Root;
use tollgate_store::{
    Actor, AuditEvent, ClientKind, ClientRecord, KeyHolder, NewKey, NewSecret, NewSession, NewUser,
    Options, Reader, Target, Tx, UserRecord, Writer, open,
};

/// What a test answers.
pub(crate) type Outcome<T> = Result<T, Error>;

macro_rules! suite {
    ($($module:ident: $($name:ident),+;)+) => {$($(
        #[tokio::test]
        async fn $name() -> Outcome<()> {
            contract::$module::$name(&bench().await?).await
        }
    )+)+};
    () => {
        contract::suite! {
            users: an_account_is_read_as_it_was_written, addresses_differ_not_by_case,
                a_taken_address_is_a_conflict, an_old_version_is_a_conflict,
                only_sign_in_sees_the_password, a_password_is_confirmed_while_it_is_the_one,
                users_are_listed_in_pages_and_filtered,
                t87_foreign_accounts_do_not_exist, of_two_first_owners_one_wins,
                a_deleted_account_takes_its_keys_and_sessions_along;
            keys: a_key_is_found_by_the_hash_of_its_secret, k2_no_column_can_hold_a_key_in_clear,
                rotation_keeps_the_old_secret_for_the_overlap, a_revoked_key_stays_revoked,
                keys_of_apps_and_services_have_no_user, t87_foreign_keys_do_not_exist,
                keys_are_changed_by_version, keys_are_listed_by_holder,
                what_was_made_with_a_key_ends_with_it, a_key_knows_the_keys_that_made_it,
                keys_that_work_are_counted_by_holder;
            sessions: a_session_is_found_by_the_hash_of_its_cookie,
                ended_sessions_are_gone_and_announced, t87_foreign_sessions_do_not_exist,
                expired_sessions_are_not_listed;
            catalogue: a_plan_is_read_as_it_was_written, a_plan_in_use_cannot_be_deleted,
                a_plan_that_does_not_exist_is_a_conflict, groups_come_in_the_order_that_counts,
                members_are_set_and_announced, apps_have_owners, an_upstream_in_use_stays,
                settings_are_set_once_or_over, signing_keys_retire;
            links: of_a_hundred_that_use_a_link_one_wins, a_link_serves_its_purpose_and_time_alone,
                a_rolled_back_use_is_none, all_links_of_a_person_end;
            oauth: an_app_has_one_person_of_a_name, an_app_keeps_its_oauth_members,
                t3_of_a_hundred_redemptions_one_wins,
                a_code_is_bound_to_what_it_was_made_for, t20_of_fifty_refreshes_one_wins,
                a_family_ends_whole_and_is_announced, t24_grants_end_with_what_they_rest_on,
                t29_codes_that_wait_end_with_what_they_were_given_in,
                consents_are_kept_until_they_are_withdrawn,
                t29_a_consent_is_taken_back_for_good, resources_have_addresses,
                a_revoked_token_is_known_until_its_end, a_sweep_removes_what_is_over;
            providers: a_provider_is_read_as_it_was_written,
                t44_an_identity_is_its_issuer_and_subject,
                an_address_is_vouched_for_by_a_provider_that_told_that_very_one,
                the_last_way_in_stays,
                what_a_way_in_rests_on_is_kept_while_it_is_made,
                of_two_last_ways_in_one_stays, t92_an_identity_goes_with_its_account,
                t46_of_a_hundred_that_take_a_sign_in_one_gets_it,
                t45_sign_ins_end_with_a_change_of_their_provider,
                sign_ins_that_are_over_are_swept;
            tools: a_tool_is_read_as_it_was_written, hosts_and_paths_of_tools_are_their_own,
                g2_a_tool_takes_its_keys_along, service_tokens_belong_to_one_tool,
                callbacks_wait_for_the_owner;
            connections: an_install_is_read_as_it_was_written,
                v29_foreign_connections_do_not_exist, a_person_has_one_connection_to_a_tool,
                v23_of_a_hundred_that_take_a_flow_one_gets_it,
                a_flow_without_state_is_its_browsers_only_one,
                flows_end_with_a_change_of_their_tool;
            replays: of_two_requests_with_one_key_one_is_the_first,
                a_replay_ends_after_its_time, an_act_is_found_by_its_request,
                t97_only_so_many_are_kept_for_one_subject;
            audit: every_commit_is_in_the_chain, k10_an_edited_record_is_found,
                k10_a_removed_record_is_found, a_rolled_back_act_leaves_no_record,
                events_come_in_order_without_gaps, events_are_told_once;
            upkeep: keys_know_when_they_were_last_used, sessions_know_when_they_were_seen,
                a_sweep_removes_what_has_expired;
            ledger: calls_of_tools_have_entries_of_their_own,
                entries_of_a_time_are_found_by_their_keys, an_id_is_found_as_it_is_written,
                entries_from_before_keep_their_ids;
            faults: a_locked_store_is_unavailable, newer_tables_are_refused,
                a_second_server_is_refused, opening_at_once_makes_the_tables_once,
                a_transaction_ends_at_its_deadline, a_failed_statement_fails_the_transaction,
                a_dropped_transaction_leaves_nothing, a_broken_row_is_named;
        }
    };
}
pub(crate) use suite;

/// A store of its own for one test.
pub(crate) struct Bench {
    pub(crate) reader: Reader,
    pub(crate) writer: Arc<Writer>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: Target,
    rng: SeededRng,
    _folder: Option<tempfile::TempDir>,
    server: Option<(String, String)>,
}

impl Bench {
    /// A store in a folder that goes with it.
    pub(crate) async fn sqlite() -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(Error::internal)?;
        let target = Target::Sqlite { data_dir: folder.path().join("data") };
        Self::on(target, Some(folder), None).await
    }

    /// A store in a database that goes with it.
    pub(crate) async fn postgres() -> Outcome<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TOLLGATE_TEST_POSTGRES").map_err(|_| {
            Error::invalid(
                "TOLLGATE_TEST_POSTGRES is not set: it must hold the URL of a PostgreSQL server on \
                 which databases may be made, like postgres://postgres@127.0.0.1:5432/postgres",
            )
        })?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate_test_{}_{number}", std::process::id());
        let (base, _) = server.rsplit_once('/').ok_or_else(|| Error::invalid("no path"))?;
        let url = format!("{base}/{name}");
        run_postgres(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        run_postgres(&server, format!("CREATE DATABASE {name}")).await?;
        Self::on(Target::Postgres { url }, None, Some((server, name))).await
    }

    async fn on(
        target: Target,
        folder: Option<tempfile::TempDir>,
        server: Option<(String, String)>,
    ) -> Outcome<Self> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let options = Options {
            target: target.clone(),
            clock: Arc::clone(&clock) as _,
            deadline: Duration::from_secs(20),
        };
        let (reader, writer) = open(&Root::new(), options).await?;
        let rng = SeededRng::new(7);
        let writer = Arc::new(writer);
        Ok(Self { reader, writer, clock, target, rng, _folder: folder, server })
    }

    /// Opens the same store once more.
    pub(crate) async fn again(&self, deadline: Duration) -> Outcome<(Reader, Writer)> {
        let clock = Arc::clone(&self.clock) as _;
        open(&Root::new(), Options { target: self.target.clone(), clock, deadline }).await
    }

    pub(crate) async fn begin(&self) -> Outcome<Tx> {
        self.writer.begin(actor()).await
    }

    pub(crate) fn user_id(&self) -> UserId {
        self.clock.advance(Duration::from_millis(1));
        UserId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn key_id(&self) -> KeyId {
        self.clock.advance(Duration::from_millis(1));
        KeyId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn session_id(&self) -> SessionId {
        self.clock.advance(Duration::from_millis(1));
        SessionId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn client_id(&self) -> ClientId {
        self.clock.advance(Duration::from_millis(1));
        ClientId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn link_id(&self) -> LinkId {
        LinkId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn grant_id(&self) -> GrantId {
        self.clock.advance(Duration::from_millis(1));
        GrantId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn token_id(&self) -> TokenId {
        TokenId::new(&*self.clock, &self.rng)
    }

    pub(crate) fn new_user(&self, email: &str) -> NewUser {
        NewUser {
            id: self.user_id(),
            email: email.to_owned(),
            name: "Somebody".to_owned(),
            locale: None,
            role: Role::Member,
            plan: None,
            password: None,
            external_id: None,
        }
    }

    pub(crate) async fn user(&self, email: &str) -> Outcome<UserRecord> {
        let mut tx = self.begin().await?;
        let user = tx.insert_user(self.new_user(email)).await?;
        tx.commit(act("user.create")).await?;
        Ok(user)
    }

    pub(crate) fn new_key(&self, holder: KeyHolder) -> NewKey {
        NewKey {
            id: self.key_id(),
            name: "key".to_owned(),
            holder,
            tool: None,
            models: None,
            networks: None,
            rates: Default::default(),
            budgets: Vec::new(),
            expires_at: None,
        }
    }

    pub(crate) async fn key(&self, holder: KeyHolder, seed: u8) -> Outcome<KeyId> {
        let mut tx = self.begin().await?;
        let key = tx.insert_key(self.new_key(holder), secret(seed)).await?;
        tx.commit(act("key.create")).await?;
        Ok(key.id)
    }

    pub(crate) async fn session(&self, user: UserId, seed: u8) -> Outcome<SessionId> {
        let mut tx = self.begin().await?;
        let session = NewSession {
            id: self.session_id(),
            hash: [seed; 32],
            user,
            expires_at: tx.now().plus(Duration::from_secs(3_600)),
            network: Some("192.0.2.1".to_owned()),
            agent: None,
        };
        let session = tx.insert_session(session).await?;
        tx.commit(act("session.start")).await?;
        Ok(session.id)
    }

    pub(crate) async fn client(&self, name: &str, owner: Option<UserId>) -> Outcome<ClientRecord> {
        let mut client =
            ClientRecord::new(self.client_id(), name.to_owned(), ClientKind::Confidential);
        client.owner = owner;
        let mut tx = self.begin().await?;
        tx.put_client(&client).await?;
        tx.commit(act("client.create")).await?;
        Ok(client)
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn raw(&self, sql: &str) -> Outcome<()> {
        match &self.target {
            Target::Sqlite { data_dir } => {
                let mut connection = sqlite(data_dir).await?;
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await
                    .map_err(Error::internal)?;
                connection.close().await.map_err(Error::internal)
            }
            Target::Postgres { url } => run_postgres(url, sql.to_owned()).await,
        }
    }

    /// The first column of an answer, as text.
    pub(crate) async fn raw_texts(
        &self,
        sqlite_sql: &str,
        postgres_sql: &str,
    ) -> Outcome<Vec<String>> {
        match &self.target {
            Target::Sqlite { data_dir } => {
                let mut connection = sqlite(data_dir).await?;
                sqlx::query_scalar(AssertSqlSafe(sqlite_sql))
                    .fetch_all(&mut connection)
                    .await
                    .map_err(Error::internal)
            }
            Target::Postgres { url } => {
                let mut connection = PgConnection::connect(url).await.map_err(Error::internal)?;
                sqlx::query_scalar(AssertSqlSafe(postgres_sql))
                    .fetch_all(&mut connection)
                    .await
                    .map_err(Error::internal)
            }
        }
    }
}

impl Drop for Bench {
    /// Removes the database, on a thread because dropping cannot wait.
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else { return };
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            runtime.map(|runtime| runtime.block_on(run_postgres(&server, sql)))
        });
        drop(dropping.join());
    }
}

pub(crate) async fn sqlite(data_dir: &Path) -> Outcome<SqliteConnection> {
    let url = format!("sqlite://{}", data_dir.join("tollgate.db").display());
    SqliteConnection::connect(&url).await.map_err(Error::internal)
}

pub(crate) async fn run_postgres(url: &str, sql: String) -> Outcome<()> {
    let mut connection = PgConnection::connect(url).await.map_err(Error::unavailable)?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(Error::internal)?;
    connection.close().await.map_err(Error::internal)
}

pub(crate) fn actor() -> Actor {
    Actor {
        subject: "local".to_owned(),
        network: Some("192.0.2.7".to_owned()),
        request: Some("a-request".to_owned()),
        client: None,
    }
}

pub(crate) fn act(action: &'static str) -> AuditEvent {
    AuditEvent::new(action, "something")
}

pub(crate) fn secret(seed: u8) -> NewSecret {
    NewSecret { hash: [seed; 32], tail: format!("tail{seed:04}") }
}

pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

/// Asserts that this failed, and with this kind.
#[track_caller]
pub(crate) fn assert_kind<T>(answer: Outcome<T>, kind: Kind) {
    match answer {
        Ok(_) => panic!("expected {kind:?}, but it went well"),
        Err(error) => assert_eq!(error.kind(), kind, "{error:?}"),
    }
}
