//! Comma-separated values (RFC 4180) that a spreadsheet shows and never runs.

/// The media type.
pub(crate) const TYPE: &str = "text/csv; charset=utf-8; header=present";

/// Writes one record.
pub(crate) fn record<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (at, text) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push_str("\r\n");
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it: names of models
/// come from callers.
fn cell(out: &mut String, text: &str) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if !formula && !text.contains(['"', ',', '\r', '\n', ';']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    for character in text.chars() {
        if character == '"' {
            out.push('"');
        }
        out.push(character);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut out = String::new();
        record(&mut out, cells.iter().copied());
        out
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(line(&["a", "1", ""]), "a,1,\r\n");
        assert_eq!(
            line(&["a,b", "say \"hi\"", "x\r\ny"]),
            "\"a,b\",\"say \"\"hi\"\"\",\"x\r\ny\"\r\n"
        );
    }

    #[test]
    fn formulas_are_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            let out = line(&[text]);
            assert!(out.starts_with("\"'"), "{out}");
        }
        assert_eq!(line(&["=HYPERLINK(\"x\")"]), "\"'=HYPERLINK(\"\"x\"\")\"\r\n");
    }
}
