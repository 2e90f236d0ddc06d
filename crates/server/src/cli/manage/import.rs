//! `tollgate user import`: people from another system, one in each row of a CSV file.
//!
//! Who is here already stays as they are, so that an import that broke off is run again.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use http::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tollgate_kernel::Secret;

use super::api::{Manager, refusal};
use super::body::Body;
use super::screen::plain;
use crate::exit::Exit;

/// The columns that a file may have; the members of the management API.
const COLUMNS: [&str; 8] =
    ["email", "name", "password_hash", "locale", "role", "plan", "groups", "external_id"];

/// What people import at once, in bytes: some hundred thousand rows.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Somebody to be added.
struct Row {
    line: u64,
    email: String,
    body: Value,
}

/// What became of the rows.
#[derive(Default)]
struct Outcome {
    added: usize,
    known: usize,
    /// The line in the file, and why it was refused.
    refused: Vec<(u64, String)>,
}

/// Adds the people of `file`. The whole file is read first: a mistake in its form adds nobody.
pub(super) async fn run(manager: &mut Manager, file: &Path) -> Result<(), Exit> {
    let text = read(manager, file)?;
    let rows = rows_of(text.expose())?;
    let progress = progress(manager, rows.len());
    let mut outcome = Outcome::default();
    for row in rows {
        add(manager, row, &mut outcome).await?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    tell(manager, &outcome)
}

/// The text of the file: it holds hashes, so it is wiped when it was read.
fn read(manager: &mut Manager, file: &Path) -> Result<Secret, Exit> {
    let shown = file.display();
    let failed = |error| Exit::io(format!("cannot read {shown}"), &error);
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        manager.screen.input.by_ref().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
    };
    if read.map_err(failed)? as u64 > LARGEST {
        return Err(Exit::usage(format!("{shown} is larger than 64 MiB: import it in parts")));
    }
    Ok(Secret::new(text))
}

fn rows_of(text: &str) -> Result<Vec<Row>, Exit> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let strange = |error: csv::Error| {
        // Not the error's own words, which may hold what stands in the file.
        let line = error.position().map_or(1, csv::Position::line);
        Exit::usage(format!("line {line} is no row of CSV with as many cells as the first line"))
    };
    let columns = reader.headers().map_err(strange)?.clone();
    if let Some(unknown) = columns.iter().find(|name| !COLUMNS.contains(name)) {
        let (unknown, known) = (plain(unknown), COLUMNS.join(", "));
        return Err(Exit::usage(format!("there is no column {unknown}; there are {known}")));
    }
    if !columns.iter().any(|name| name == "email") {
        return Err(Exit::usage("the first line names no column email"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(strange)?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut body = Body::default();
        let mut email = String::new();
        for (name, cell) in columns.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
            body = match name {
                "groups" => {
                    let groups: Vec<String> = cell.split_whitespace().map(str::to_owned).collect();
                    body.list("groups", &groups)
                }
                _ => body.with(name, cell),
            };
            if name == "email" {
                cell.clone_into(&mut email);
            }
        }
        rows.push(Row { line, email, body: body.done() });
    }
    Ok(rows)
}

async fn add(manager: &Manager, row: Row, outcome: &mut Outcome) -> Result<(), Exit> {
    let Row { line, email, body } = row;
    let answer = manager.try_ask(Method::POST, "/api/v1/users", Some(&body)).await?;
    match answer.status {
        status if status.is_success() => outcome.added += 1,
        StatusCode::CONFLICT => outcome.known += 1,
        // A row is at fault; what else fails would fail for all.
        StatusCode::BAD_REQUEST => {
            outcome.refused.push((line, format!("{}: {}", plain(&email), refusal(&answer))));
        }
        _ => return Err(refusal(&answer)),
    }
    Ok(())
}

fn tell(manager: &mut Manager, outcome: &Outcome) -> Result<(), Exit> {
    let Outcome { added, known, refused } = outcome;
    if manager.screen.json {
        let refused: Vec<Value> =
            refused.iter().map(|(line, why)| json!({ "line": line, "error": why })).collect();
        let told = json!({ "added": added, "known": known, "refused": refused });
        manager.screen.raw(told.to_string().as_bytes())?;
    }
    for (line, why) in refused {
        manager.screen.say(&format!("line {line}: {why}"));
    }
    manager.screen.say(&format!("Added {added}. Already here, and left as they are: {known}."));
    match refused.len() {
        0 => Ok(()),
        n => Err(Exit::usage(format!("{n} rows were refused; mend them and import again"))),
    }
}

/// A bar with rate and remaining time, where somebody is there to see it.
fn progress(manager: &Manager, rows: usize) -> ProgressBar {
    if !manager.screen.attended || manager.screen.quiet {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let look = "{bar:30} {pos}/{len} people, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(rows as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::super::recorder::Stage;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG";

    fn stage(piped: &'static str, answers: &[(u16, Value)]) -> Stage {
        let answers = answers.iter().map(|(status, body)| (*status, body.to_string())).collect();
        Stage { answers, piped, ..Stage::default() }
    }

    #[tokio::test]
    async fn people_are_imported_row_by_row_and_who_is_here_stays() {
        let file = "email,groups,name,password_hash,role\n\
            ada@example.com,research  staff,Ada,\
            \"$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG\",admin\n\
            bob@example.com,,\"Bob, B.\",,\n\
            eve@example.com,,,$2b$31$,\n";
        let refused = json!({ "detail": "This is not a bcrypt hash.", "param": "password_hash" });
        let answers = [(201, json!({})), (409, json!({})), (400, refused)];
        let seen = stage(file, &answers).run("tollgate user import -").await.unwrap();
        let wanted = [
            json!({ "email": "ada@example.com", "groups": ["research", "staff"], "name": "Ada",
                "password_hash": HASH, "role": "admin" }),
            json!({ "email": "bob@example.com", "name": "Bob, B." }),
            json!({ "email": "eve@example.com", "password_hash": "$2b$31$" }),
        ];
        let wanted: Vec<_> =
            wanted.into_iter().map(|body| ("POST /api/v1/users".to_owned(), body)).collect();
        assert_eq!(seen.requests, wanted);
        assert!(seen.talk.contains("Added 1. Already here, and left as they are: 1."));
        assert!(seen.talk.contains("line 4: eve@example.com: error: This is not a bcrypt hash."));
        assert_eq!(seen.end.unwrap_err().code(), 2);
        let seen = stage(file, &[(201, json!({})), (201, json!({})), (201, json!({}))])
            .run("tollgate user import - --json")
            .await
            .unwrap();
        let told: Value = serde_json::from_str(&seen.out).unwrap();
        assert_eq!(told, json!({ "added": 3, "known": 0, "refused": [] }));
        assert!(seen.end.is_ok());
    }

    #[tokio::test]
    async fn a_file_of_another_form_adds_nobody() {
        for (file, said) in [
            ("email,passwort\na@b.de,x\n", "no column passwort"),
            ("name\nAda\n", "no column email"),
            ("", "no column email"),
            ("email,name\na@b.de,Ada\nb@b.de\n", "line 3"),
        ] {
            let seen = stage(file, &[]).run("tollgate user import -").await.unwrap();
            assert!(seen.requests.is_empty(), "{file}");
            let exit = seen.end.unwrap_err();
            assert!(exit.to_string().contains(said), "{exit}");
            assert_eq!(exit.code(), 2);
        }
    }

    #[tokio::test]
    async fn what_fails_for_all_ends_an_import() {
        let file = "email\na@b.de\nb@b.de\n";
        let seen = stage(file, &[(503, json!({}))]).run("tollgate user import -").await.unwrap();
        assert_eq!((seen.requests.len(), seen.end.unwrap_err().code()), (1, 69));
    }

    #[tokio::test]
    async fn a_hash_comes_from_a_file_and_never_from_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hash");
        std::fs::write(&file, format!("{HASH}\n")).unwrap();
        let made = json!({ "id": "u1", "email": "ada@example.com", "has_password": true });
        let line =
            format!("tollgate user add ada@example.com --password-hash-file {}", file.display());
        let seen = stage("", &[(201, made.clone())]).run(&line).await.unwrap();
        let body = json!({ "email": "ada@example.com", "password_hash": HASH });
        assert_eq!(seen.requests, [("POST /api/v1/users".to_owned(), body)], "and no link");
        assert!(seen.end.is_ok() && seen.out.is_empty(), "{}", seen.out);
        let line = format!("tollgate user set u1 --password-hash-file {}", file.display());
        let seen = stage("", &[(200, made)]).run(&line).await.unwrap();
        let body = json!({ "password_hash": HASH });
        assert_eq!(seen.requests, [("PATCH /api/v1/users/u1".to_owned(), body)]);
    }
}
