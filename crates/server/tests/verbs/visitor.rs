//! A browser without scripts: it keeps cookies and sends the forms of pages.

use std::collections::BTreeMap;

use crate::ask;

/// Somebody with a browser at the server on this port.
pub(crate) struct Visitor {
    port: u16,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn of(port: u16) -> Self {
        Self { port, cookies: BTreeMap::new() }
    }

    /// The status and the page at `path`.
    pub(crate) fn get(&mut self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path}"), "", "")
    }

    /// Loads the page, then sends its form with these fields.
    pub(crate) fn post(
        &mut self,
        page: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> (u16, String) {
        let (status, text) = self.get(page);
        assert_eq!(status, 200, "{page}: {text}");
        let csrf = between(&text, "<meta name=\"csrf\" content=\"", "\"");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", csrf).extend_pairs(fields);
        let headers = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://localhost:{}\r\n",
            self.port
        );
        self.send(&format!("POST {path}"), &headers, &form.finish())
    }

    fn send(&mut self, head: &str, headers: &str, body: &str) -> (u16, String) {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, v)| format!("{name}={v}")).collect();
        let mut headers = format!("{headers}Accept-Language: en\r\n");
        if !cookies.is_empty() {
            headers = format!("{headers}Cookie: {}\r\n", cookies.join("; "));
        }
        let (status, answer) = ask(self.port, head, &headers, body);
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        (status, answer)
    }
}

/// The text between two others, the first time that it appears.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in {text}"));
    rest.split_once(end).unwrap().0
}
