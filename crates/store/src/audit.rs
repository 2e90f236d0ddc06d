//! The audit chain: who did what to what, each record bound to the one before it by a hash.

use aws_lc_rs::digest::{Context, SHA256};
use tollgate_kernel::{Error, Timestamp};

use crate::page::page_of;
use crate::sql::{Db, Record, Row, Transaction, Value, args};
use crate::{Actor, AuditEvent, Page, PageRequest, Reader};

/// The chain of the only node so far.
const CHAIN: &str = "main";

/// What stands between whom an act is for and the app that did it.
const BY: &str = " by ";

/// How many records the check reads at once.
const CHECKED_AT_ONCE: u32 = 500;

/// A record of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number in the chain, from 1 without gaps.
    pub seq: i64,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it, for example `user:0193…`; or an app for them: `user:0193… by app:0193…`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// From where.
    pub from: Option<String>,
    /// In which request.
    pub request: Option<String>,
    /// The hash of the record before; zeros before the first.
    pub previous: [u8; 32],
    /// SHA-256 of all of the above and the chain's name.
    pub hash: [u8; 32],
}

/// Which records are asked for; what is none is not looked at.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Exactly this actor, or an app for them.
    pub actor: Option<String>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this target.
    pub target: Option<String>,
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is the one that was written, and none is missing.
    Intact {
        /// How many there are.
        records: i64,
        /// The hash of the newest.
        head: [u8; 32],
    },
    /// A record was edited, removed or slipped in.
    Broken {
        /// The first number at which the chain does not hold.
        seq: i64,
        /// In which way.
        why: &'static str,
    },
}

impl AuditRecord {
    /// Every field is hashed with its length before it, so that no two records hash the same bytes.
    fn computed(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let mut field = |bytes: &[u8]| {
            context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(bytes);
        };
        field(b"tollgate audit 1");
        field(CHAIN.as_bytes());
        field(&self.seq.to_be_bytes());
        field(&self.at.micros().to_be_bytes());
        field(self.actor.as_bytes());
        field(self.action.as_bytes());
        field(self.target.as_bytes());
        for optional in [&self.from, &self.request] {
            field(&[u8::from(optional.is_some())]);
            field(optional.as_deref().unwrap_or_default().as_bytes());
        }
        field(&self.previous);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}

impl Record for AuditRecord {
    const TABLE: &'static str = "audit";

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            seq: row.int("seq")?,
            at: row.time("at")?,
            actor: row.text("actor")?,
            action: row.text("action")?,
            target: row.text("target")?,
            from: row.opt_text("from_network")?,
            request: row.opt_text("request_id")?,
            previous: row.hash("previous_hash")?,
            hash: row.hash("hash")?,
        })
    }
}

impl Reader {
    /// The audit records, newest first.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        request: &PageRequest,
    ) -> Result<Page<AuditRecord>, Error> {
        let before = match &request.after {
            None => i64::MAX,
            Some(seq) => seq.parse().map_err(|_| {
                Error::invalid("cursor does not belong to this list").with_param("cursor")
            })?,
        };
        let rows = self
            .db
            .all(
                "SELECT seq, at, actor, action, target, from_network, request_id, previous_hash, \
                 hash FROM audit WHERE chain = $1 AND seq < $2 AND ($3 IS NULL OR actor = $3 \
                 OR substr(actor, 1, length($3) + 4) = $3 || ' by ') \
                 AND ($4 IS NULL OR action = $4) AND ($5 IS NULL OR target = $5) \
                 ORDER BY seq DESC LIMIT $6",
                args![
                    CHAIN,
                    before,
                    filter.actor.as_deref(),
                    filter.action.as_deref(),
                    filter.target.as_deref(),
                    request.fetched(),
                ],
            )
            .await?;
        page_of(&rows, request, |record: &AuditRecord| record.seq.to_string())
    }

    /// Walks along the whole chain. What is cut off at its end is found as long as the head was not
    /// rewritten as well.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, Error> {
        let (head_seq, head) = head(&self.db).await?;
        let mut previous = [0; 32];
        let mut next = 1;
        while next <= head_seq {
            let records = records_from(&self.db, next).await?;
            if records.is_empty() {
                return Ok(AuditVerdict::Broken { seq: next, why: "the record is missing" });
            }
            for record in records.iter().take_while(|record| record.seq <= head_seq) {
                if let Some(why) = fault(record, next, previous) {
                    return Ok(AuditVerdict::Broken { seq: next, why });
                }
                previous = record.hash;
                next += 1;
            }
        }
        if previous != head {
            let why = "the newest record is not the one that the head names";
            return Ok(AuditVerdict::Broken { seq: head_seq, why });
        }
        Ok(AuditVerdict::Intact { records: head_seq, head })
    }
}

fn fault(record: &AuditRecord, seq: i64, previous: [u8; 32]) -> Option<&'static str> {
    if record.seq != seq {
        return Some("the record is missing");
    }
    if record.previous != previous {
        return Some("the record does not follow the one before it");
    }
    (record.computed() != record.hash).then_some("the record was edited")
}

async fn head(db: &Db) -> Result<(i64, [u8; 32]), Error> {
    let sql = "SELECT seq, hash FROM audit_heads WHERE chain = $1";
    let row = db.one(sql, args![CHAIN]).await?;
    Ok((row.int("seq")?, head_hash(&row)?))
}

fn head_hash(row: &Row) -> Result<[u8; 32], Error> {
    match row.opt_bytes("hash")? {
        None => Ok([0; 32]),
        Some(_) => row.hash("hash"),
    }
}

async fn records_from(db: &Db, seq: i64) -> Result<Vec<AuditRecord>, Error> {
    let sql = "SELECT seq, at, actor, action, target, from_network, request_id, previous_hash, \
               hash FROM audit WHERE chain = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    db.all(sql, args![CHAIN, seq, CHECKED_AT_ONCE]).await?.iter().map(Row::record).collect()
}

/// Appends a record. From here to the commit others wait for the head's row.
pub(crate) async fn write(
    transaction: &mut Transaction,
    actor: &Actor,
    event: &AuditEvent,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE audit_heads SET seq = seq + 1 WHERE chain = $1 RETURNING seq, hash";
    let head = transaction.one(sql, args![CHAIN]).await?;
    let mut record = AuditRecord {
        seq: head.int("seq")?,
        at: now,
        actor: match &actor.client {
            Some(client) => format!("{}{BY}{client}", actor.subject),
            None => actor.subject.clone(),
        },
        action: event.action.clone().into_owned(),
        target: event.target.clone(),
        from: actor.network.clone(),
        request: actor.request.clone(),
        previous: head_hash(&head)?,
        hash: [0; 32],
    };
    record.hash = record.computed();
    let sql = "UPDATE audit_heads SET hash = $2 WHERE chain = $1";
    transaction.execute(sql, args![CHAIN, record.hash]).await?;
    let sql = "INSERT INTO audit (chain, seq, at, actor, action, target, from_network, request_id, \
               previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    transaction.execute(sql, arguments(record)).await?;
    Ok(())
}

fn arguments(record: AuditRecord) -> Vec<Value> {
    let AuditRecord { seq, at, actor, action, target, from, request, previous, hash } = record;
    args![CHAIN, seq, at, actor, action, target, from, request, previous, hash]
}
