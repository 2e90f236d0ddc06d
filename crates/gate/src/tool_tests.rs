//! Where tools are.

use tollgate_root::Root;
use tollgate_vault::MasterKey;

use super::*;

fn tools(public_url: &str, records: Vec<ToolRecord>) -> Tools {
    let master = MasterKey::from_text(&"07".repeat(32)).unwrap();
    let (_, opener) = tollgate_vault::unlock(&Root::new(), master).unwrap();
    let places = ToolPlaces::new(&public_url.parse().unwrap());
    Tools::read(records, &places, &opener, &Tools::default())
}

fn record(id: &str, host: Option<&str>, path: Option<&str>) -> ToolRecord {
    let url = "http://127.0.0.1:9000".to_owned();
    let mut record = ToolRecord::new(Slug::parse(id).unwrap(), url, ToolAuth::None);
    (record.host, record.path) = (host.map(str::to_owned), path.map(str::to_owned));
    record
}

#[test]
fn a_tool_is_at_its_host_or_below_its_path() {
    let tools = tools(
        "https://ai.example.com",
        vec![record("todo", Some("todo.example.com"), None), record("notes", None, Some("/n"))],
    );
    let at = |host: &str, path: &str| {
        let found = tools.at_host(host).or_else(|| tools.at_path(path));
        found.map(|tool| tool.id().to_string())
    };
    let todo = Some("todo".to_owned());
    for host in ["todo.example.com", "TODO.example.com:443", "todo.example.com:8443"] {
        assert_eq!(at(host, "/anything"), todo, "{host}");
    }
    for (path, tool) in [
        ("/tools/todo", todo.clone()),
        ("/tools/todo/x", todo),
        ("/n", Some("notes".to_owned())),
        ("/n/x", Some("notes".to_owned())),
        ("/tools/notes/", Some("notes".to_owned())),
        ("/tools/todos", None),
        ("/tools/", None),
        ("/nn", None),
        ("/", None),
        ("/TOOLS/todo", None),
    ] {
        assert_eq!(at("ai.example.com", path), tool, "{path}");
    }
    // Nobody but this machine has these names.
    for host in ["todo.localhost", "xtodo.example.com", "todo.example.com.evil.example"] {
        assert_eq!(at(host, "/"), None, "{host}");
    }
    let notes = tools.get(&Slug::parse("notes").unwrap()).unwrap();
    for (path, below) in [
        ("/n", Some("/")),
        ("/n/", Some("/")),
        ("/n/a/b", Some("/a/b")),
        ("/tools/notes", Some("/")),
        ("/tools/notes/a", Some("/a")),
        ("/nope", None),
        ("/tools/todo/a", None),
    ] {
        assert_eq!(notes.below(path), below, "{path}");
    }
}

#[test]
fn g15_g16_each_tool_has_one_address() {
    let address = |public_url: &str, record: ToolRecord| {
        let id = record.id.clone();
        let tools = tools(public_url, vec![record]);
        let tool = tools.get(&id).unwrap();
        (tool.address().to_owned(), tool.aliases.clone())
    };
    let todo = |host, path| record("todo", host, path);
    let far = "https://ai.example.com";
    let usual = "https://ai.example.com/tools/todo".to_owned();
    assert_eq!(address(far, todo(None, None)), (usual.clone(), vec![]));
    let own = "https://todo.example.com".to_owned();
    assert_eq!(address(far, todo(Some("todo.example.com"), None)), (own, vec![usual.clone()]));
    let below = "https://ai.example.com/t".to_owned();
    assert_eq!(address(far, todo(None, Some("/t"))), (below, vec![usual]));
    let port = "https://ai.example.com:8443";
    let own = address(port, todo(Some("todo.example.com"), None)).0;
    assert_eq!(own, "https://todo.example.com:8443");
    for (near, expected) in [
        ("http://localhost:8080", "http://todo.localhost:8080"),
        ("http://127.0.0.1:8080", "http://todo.localhost:8080"),
        ("http://[::1]:8080", "http://todo.localhost:8080"),
        ("http://localhost", "http://todo.localhost"),
        ("http://app.localhost:8080", "http://todo.localhost:8080"),
    ] {
        let (address, aliases) = address(near, todo(None, None));
        assert_eq!((&*address, aliases), (expected, vec![format!("{near}/tools/todo")]));
    }
}

/// What a tool is called where it is asked for is what it is called where it is written.
#[test]
fn a_tool_answers_at_its_address_on_every_kind_of_origin() {
    for public_url in
        ["http://app.localhost:8080", "http://localhost:80", "http://[::1]", "https://a.example"]
    {
        let mut records = vec![record("todo", None, None), record("other", None, Some("/o"))];
        records.push(record("app", None, None));
        records.push(record("named", Some("named.example"), None));
        let places = ToolPlaces::new(&public_url.parse().unwrap());
        let all = tools(public_url, records.clone());
        for record in &records {
            let tool = all.get(&record.id).unwrap();
            for spelling in [&tool.address].into_iter().chain(&tool.aliases) {
                let url = url::Url::parse(spelling).unwrap();
                let found = all.at_host(url.host_str().unwrap());
                let found = found.or_else(|| all.at_path(url.path())).map(|tool| tool.id());
                assert_eq!(found, Some(&record.id), "{public_url} {spelling}");
            }
            let own = places.host_root(record);
            assert!(own.is_none_or(|own| own != places.origin()), "{public_url}: it is ours");
        }
        assert!(all.at_host(places.host()).is_none(), "{public_url} is ours");
    }
}

#[test]
fn whoever_was_given_a_name_has_it() {
    for ids in [["a", "b"], ["b", "a"]] {
        let [taken, by] = ids;
        let name = format!("{taken}.localhost");
        let all = tools(
            "http://localhost:8080",
            vec![record(taken, None, None), record(by, Some(&name), None)],
        );
        assert_eq!(all.at_host(&name).unwrap().id().as_str(), by);
    }
}

#[test]
fn one_that_cannot_be_used_keeps_no_other_away() {
    let mut broken = record("broken", None, None);
    broken.upstream_url = "ftp://x".to_owned();
    let mut off = record("off", None, None);
    off.state = ToolState::Disabled;
    let tools = tools("https://ai.example.com", vec![broken, off, record("todo", None, None)]);
    let ids: Vec<String> = tools.all().map(|tool| tool.id().to_string()).collect();
    assert_eq!(ids, ["todo"]);
}
