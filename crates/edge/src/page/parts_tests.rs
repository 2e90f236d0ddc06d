//! Every part, with content that tries to be markup.

use super::*;

const MARKUP: &str = "<script>alert(1)</script>\"'&";

fn text() -> String {
    MARKUP.to_owned()
}

fn link() -> Link {
    Link { href: text(), text: text() }
}

fn check(html: Result<String, askama::Error>) {
    let html = html.expect("it renders");
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("&#60;script"), "{html}");
}

#[test]
fn t81_markup_in_any_part_is_text() {
    let cells = || {
        vec![
            Cell::Text(text()),
            Cell::Number(text()),
            Cell::Code(text()),
            Cell::Link(link()),
            Cell::Time { exact: text(), said: text() },
        ]
    };
    check(Head { title: text(), lead: text(), action: Some(link()) }.render());
    let field =
        Field::new("username", "text", text()).value(MARKUP).hint(MARKUP).error(Some(text()));
    check(Summary::of(Locale::En, &[&field]).expect("an error").render());
    check(field.render());
    let columns = || (0..5).map(|_| Column::text(text())).collect();
    let table =
        Table { caption: text(), columns: columns(), rows: vec![cells()], next: Some(link()) };
    check(table.render());
    check(Banner { tone: Tone::Danger, text: text(), link: Some(link()) }.render());
    check(SecretOnce::new(Locale::Ja, text(), PlainToken::new(text()), link()).render());
    let command = Some(Command::same(Locale::ZhHans, MARKUP));
    check(Empty { text: text(), action: Some(link()), command }.render());
    check(Definitions { items: vec![(text(), Cell::Text(text()))] }.render());
    let bar = Bar { label: text(), used: text(), left: text(), resets: Some(text()), percent: 80 };
    check(Bars::new(Locale::En, vec![bar]).render());
}

#[test]
fn a_part_inside_a_part_is_markup() {
    let command = Some(Command::new(Locale::En, "tollgate key create"));
    let html = Empty { text: text(), action: None, command }.render().expect("it renders");
    assert!(html.contains("<pre tabindex=\"0\"><code>tollgate key create</code></pre>"), "{html}");
}

#[test]
fn an_error_is_tied_to_its_field() {
    let field = Field::new("username", "email", "E-mail".to_owned())
        .autocomplete("username webauthn")
        .hint("Yours")
        .error(Some("Wrong".to_owned()));
    let html = field.render().expect("it renders");
    assert!(html.contains("aria-describedby=\"username-error username-hint\""), "{html}");
    assert!(html.contains("aria-invalid=\"true\""));
    assert!(html.contains("<label for=\"username\">"));
    assert!(html.contains("autocomplete=\"username webauthn\""));
}

#[test]
fn a_password_is_never_sent_back() {
    let field = Field::new("password", "password", "Password".to_owned()).value("hunter2");
    assert!(!field.render().expect("it renders").contains("hunter2"));
}

#[test]
fn no_part_has_script_or_style_of_its_own() {
    for file in ["layout", "error", "parts/field", "parts/secret", "parts/command", "parts/bars"] {
        let path = format!("{}/templates/{file}.html", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a template");
        assert!(!text.contains(" style=") && !text.contains("<style"), "{file}");
        assert!(!text.contains(" onclick=") && !text.contains("<script>"), "{file}");
    }
}
