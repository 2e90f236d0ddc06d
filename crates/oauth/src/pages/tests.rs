#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

#[test]
fn the_three_languages_say_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
    assert_eq!(tollgate_edge::page::differences(&folder).unwrap(), Vec::<String>::new());
}
