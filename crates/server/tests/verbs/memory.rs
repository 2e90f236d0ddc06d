//! What a sign-in takes of the machine's memory, and gives back.

use crate::visitor::Visitor;
use crate::{Running, SpawnReady, program, until};

/// Less than hashing one password takes (19 MiB), and more than anything else here comes and goes.
const HASHING_KIB: u64 = 14 * 1024;

/// The memory that a server has of the machine (`VmRSS`), in KiB.
fn resident_kib(server: &Running) -> u64 {
    let process = server.program.child.id();
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn the_memory_of_hashing_is_given_back_when_nobody_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = program();
    let server = serve.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
    let server = server.spawn_ready();
    let typed = [("username", "nobody@example.com"), ("password", "a password of nobody's")];
    let before = resident_kib(&server);
    let mut most = 0;
    // It rests every five seconds, maybe between a sign-in and the look at it.
    until("a sign-in takes its memory", || {
        assert_eq!(Visitor::of(server.port).post("/login", "/login", &typed).0, 401);
        most = resident_kib(&server);
        most >= before + HASHING_KIB
    });
    until("it is given back", || resident_kib(&server) + HASHING_KIB <= most);
}
