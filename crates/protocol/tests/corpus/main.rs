//! The committed fuzz corpora as ordinary tests: each file, and each of its prefixes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod targets;

use std::path::Path;

use targets::TARGETS;

#[test]
fn every_corpus_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let mut files = 0;
        for entry in std::fs::read_dir(corpora.join(name)).unwrap() {
            let data = std::fs::read(entry.unwrap().path()).unwrap();
            target(&data);
            // A prefix is what a broken connection leaves.
            let step = data.len().div_ceil(64).max(1);
            for end in (0..data.len()).step_by(step) {
                target(&data[..end]);
            }
            files += 1;
        }
        assert!(files >= 3, "{name} has {files} files");
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let file = folder.join("fuzz_targets").join(format!("{name}.rs"));
        let source = std::fs::read_to_string(&file).unwrap();
        assert!(source.contains(&format!("targets::{name}_target(data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} in fuzz/Cargo.toml");
    }
    let count = std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count();
    assert_eq!(count, TARGETS.len());
}
