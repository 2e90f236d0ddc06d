use serde_json::{Value, json};

use super::*;

fn value(text: &str) -> Value {
    serde_json::from_slice(&Node::parse(text.as_bytes()).unwrap().to_json()).unwrap()
}

fn refused(text: &str) -> String {
    Node::parse(text.as_bytes()).unwrap_err().detail().to_owned()
}

#[test]
fn json_and_yaml_are_told_apart_by_reading() {
    let expected = json!({"openapi": "3.0.1", "paths": {"/a": {"get": {"x": [1, true, null]}}}});
    let yaml = "# a comment\nopenapi: 3.0.1\npaths:\n  /a:\n    get: {x: [1, true, ~]}\n";
    for text in [
        &expected.to_string(),
        yaml,
        &format!("\u{feff}{expected}"),
        "---\n{openapi: 3.0.1, paths: {/a: {get: {x: [1, yes, null]}}}}",
    ] {
        let read = value(text);
        assert_eq!(read["openapi"], "3.0.1", "{text}");
        assert!(read["paths"]["/a"]["get"]["x"].is_array(), "{text}");
    }
    assert_eq!(value(yaml), expected);
}

#[test]
fn members_keep_their_order() {
    let text = "{\"b\":1,\"a\":{\"z\":[],\"y\":\"\\ud83d\\ude00\"},\"c\":1.50}";
    let written = Node::parse(text.as_bytes()).unwrap().to_json();
    assert_eq!(
        String::from_utf8(written).unwrap(),
        "{\"b\":1,\"a\":{\"z\":[],\"y\":\"😀\"},\"c\":1.5}"
    );
}

#[test]
fn scalars_are_those_of_the_core_schema() {
    let read = value(
        "200: ok\ninfo: {version: 1.0.2}\nyes: no\nn: -12\nh: 0x1F\nf: 6.5e2\ndot: .5\n\
         t: 2024-01-02\n\
         q: \"12\"\ns: !!str 12\ninf: .inf\nminus: -x\nlong: 123456789012345678901234567890\n\
         text: |\n  two\n  lines\n",
    );
    let expected = json!({
        "200": "ok", "info": {"version": "1.0.2"}, "yes": "no", "n": -12, "h": 31, "f": 650.0,
        "dot": 0.5, "t": "2024-01-02", "q": "12", "s": "12", "inf": ".inf",
        "minus": "-x", "long": read["long"], "text": "two\nlines\n",
    });
    assert_eq!(read, expected);
}

#[test]
fn aliases_unfold_and_what_they_unfold_to_is_bounded() {
    let read = value("a: &x {b: [1, 2]}\nc: *x\nd: *x\n");
    assert_eq!(read["c"], read["a"]);
    assert_eq!(read["d"], json!({"b": [1, 2]}));

    // A billion laughs: nine levels of nine.
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..=9 {
        let all = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs += &format!("a{level}: &a{level} [{all}]\n");
    }
    assert!(refused(&laughs).contains("unfolds"), "{}", refused(&laughs));
    // One long text, many times.
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1_000].join(", "));
    assert!(refused(&long).contains("unfolds"));
    // Levels add up from alias to alias.
    let nested = |n: usize| format!("{}*a{}", "[".repeat(n), "]".repeat(n));
    let chain = |n: usize| {
        let links = (1..n)
            .map(|k| format!("- &a{k} {}\n", nested(9).replace("*a", &format!("*a{}", k - 1))));
        format!("- &a0 [1]\n{}", links.collect::<String>())
    };
    assert!(Node::parse(chain(10).as_bytes()).is_ok());
    for links in [13, 140] {
        assert!(refused(&chain(links)).contains("deeper"), "{}", refused(&chain(links)));
    }
    assert!(refused("a: &a [*a]").contains("stands in"), "{}", refused("a: &a [*a]"));
}

#[test]
fn depth_size_and_doubles_are_refused() {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
    assert!(Node::parse(deep("[", "]", MAX_DEPTH).as_bytes()).is_ok());
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("- ", "")] {
        for levels in [MAX_DEPTH + 1, 5_000] {
            assert!(Node::parse(deep(open, close, levels).as_bytes()).is_err(), "{open}");
        }
    }
    assert!(refused("{\"a\":1,\"a\":2}").contains("two members"));
    assert!(refused("a: 1\na: 2\n").contains("two members"));
    assert!(refused(&" ".repeat(MAX_BYTES + 1)).contains("larger"));
    for bad in
        ["", "a: b: c", "{\"a\":", "--- 1\n--- 2\n", "? [a]\n: 1\n", "a: !!binary aGk=", "a: !x 1"]
    {
        assert!(Node::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Node::parse(b"\xff\xfe").is_err());
}
