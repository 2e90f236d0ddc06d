//! The journal's bytes: a table of accounts, then the records that point into it.
//!
//! All integers are little-endian. The first byte is the version of the form.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_kernel::{
    CallId, Called, Charged, ClientId, ConnectionId, EntryKey, Error, KeyId, RequestId, Slug,
    Timestamp, UserId,
};

use super::batch::{AccountRef, Decision, Grant, Leg, Opened, Outcome, Record};

const VERSION: u8 = 2;
/// Before there were tools: what a call is made to is the name of a model, without a tag.
const MODELS_ONLY: u8 = 1;
const OPEN: u8 = 1;
const VOID: u8 = 2;
const MODEL: u8 = 0;
const TOOL: u8 = 1;
const CONNECTION: u8 = 2;

/// Writes `records`.
pub(super) fn encode<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<u8> {
    let mut accounts = Accounts::default();
    let mut body = Writer(Vec::with_capacity(512));
    let mut count = 0_u32;
    for record in records {
        count += 1;
        match record {
            Record::Open(opened) => write_open(&mut body, opened, &mut accounts),
            Record::Void(key) => {
                body.u8(VOID);
                body.key(*key);
            }
        }
    }
    let mut out = Writer(Vec::with_capacity(body.0.len() + 64 * accounts.order.len() + 16));
    out.u8(VERSION);
    out.u32(u32::try_from(accounts.order.len()).unwrap_or(u32::MAX));
    for account in &accounts.order {
        out.text(&account.budget);
        out.i64(account.start_us);
        out.i64(account.end_us);
    }
    out.u32(count);
    out.0.extend_from_slice(&body.0);
    out.0
}

/// Reads what [`encode`] wrote, in this form or the one before. An error means that the journal was
/// damaged.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Record>, Error> {
    let mut reader = Reader(bytes);
    let read_called = match reader.u8()? {
        VERSION => read_called,
        MODELS_ONLY => read_model,
        _ => return Err(damaged()),
    };
    let mut accounts = Vec::new();
    for _ in 0..reader.u32()? {
        let budget: Arc<str> = reader.text()?.into();
        accounts.push(AccountRef { budget, start_us: reader.i64()?, end_us: reader.i64()? });
    }
    let mut records = Vec::new();
    for _ in 0..reader.u32()? {
        records.push(match reader.u8()? {
            OPEN => Record::Open(Arc::new(read_open(&mut reader, &accounts, read_called)?)),
            VOID => Record::Void(reader.key()?),
            _ => return Err(damaged()),
        });
    }
    if reader.0.is_empty() { Ok(records) } else { Err(damaged()) }
}

fn damaged() -> Error {
    Error::internal("a journal row of the ledger is damaged")
}

/// The accounts of one row, each written once.
#[derive(Default)]
struct Accounts<'a> {
    // With a quick hash: each call asks for its accounts, and their names are ours.
    index: HashMap<&'a AccountRef, u32, foldhash::fast::RandomState>,
    order: Vec<&'a AccountRef>,
}

impl<'a> Accounts<'a> {
    fn index_of(&mut self, account: &'a AccountRef) -> u32 {
        let next = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        *self.index.entry(account).or_insert_with(|| {
            self.order.push(account);
            next
        })
    }
}

fn write_open<'a>(out: &mut Writer, opened: &'a Opened, accounts: &mut Accounts<'a>) {
    let Opened {
        key,
        at,
        request,
        user,
        client,
        api_key,
        group,
        called,
        upstream,
        priced,
        hold,
        legs,
    } = opened;
    out.u8(OPEN);
    out.key(*key);
    out.i64(at.micros());
    out.uuid(request.uuid());
    out.option(user.map(UserId::uuid), Writer::uuid);
    out.option(client.map(ClientId::uuid), Writer::uuid);
    out.option(api_key.map(KeyId::uuid), Writer::uuid);
    out.option(group.as_ref().map(Slug::as_str), Writer::text);
    match called {
        Called::Model(model) => {
            out.u8(MODEL);
            out.text(model);
        }
        Called::Tool(tool) => {
            out.u8(TOOL);
            out.text(tool.as_str());
        }
        Called::Connection(id) => {
            out.u8(CONNECTION);
            out.uuid(id.uuid());
        }
    }
    out.option(upstream.as_ref().map(Slug::as_str), Writer::text);
    out.u8(u8::from(*priced));
    out.charged(hold);
    out.u32(u32::try_from(legs.len()).unwrap_or(u32::MAX));
    for leg in legs {
        out.u32(accounts.index_of(&leg.account));
        out.i64(leg.hold);
    }
}

type ReadCalled = for<'a> fn(&mut Reader<'a>) -> Result<Called, Error>;

fn read_called(reader: &mut Reader<'_>) -> Result<Called, Error> {
    match reader.u8()? {
        MODEL => read_model(reader),
        TOOL => reader.slug().map(Called::Tool),
        CONNECTION => reader.uuid().map(ConnectionId::from_uuid).map(Called::Connection),
        _ => Err(damaged()),
    }
}

fn read_model(reader: &mut Reader<'_>) -> Result<Called, Error> {
    Ok(Called::Model(reader.text()?.into()))
}

fn read_open(
    reader: &mut Reader<'_>,
    accounts: &[AccountRef],
    read_called: ReadCalled,
) -> Result<Opened, Error> {
    let key = reader.key()?;
    let at = Timestamp::from_micros(reader.i64()?);
    let request = RequestId::from_uuid(reader.uuid()?);
    let user = reader.option(Reader::uuid)?.map(UserId::from_uuid);
    let client = reader.option(Reader::uuid)?.map(ClientId::from_uuid);
    let api_key = reader.option(Reader::uuid)?.map(KeyId::from_uuid);
    let group = reader.option(Reader::slug)?;
    let called = read_called(reader)?;
    let upstream = reader.option(Reader::slug)?;
    let priced = reader.u8()? == 1;
    let hold = reader.charged()?;
    let mut legs = Vec::new();
    for _ in 0..reader.u32()? {
        let at = usize::try_from(reader.u32()?).map_err(|_| damaged())?;
        let account = accounts.get(at).ok_or_else(damaged)?.clone();
        legs.push(Leg { account, hold: reader.i64()? });
    }
    Ok(Opened {
        key,
        at,
        request,
        user,
        client,
        api_key,
        group,
        called,
        upstream,
        priced,
        hold,
        legs,
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn uuid(&mut self, value: uuid::Uuid) {
        self.0.extend_from_slice(value.as_bytes());
    }

    fn text(&mut self, value: &str) {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value.as_bytes());
    }

    fn key(&mut self, key: EntryKey) {
        self.uuid(key.call.uuid());
        self.u32(u32::from(key.attempt));
    }

    fn charged(&mut self, charged: &Charged) {
        let Charged { money, tokens, calls } = *charged;
        for amount in [money, tokens, calls] {
            self.i64(amount);
        }
    }

    fn option<T>(&mut self, value: Option<T>, write: fn(&mut Self, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.0.split_at_checked(len).ok_or_else(damaged)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| damaged())
    }

    fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64, Error> {
        self.array().map(i64::from_le_bytes)
    }

    fn uuid(&mut self) -> Result<uuid::Uuid, Error> {
        self.array().map(uuid::Uuid::from_bytes)
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        let len = usize::try_from(self.u32()?).map_err(|_| damaged())?;
        std::str::from_utf8(self.take(len)?).map_err(|_| damaged())
    }

    fn slug(&mut self) -> Result<Slug, Error> {
        Slug::parse(self.text()?)
    }

    fn key(&mut self) -> Result<EntryKey, Error> {
        let call = CallId::from_uuid(self.uuid()?);
        let attempt = u16::try_from(self.u32()?).map_err(|_| damaged())?;
        Ok(EntryKey { call, attempt })
    }

    fn charged(&mut self) -> Result<Charged, Error> {
        Ok(Charged { money: self.i64()?, tokens: self.i64()?, calls: self.i64()? })
    }

    fn option<T>(&mut self, read: fn(&mut Self) -> Result<T, Error>) -> Result<Option<T>, Error> {
        if self.u8()? == 1 { read(self).map(Some) } else { Ok(None) }
    }
}

const GRANTED: u8 = 0;
const EXHAUSTED: u8 = 1;
const IN_USE: u8 = 2;

/// Writes what a commit answered, for the case that the answer is lost.
pub(super) fn encode_outcome(outcome: &Outcome) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.u32(u32::try_from(outcome.decisions.len()).unwrap_or(u32::MAX));
    for decision in &outcome.decisions {
        match decision {
            Decision::Granted { leased } => {
                out.u8(GRANTED);
                out.u32(u32::try_from(leased.len()).unwrap_or(u32::MAX));
                leased.iter().for_each(|amount| out.i64(*amount));
            }
            Decision::Exhausted { leg, left } => write_refusal(&mut out, EXHAUSTED, *leg, *left),
            Decision::InUse { leg, left } => write_refusal(&mut out, IN_USE, *leg, *left),
        }
    }
    out.u32(u32::try_from(outcome.grants.len()).unwrap_or(u32::MAX));
    for grant in &outcome.grants {
        out.i64(grant.granted);
    }
    out.0
}

/// Reads what [`encode_outcome`] wrote.
pub(super) fn decode_outcome(seq: i64, bytes: &[u8]) -> Result<Outcome, Error> {
    let mut reader = Reader(bytes);
    let mut outcome = Outcome { seq, ..Outcome::default() };
    for _ in 0..reader.u32()? {
        outcome.decisions.push(read_decision(&mut reader)?);
    }
    for _ in 0..reader.u32()? {
        outcome.grants.push(Grant { granted: reader.i64()? });
    }
    if reader.0.is_empty() { Ok(outcome) } else { Err(damaged()) }
}

fn write_refusal(out: &mut Writer, tag: u8, leg: usize, left: i64) {
    out.u8(tag);
    out.u32(u32::try_from(leg).unwrap_or(u32::MAX));
    out.i64(left);
}

fn read_decision(reader: &mut Reader<'_>) -> Result<Decision, Error> {
    let tag = reader.u8()?;
    let number = usize::try_from(reader.u32()?).map_err(|_| damaged())?;
    match tag {
        GRANTED => {
            let leased = (0..number).map(|_| reader.i64()).collect::<Result<_, _>>()?;
            Ok(Decision::Granted { leased })
        }
        EXHAUSTED => Ok(Decision::Exhausted { leg: number, left: reader.i64()? }),
        IN_USE => Ok(Decision::InUse { leg: number, left: reader.i64()? }),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
