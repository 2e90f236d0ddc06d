//! What models cost: a dated table that is embedded, and a file of the owner's that goes before it.
//!
//! Both are CSV with a header and these columns; lines that start with `#` are comments:
//!
//! | column | meaning |
//! |---|---|
//! | `provider` | whose price list it is; a label |
//! | `model` | the model's name at its provider |
//! | `also_matches` | other names, separated by spaces; one that ends with `*` is a prefix |
//! | `from` | the day (UTC) from which the row counts; empty: from the beginning |
//! | `input`, `cached_input`, `cache_write`, `output` | US dollars per million tokens |
//! | `tiers` | `input=272000+:10` means: from 272,000 input tokens on, that class costs 10 |
//! | `context_tokens`, `max_output_tokens` | limits of the model; empty: not known |
//! | `as_of`, `source` | when the row was taken, and from where |
//!
//! `model` and `input` must be filled in, and in the owner's file the other columns may be missing.
//! An empty `output` is the price of models without output (embeddings): nothing.
//!
//! **Which row counts.** First the owner's file, then the embedded table; in each, first the rows
//! whose `model` is the name, then those that list it in `also_matches`, then the longest prefix.
//! Where two providers have rows of one name, the first provider in the file counts. Of the rows
//! that are left, the one with the latest `from` that has come.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tollgate_kernel::{Class, Nano, Price, Tier, Timestamp};

/// The table that is shipped.
const EMBEDDED: &str = include_str!("../data/prices.csv");

/// The dearest price that is believed: a million dollars per million tokens.
const MAX_PRICE: Nano = 1_000_000 * 1_000_000_000;

/// What a row says of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What its tokens cost.
    pub price: Arc<Price>,
    /// How many tokens fit into it, input and output together.
    pub context_tokens: Option<u64>,
    /// The most tokens that it answers with.
    pub max_output_tokens: Option<u64>,
    /// Whose price list the row is from; may be empty in the owner's file.
    pub provider: Box<str>,
    /// The day the row was taken, as written; may be empty in the owner's file.
    pub as_of: Box<str>,
    /// Where it was taken from; may be empty in the owner's file.
    pub source: Box<str>,
}

/// Everything that is wrong with a price file.
#[derive(Debug, PartialEq, Eq)]
pub struct BadPrices(pub Vec<String>);

impl fmt::Display for BadPrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for BadPrices {}

/// The prices of all models that are known.
pub struct PriceTable {
    /// In the order in which they are asked.
    books: Vec<Book>,
}

impl PriceTable {
    /// The embedded table alone.
    pub fn embedded() -> Result<Self, BadPrices> {
        Ok(Self { books: vec![Book::read(EMBEDDED)?] })
    }

    /// The embedded table, and before it the rows of `text`, the content of the owner's file. All
    /// mistakes of the file are told together, with their lines.
    pub fn with_file(text: &str) -> Result<Self, BadPrices> {
        Ok(Self { books: vec![Book::read(text)?, Book::read(EMBEDDED)?] })
    }

    /// What `model` costs at `at`; `None` for a model without a price.
    pub fn price(&self, model: &str, at: Timestamp) -> Option<&Listed> {
        self.books.iter().find_map(|book| book.find(model, at))
    }
}

/// The rows of one name, the earliest first.
#[derive(Default)]
struct Rows(Vec<(Timestamp, Arc<Listed>)>);

impl Rows {
    /// Adds a row, unless another provider had the name first.
    fn add(&mut self, from: Timestamp, listed: Arc<Listed>) {
        if self.0.first().is_some_and(|(_, first)| first.provider != listed.provider) {
            return;
        }
        let at = self.0.partition_point(|(other, _)| *other <= from);
        self.0.insert(at, (from, listed));
    }

    fn at(&self, at: Timestamp) -> Option<&Listed> {
        self.0.iter().rev().find(|(from, _)| *from <= at).map(|(_, listed)| &**listed)
    }
}

/// Rows by name, with a quick hash: each call looks one up, and the names are the owner's.
type Names = HashMap<Box<str>, Rows, foldhash::fast::RandomState>;

/// One file of prices.
#[derive(Default)]
struct Book {
    names: Names,
    also: Names,
    prefixes: Names,
    /// The lengths that prefixes have, the longest first.
    prefix_lengths: Vec<usize>,
}

impl Book {
    fn read(text: &str) -> Result<Self, BadPrices> {
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut problems = Vec::new();
        let columns = Columns::read(&mut reader, &mut problems);
        let mut book = Self::default();
        if problems.is_empty() {
            for record in reader.records() {
                match record {
                    Ok(record) => book.add(&Row { columns: &columns, record }, &mut problems),
                    Err(error) => problems.push(error.to_string()),
                }
            }
        }
        book.prefix_lengths = book.prefixes.keys().map(|prefix| prefix.len()).collect();
        book.prefix_lengths.sort_unstable_by(|a, b| b.cmp(a));
        book.prefix_lengths.dedup();
        if problems.is_empty() { Ok(book) } else { Err(BadPrices(problems)) }
    }

    fn add(&mut self, row: &Row<'_>, problems: &mut Vec<String>) {
        let before = problems.len();
        let mut fault = |message: String| problems.push(format!("line {}: {message}", row.line()));
        let name = row.field("model");
        if name.is_empty() {
            fault("the model has no name".to_owned());
        }
        let from = day(row.field("from")).unwrap_or_else(|message| {
            fault(message);
            Timestamp::default()
        });
        let listed = row.listed(&mut fault);
        if problems.len() > before {
            return;
        }
        let listed = Arc::new(listed);
        self.names.entry(name.into()).or_default().add(from, listed.clone());
        for other in row.field("also_matches").split_ascii_whitespace() {
            let (map, key) = match other.strip_suffix('*') {
                Some(prefix) => (&mut self.prefixes, prefix),
                None => (&mut self.also, other),
            };
            map.entry(key.into()).or_default().add(from, listed.clone());
        }
    }

    fn find(&self, model: &str, at: Timestamp) -> Option<&Listed> {
        let exact = self.names.get(model).and_then(|rows| rows.at(at));
        let exact = exact.or_else(|| self.also.get(model).and_then(|rows| rows.at(at)));
        exact.or_else(|| {
            self.prefix_lengths
                .iter()
                .filter_map(|length| self.prefixes.get(model.get(..*length)?))
                .find_map(|rows| rows.at(at))
        })
    }
}

/// Which column stands where.
struct Columns(HashMap<String, usize>);

impl Columns {
    const KNOWN: [&'static str; 13] = [
        "provider",
        "model",
        "also_matches",
        "from",
        "input",
        "cached_input",
        "cache_write",
        "output",
        "tiers",
        "context_tokens",
        "max_output_tokens",
        "as_of",
        "source",
    ];

    fn read(reader: &mut csv::Reader<&[u8]>, problems: &mut Vec<String>) -> Self {
        let header = reader.headers().cloned().unwrap_or_default();
        let mut columns = HashMap::new();
        for (at, name) in header.iter().enumerate() {
            if !Self::KNOWN.contains(&name) {
                problems.push(format!("there is no column {name:?}: {}", Self::KNOWN.join(", ")));
            } else if columns.insert(name.to_owned(), at).is_some() {
                problems.push(format!("the column {name:?} is there twice"));
            }
        }
        for name in ["model", "input"] {
            if !columns.contains_key(name) {
                problems.push(format!("the column {name:?} is missing"));
            }
        }
        Self(columns)
    }
}

struct Row<'a> {
    columns: &'a Columns,
    record: csv::StringRecord,
}

impl Row<'_> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The field under this header; empty where there is none.
    fn field(&self, column: &str) -> &str {
        self.columns.0.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    fn listed(&self, fault: &mut impl FnMut(String)) -> Listed {
        let mut money = |column: &str| {
            let text = self.field(column);
            (!text.is_empty()).then(|| {
                nano_per_million(text).unwrap_or_else(|| {
                    fault(format!("{column} is {text:?}, not dollars per million tokens"));
                    0
                })
            })
        };
        let (input, cached_input) = (money("input"), money("cached_input"));
        let (cache_write, output) = (money("cache_write"), money("output"));
        if input.is_none() {
            fault("the price of input is missing".to_owned());
        }
        let mut limit = |column: &str| {
            let text = self.field(column);
            let parsed = text.parse::<u64>().ok().filter(|tokens| *tokens > 0);
            if parsed.is_none() && !text.is_empty() {
                fault(format!("{column} is {text:?}, not a number of tokens"));
            }
            parsed
        };
        let (context_tokens, max_output_tokens) =
            (limit("context_tokens"), limit("max_output_tokens"));
        let tiers = self.field("tiers").split_ascii_whitespace().filter_map(|text| {
            let tier = tier(text);
            if tier.is_none() {
                fault(format!("the tier {text:?} is not like input=272000+:10"));
            }
            tier
        });
        let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
        let price = Price { input, cached_input, cache_write, output, tiers: tiers.collect() };
        Listed {
            price: Arc::new(price),
            context_tokens,
            max_output_tokens,
            provider: self.field("provider").into(),
            as_of: self.field("as_of").into(),
            source: self.field("source").into(),
        }
    }
}

/// The beginning of the day `text` in UTC; of all time for an empty text.
fn day(text: &str) -> Result<Timestamp, String> {
    if text.is_empty() {
        return Ok(Timestamp::from_micros(i64::MIN));
    }
    let zoned = text.parse::<jiff::civil::Date>().and_then(|day| day.in_tz("UTC"));
    zoned
        .map(|start| Timestamp::from_micros(start.timestamp().as_microsecond()))
        .map_err(|_| format!("from is {text:?}, not a day like 2026-11-21"))
}

/// Reads `class=TOKENS+:DOLLARS`.
fn tier(text: &str) -> Option<Tier> {
    let (class, rest) = text.split_once('=')?;
    let (from, dollars) = rest.split_once("+:")?;
    let class = match class {
        "input" => Class::Input,
        "cached" => Class::CachedInput,
        "write" => Class::CacheWrite,
        "output" => Class::Output,
        _ => return None,
    };
    Some(Tier {
        class,
        from_input_tokens: from.parse().ok()?,
        nano_per_million: nano_per_million(dollars)?,
    })
}

/// Reads dollars with at most nine decimals, exactly: there is no float on the way.
fn nano_per_million(text: &str) -> Option<Nano> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 9 {
        return None;
    }
    let whole: Nano = whole.parse().ok()?;
    let part: Nano = format!("{part:0<9}").parse().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(part).filter(|nano| *nano <= MAX_PRICE)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use tollgate_kernel::Usage;

    fn day_of(text: &str) -> Timestamp {
        day(text).unwrap()
    }

    fn table() -> PriceTable {
        PriceTable::embedded().unwrap()
    }

    fn input_of(table: &PriceTable, model: &str, at: &str) -> Option<Nano> {
        table.price(model, day_of(at)).map(|listed| listed.price.input)
    }

    #[test]
    fn every_row_of_the_embedded_table_is_read_with_its_source() {
        let table = table();
        let rows: usize = table.books[0].names.values().map(|rows| rows.0.len()).sum();
        let others = 17;
        assert_eq!(rows + others, 350, "{others} rows repeat a name of an earlier provider");
        for rows in table.books[0].names.values() {
            for (_, listed) in &rows.0 {
                assert_eq!((&*listed.as_of, &*listed.source), ("2026-11-21", "genai-prices-0.2.3"));
            }
        }
    }

    #[test]
    fn prices_are_exact_nano_units() {
        let table = table();
        let listed = table.price("gpt-4o-mini", day_of("2026-11-21")).unwrap();
        let price = &listed.price;
        assert_eq!((price.input, price.output), (150_000_000, 600_000_000));
        assert_eq!((price.cached_input, price.cache_write), (Some(75_000_000), None));
        assert_eq!(
            (listed.context_tokens, listed.max_output_tokens),
            (Some(128_000), Some(16_384))
        );
        let embedding = table.price("text-embedding-3-small", day_of("2026-11-21")).unwrap();
        assert_eq!((embedding.price.input, embedding.price.output), (20_000_000, 0));
        assert_eq!(nano_per_million("0.000000001"), Some(1));
        for bad in ["", ".5", "1.", "-1", "1e3", "0.0000000001", "1,5", "1000001"] {
            assert_eq!(nano_per_million(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tier_counts_from_its_length_on() {
        let table = table();
        let price = &table.price("gpt-5.4", day_of("2026-11-21")).unwrap().price;
        let usage = |input_tokens| Usage { input_tokens, ..Usage::default() };
        assert_eq!(price.cost(&usage(271_999)), 271_999 * 2_500);
        assert_eq!(price.cost(&usage(272_000)), 272_000 * 5_000);
        assert_eq!(price.tiers.len(), 3);
    }

    #[test]
    fn a_later_row_replaces_an_earlier_one_on_its_day() {
        let table = table();
        assert_eq!(input_of(&table, "gpt-5.6-luna", "2026-07-29"), Some(1_000_000_000));
        assert_eq!(input_of(&table, "gpt-5.6-luna", "2026-07-30"), Some(200_000_000));
        assert_eq!(input_of(&table, "deepseek-v4-flash-x", "2026-09-09"), Some(220_000_000));
        assert_eq!(input_of(&table, "deepseek-v4-flash-x", "2026-09-10"), Some(150_000_000));
    }

    #[test]
    fn a_row_that_has_not_come_yet_gives_no_price() {
        let table = PriceTable::with_file("model,from,input\nnew-model,2027-01-01,3\n").unwrap();
        assert_eq!(input_of(&table, "new-model", "2026-12-31"), None);
        assert_eq!(input_of(&table, "new-model", "2027-01-01"), Some(3_000_000_000));
    }

    #[test]
    fn names_come_before_other_names_and_those_before_the_longest_prefix() {
        let text = "model,also_matches,input\n\
            long,fam-a-*,1\nshort,fam-* x,2\nfam-a-exact,,3\nother,fam-a-also,4\n";
        let table = PriceTable::with_file(text).unwrap();
        let price = |model| input_of(&table, model, "2026-11-21").map(|nano| nano / 1_000_000_000);
        assert_eq!(price("fam-a-exact"), Some(3));
        assert_eq!(price("fam-a-also"), Some(4));
        assert_eq!(price("fam-a-new"), Some(1));
        assert_eq!(price("fam-b"), Some(2));
        assert_eq!(price("fam"), None);
        assert_eq!(price("no-such-model"), None);
        assert_eq!(price("fäm-é"), None, "a length inside a character is not cut there");
    }

    #[test]
    fn the_first_provider_of_a_name_counts() {
        let text = "provider,model,from,input\na,m,,1\nb,m,2026-01-01,9\na,m,2026-02-01,2\n";
        let table = PriceTable::with_file(text).unwrap();
        assert_eq!(input_of(&table, "m", "2026-01-15"), Some(1_000_000_000));
        assert_eq!(input_of(&table, "m", "2026-02-01"), Some(2_000_000_000));
    }

    #[test]
    fn a_file_adds_to_the_embedded_table_and_overrides_it() {
        let text = "# ours\nmodel,also_matches,input,output\ngpt-4o-mini,,7,8\nmock,mock/*,1,2\n";
        let table = PriceTable::with_file(text).unwrap();
        assert_eq!(input_of(&table, "gpt-4o-mini", "2026-11-21"), Some(7_000_000_000));
        assert_eq!(input_of(&table, "mock/spend=hold", "2026-11-21"), Some(1_000_000_000));
        assert_eq!(input_of(&table, "gpt-4o", "2026-11-21"), Some(2_500_000_000));
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_with_their_lines() {
        let text = "model,from,input,tiers,context_tokens\n\
            a,soon,1,,\n,,1,,\nb,,,,\nc,,x,input=5:1,many\n";
        let BadPrices(problems) = PriceTable::with_file(text).err().unwrap();
        for (line, word) in [
            ("line 2", "soon"),
            ("line 3", "no name"),
            ("line 4", "missing"),
            ("line 5", "\"x\""),
            ("line 5", "tier"),
            ("line 5", "many"),
        ] {
            let told = problems.iter().any(|p| p.starts_with(line) && p.contains(word));
            assert!(told, "{line} {word}: {problems:?}");
        }
        assert_eq!(problems.len(), 6);
        let header = PriceTable::with_file("model,price\n").err().unwrap();
        assert!(header.0.iter().any(|p| p.contains("\"price\"")), "{header}");
        assert!(header.0.iter().any(|p| p.contains("\"input\" is missing")), "{header}");
    }
}
