//! How long lines, functions and files may be, and how many parameters a function may have.

use syn::visit::{self, Visit};
use syn::{Block, FnArg, ImplItemFn, ItemFn, Signature, TraitItemFn};

use super::Finding;
use super::tokens::Source;

/// Characters of a line: two files fit beside each other.
const LINE: usize = 100;
/// Lines of a function, from `fn` to the closing brace: it fits on a screen.
const FUNCTION: usize = 70;
/// Lines of a file that are not test code.
const FILE: usize = 500;
/// Parameters of a function beside `self`.
const PARAMETERS: usize = 6;

/// What of `source`, whose text is `text`, is too long.
pub(super) fn check(source: &Source, text: &str) -> Vec<Finding> {
    let mut findings = lines(source, text);
    findings.extend(file(source, text));
    let mut functions = Functions { path: &source.path, findings };
    functions.visit_file(&source.syntax);
    functions.findings
}

fn lines(source: &Source, text: &str) -> Vec<Finding> {
    let too_long = |(at, line): (usize, &str)| {
        let length = line.chars().count();
        let message = format!(
            "a line of {length} characters where {LINE} are the most: break the string or comment"
        );
        (length > LINE).then(|| Finding::new("line-length", &source.path, at + 1, message))
    };
    text.lines().enumerate().filter_map(too_long).collect()
}

fn file(source: &Source, text: &str) -> Option<Finding> {
    let length = text.lines().count().saturating_sub(source.test_lines);
    let message = format!(
        "{length} lines of production code where {FILE} are the most: give one of its jobs a file \
         of its own"
    );
    (length > FILE && !source.is_test())
        .then(|| Finding::new("file-length", &source.path, 1, message))
}

struct Functions<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Functions<'_> {
    fn function(&mut self, signature: &Signature, body: Option<&Block>) {
        let name = signature.ident.to_string();
        let from = signature.fn_token.span.start().line;
        let to = body.map_or(from, |body| body.brace_token.span.close().end().line);
        let length = to + 1 - from;
        if length > FUNCTION {
            let message = format!(
                "{name} has {length} lines where {FUNCTION} are the most: name its parts as \
                 functions"
            );
            self.push("function-length", from, message, &name);
        }
        let parameters =
            signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).count();
        if parameters > PARAMETERS {
            let message = format!(
                "{name} has {parameters} parameters where {PARAMETERS} are the most: group what \
                 belongs together into a struct"
            );
            self.push("parameters", from, message, &name);
        }
    }

    fn push(&mut self, rule: &'static str, line: usize, message: String, name: &str) {
        self.findings.push(Finding::new(rule, self.path, line, message).about(name));
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.function(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use super::*;
    use anyhow::Result;

    const PATH: &str = "crates/gate/src/a.rs";

    fn function_of(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2))
    }

    #[test]
    fn a_long_function_is_found() -> Result<()> {
        assert!(rules(&[(PATH, &function_of(FUNCTION))])?.is_empty());
        assert_eq!(rules(&[(PATH, &function_of(FUNCTION + 1))])?, ["function-length"]);
        let method = format!("impl X {{ {} }}", function_of(FUNCTION + 1));
        assert_eq!(rules(&[(PATH, &method)])?, ["function-length"]);
        let provided = format!("trait X {{ {} }}", function_of(FUNCTION + 1));
        assert_eq!(rules(&[(PATH, &provided)])?, ["function-length"]);
        let inner = format!("fn b() {{ {} }}", function_of(FUNCTION + 1));
        assert_eq!(rules(&[(PATH, &inner)])?, ["function-length", "function-length"]);
        Ok(())
    }

    #[test]
    fn too_many_parameters_are_found() -> Result<()> {
        let six = "a: M<A, B>, b: B, c: C, d: fn(A, B) -> C, e: E, f: F";
        let of = |list: &str| format!("impl X {{ fn a(&self, {list}) {{}} }}");
        assert!(rules(&[(PATH, &of(six))])?.is_empty());
        assert_eq!(rules(&[(PATH, &of(&format!("{six}, g: G")))])?, ["parameters"]);
        Ok(())
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() -> Result<()> {
        let code = "const A: u8 = 1;\n".repeat(FILE);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "use a;\n".repeat(FILE));
        assert!(rules(&[(PATH, &format!("{code}{tests}"))])?.is_empty());
        assert_eq!(rules(&[(PATH, &format!("use a;\n{code}{tests}"))])?, ["file-length"]);
        let file = "crates/gate/tests/it/main.rs";
        assert!(rules(&[(file, &format!("use a;\n{code}"))])?.is_empty());
        Ok(())
    }

    #[test]
    fn a_long_line_is_found_by_characters() -> Result<()> {
        let line = |n: usize| format!("//{}\n", "ä".repeat(n - 2));
        assert!(rules(&[(PATH, &line(LINE))])?.is_empty());
        assert_eq!(rules(&[(PATH, &line(LINE + 1))])?, ["line-length"]);
        Ok(())
    }
}
