//! A source file as a flat row of tokens, with the test code set apart.

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// A word, a literal, a bracket or a mark (`::` and lifetimes are one token each).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// As it stands in the source.
    pub(super) text: String,
    /// Its line, from 1.
    pub(super) line: usize,
}

/// A parsed source file.
pub(super) struct Source {
    /// Relative to the workspace's root.
    pub(super) path: String,
    /// The syntax tree.
    pub(super) syntax: syn::File,
    /// All tokens but documentation.
    pub(super) all: Vec<Token>,
    /// Those that are not test code.
    pub(super) production: Vec<Token>,
    /// How many lines are test code.
    pub(super) test_lines: usize,
}

impl Source {
    /// Parses the text of the file at `path`.
    ///
    /// # Errors
    /// When it is not Rust.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self> {
        let syntax = syn::parse_file(text).context("cannot be parsed")?;
        let stream: TokenStream =
            text.parse().map_err(|e| anyhow::anyhow!("cannot be read as tokens: {e}"))?;
        let mut all = Flat { with_tests: true, ..Flat::default() };
        all.stream(stream.clone());
        let mut production = Flat::default();
        if !is_test_file(path) {
            production.stream(stream);
        }
        Ok(Self {
            path: path.to_owned(),
            syntax,
            all: all.tokens,
            production: production.tokens,
            test_lines: production.test_lines,
        })
    }

    /// Whether all of it is test code.
    pub(super) fn is_test(&self) -> bool {
        is_test_file(&self.path)
    }

    /// The folder of the crate that it belongs to: `gate` for `crates/gate/src/lib.rs`, `xtask` for
    /// `xtask/src/main.rs`.
    pub(super) fn home(&self) -> &str {
        self.path.trim_start_matches("crates/").split('/').next().unwrap_or("")
    }
}

/// `tests.rs`, `seal_tests.rs`, `testing.rs` (modules behind `#[cfg(test)]`), and all in a folder
/// `tests`.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/")
        || path.starts_with("tests/")
        || path.ends_with("tests.rs")
        || path.ends_with("/testing.rs")
}

/// The index after the bracket that closes the one at `open`.
pub(super) fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[derive(Default)]
struct Flat {
    with_tests: bool,
    tokens: Vec<Token>,
    test_lines: usize,
}

impl Flat {
    fn stream(&mut self, stream: TokenStream) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut rest = trees.as_slice();
        while let [tree, after @ ..] = rest {
            rest = match attribute(rest) {
                Some(attribute) if is_doc(attribute) => after.get(1..).unwrap_or(&[]),
                Some(attribute) if !self.with_tests && is_test_mark(attribute) => {
                    let (item, after) = split_item(rest);
                    self.test_lines += lines_of(item);
                    after
                }
                _ => self.tree(tree, after),
            };
        }
    }

    /// Adds one tree, with what belongs to it of those after it, and returns the others.
    fn tree<'a>(&mut self, tree: &TokenTree, after: &'a [TokenTree]) -> &'a [TokenTree] {
        let line = tree.span().start().line;
        match (tree, after) {
            (TokenTree::Group(group), _) => {
                self.group(group);
                after
            }
            (TokenTree::Punct(mark), [TokenTree::Punct(next), rest @ ..])
                if mark.as_char() == ':'
                    && mark.spacing() == Spacing::Joint
                    && next.as_char() == ':' =>
            {
                self.push("::".to_owned(), line);
                rest
            }
            (TokenTree::Punct(mark), [TokenTree::Ident(name), rest @ ..])
                if mark.as_char() == '\'' =>
            {
                self.push(format!("'{name}"), line);
                rest
            }
            _ => {
                self.push(tree.to_string(), line);
                after
            }
        }
    }

    fn group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => return self.stream(group.stream()),
        };
        self.push(open.to_owned(), group.span_open().start().line);
        self.stream(group.stream());
        self.push(close.to_owned(), group.span_close().start().line);
    }

    fn push(&mut self, text: String, line: usize) {
        self.tokens.push(Token { text, line });
    }
}

/// The outer attribute that these trees begin with.
fn attribute(trees: &[TokenTree]) -> Option<&Group> {
    match trees {
        [TokenTree::Punct(mark), TokenTree::Group(group), ..]
            if mark.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group)
        }
        _ => None,
    }
}

fn is_doc(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// Whether an item with this attribute exists in tests only: `#[test]`, `#[tokio::test]`,
/// `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_test_mark(attribute: &Group) -> bool {
    let mut last = String::new();
    for tree in attribute.stream() {
        match tree {
            TokenTree::Ident(name) => last = name.to_string(),
            TokenTree::Group(group) if last == "cfg" => return requires_test(group.stream()),
            TokenTree::Group(_) => break,
            _ => {}
        }
    }
    last == "test"
}

fn requires_test(condition: TokenStream) -> bool {
    let mut last = String::new();
    condition.into_iter().any(|tree| match tree {
        TokenTree::Ident(name) => {
            last = name.to_string();
            last == "test"
        }
        TokenTree::Group(group) => last == "all" && requires_test(group.stream()),
        _ => false,
    })
}

/// The item at the beginning, with its attributes, and what follows it.
fn split_item(trees: &[TokenTree]) -> (&[TokenTree], &[TokenTree]) {
    let mut is_import = false;
    for (at, tree) in trees.iter().enumerate() {
        let ends = match tree {
            TokenTree::Ident(name) => {
                is_import |= name == "use";
                false
            }
            TokenTree::Punct(mark) => mark.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_import,
            TokenTree::Literal(_) => false,
        };
        if ends {
            return trees.split_at(at + 1);
        }
    }
    (trees, &[])
}

fn lines_of(item: &[TokenTree]) -> usize {
    match item {
        [first, .., last] => last.span().end().line + 1 - first.span().start().line,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production(text: &str) -> Result<String> {
        let source = Source::parse("crates/gate/src/a.rs", text)?;
        let words: Vec<&str> = source.production.iter().map(|t| t.text.as_str()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn test_code_is_set_apart() -> Result<()> {
        let text = "fn a() {}\n#[cfg(test)]\nuse x::{y};\n#[test]\nfn b() {}\nfn c() {}\n";
        assert_eq!(production(text)?, "fn a ( ) { } fn c ( ) { }");
        let text = "#[cfg(test)]\n#[expect(unused, reason = \"r\")]\nmod tests { fn b() {} }";
        assert_eq!(production(text)?, "");
        let text = "#[tokio::test(flavor = \"x\")]\nasync fn a() {}";
        assert_eq!(production(text)?, "");
        Ok(())
    }

    #[test]
    fn code_that_tests_lack_is_production() -> Result<()> {
        assert!(production("#[cfg(not(test))]\nfn a() {}")?.contains("fn a"));
        assert!(production("#[cfg(any(test, unix))]\nfn a() {}")?.contains("fn a"));
        assert_eq!(production("#[cfg(all(unix, test))]\nfn a() {}")?, "");
        Ok(())
    }

    #[test]
    fn lines_of_tests_are_counted() -> Result<()> {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n\n    fn b() {}\n}\n";
        assert_eq!(Source::parse("crates/gate/src/a.rs", text)?.test_lines, 5);
        Ok(())
    }

    #[test]
    fn documentation_is_no_code() -> Result<()> {
        assert_eq!(production("/// unsafe\nfn a(_: &'b x::Y) {}")?, "fn a ( _ : & 'b x :: Y ) { }");
        Ok(())
    }
}
