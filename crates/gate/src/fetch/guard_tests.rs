use proptest::prelude::*;
use url::Url;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn guard(allow: &[&str], own: &[&str]) -> Guard {
    Guard::new(Outbound {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        own: own.iter().map(|own| own.parse().unwrap()).collect(),
        own_names: vec![("id.example".to_owned(), 443)],
        ..Outbound::default()
    })
}

fn strangers(url: &str) -> DocumentUrl {
    DocumentUrl::parse(url).unwrap()
}

fn owners(url: &str) -> DocumentUrl {
    DocumentUrl::of_owner(&Url::parse(url).unwrap()).unwrap()
}

fn admits(guard: &Guard, url: &DocumentUrl, addresses: &[&str]) -> bool {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| address(text)).collect();
    guard.check(url, &addresses).is_ok()
}

/// The first and the last address of each network that nobody is sent to, and those before and
/// after it that are public.
#[test]
fn t74_n11_n18_every_special_network_is_refused_to_its_edges() {
    for (first, last, before, after) in [
        ("0.0.0.0", "0.255.255.255", "", "1.0.0.0"),
        ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
        ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
        ("168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"),
        ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
        ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
        ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
        ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
        ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
        ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
        ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
        ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
        ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
        ("224.0.0.0", "255.255.255.255", "223.255.255.255", ""),
        ("::", "1fff:ffff::", "", "2000::1"),
        ("2001::", "2001:1ff:ffff::", "2000:ffff::1", "2001:200::1"),
        ("2001:db8::", "2001:db8:ffff::", "2001:db7:ffff::1", "2001:db9::1"),
        ("2002::", "2002:ffff:ffff::", "2001:ffff::1", "2003::1"),
        ("3fff::", "3fff:fff:ffff::", "3ffd::1", "3fff:1000::1"),
        ("4000::", "ffff:ffff::", "3fff:ffff::1", ""),
    ] {
        assert!(!is_public(address(first)) && !is_public(address(last)), "{first}-{last}");
        for outside in [before, after].into_iter().filter(|text| !text.is_empty()) {
            assert!(is_public(address(outside)), "{outside}");
        }
    }
}

#[test]
fn t74_n19_n30_spellings_of_ipv4_in_ipv6_are_refused() {
    for text in [
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "100::1",
        "5f00::1",
    ] {
        assert!(!is_public(address(text)), "{text}");
        assert!(!admits(&guard(&[], &[]), &strangers("https://a.example/"), &[text]), "{text}");
    }
    for text in ["2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"] {
        assert!(is_public(address(text)), "{text}");
    }
}

#[test]
fn n31_n32_n33_one_bad_answer_refuses_all() {
    let (guard, url) = (guard(&[], &[]), strangers("https://a.example/"));
    assert!(admits(&guard, &url, &["93.184.216.34", "2606:4700::1111"]));
    assert!(!admits(&guard, &url, &["10.0.0.1"]));
    assert!(!admits(&guard, &url, &["93.184.216.34", "10.0.0.1"]));
    assert!(!admits(&guard, &url, &["93.184.216.34", "::1"]));
    assert!(!admits(&guard, &url, &["::ffff:10.0.0.1", "93.184.216.34"]));
}

#[test]
fn private_networks_are_reached_where_the_owner_allows_them() {
    let guard = guard(&["10.0.0.0/8", "fd00::/8"], &[]);
    let url = strangers("https://a.example/");
    assert!(admits(&guard, &url, &["10.1.2.3", "fd00::7", "93.184.216.34"]));
    assert!(!admits(&guard, &url, &["10.1.2.3", "192.168.0.1"]));
    assert!(!admits(&guard, &url, &["::ffff:10.1.2.3"]), "another spelling is another address");
    assert!(admits(&guard, &strangers("https://10.1.2.3/"), &["10.1.2.3"]));
    assert!(!admits(&guard, &strangers("https://93.184.216.34/"), &["93.184.216.34"]));
}

#[test]
fn t78_loopback_is_for_what_the_owner_named_so() {
    let guard = guard(&[], &[]);
    for url in ["http://127.0.0.1:9000/token", "http://localhost:9000/", "http://[::1]:9000/"] {
        assert!(admits(&guard, &owners(url), &["127.0.0.1"]), "{url}");
        assert!(admits(&guard, &owners(url), &["::1"]), "{url}");
        assert!(!admits(&guard, &owners(url), &["10.0.0.1"]), "{url}");
        assert!(!admits(&guard, &owners(url), &["127.0.0.1", "93.184.216.34"]), "{url}");
    }
    // A name that leads there, and a private address, are not what the owner wrote.
    assert!(!admits(&guard, &owners("https://idp.example/token"), &["127.0.0.1"]));
    assert!(!admits(&guard, &owners("https://idp.example/token"), &["10.0.0.1"]));
    assert!(!admits(&guard, &owners("https://10.0.0.1/token"), &["10.0.0.1"]));
    assert!(!admits(&guard, &strangers("https://localhost/"), &["127.0.0.1"]));
    assert!(DocumentUrl::of_owner(&Url::parse("http://idp.example/").unwrap()).is_err());
    assert!(DocumentUrl::of_owner(&Url::parse("http://10.0.0.1/").unwrap()).is_err());
}

#[test]
fn n56_n57_our_own_listeners_and_stores_are_refused() {
    let own = ["127.0.0.1:8080", "0.0.0.0:9090", "10.0.0.5:5432", "93.184.216.34:443"];
    let named = guard(&["198.51.100.7/32", "93.184.216.34/32"], &own);
    let guard = guard(&["10.0.0.0/8"], &own);
    assert!(!admits(&guard, &owners("http://127.0.0.1:8080/"), &["127.0.0.1"]));
    assert!(!admits(&guard, &owners("http://localhost:9090/"), &["127.0.0.1"]));
    assert!(admits(&guard, &owners("http://localhost:9000/"), &["127.0.0.1"]));
    assert!(!admits(&guard, &owners("https://db.example:5432/"), &["10.0.0.5"]));
    assert!(admits(&guard, &owners("https://db.example:5433/"), &["10.0.0.5"]));
    assert!(!admits(&guard, &strangers("https://a.example/"), &["93.184.216.34"]));
    let local = |text: &str| text.parse::<SocketAddr>().unwrap();
    let url = strangers("https://a.example/");
    let made = |guard: &Guard, from: &str| {
        guard.check_made(&url, local(from), local("198.51.100.7:9090")).is_ok()
    };
    let wild = |guard: &Guard| made(guard, "198.51.100.7:50000");
    assert!(!wild(&guard), "an address of this machine that nobody configured");
    assert!(made(&guard, "198.51.100.8:5000"));
    assert!(wild(&named) && admits(&named, &strangers("https://a.example/"), &["93.184.216.34"]));
}

/// A tool that is developed here answers at a name of its own: ours stays refused.
#[test]
fn n56_a_tool_of_our_own_is_reached_by_its_own_name_alone() {
    let guard = guard(&[], &["127.0.0.1:8080", "0.0.0.0:9090"]);
    for url in ["http://todo.localhost:8080/", "http://todo.localhost:9090/"] {
        assert!(admits(&guard, &owners(url).of_tool(), &["127.0.0.1"]), "{url}");
        assert!(!admits(&guard, &owners(url), &["127.0.0.1"]), "{url}");
        assert!(!admits(&guard, &owners(url).of_tool(), &["10.0.0.5"]), "{url}");
    }
    for url in ["http://localhost:8080/", "http://127.0.0.1:9090/"] {
        assert!(!admits(&guard, &owners(url).of_tool(), &["127.0.0.1"]), "{url}");
    }
    let stranger = strangers("https://todo.localhost/").of_tool();
    assert!(!admits(&guard, &stranger, &["127.0.0.1"]));
}

#[test]
fn n58_our_own_public_name_is_refused() {
    let guard = guard(&[], &[]);
    assert!(guard.check_name(&strangers("https://id.example/x")).is_err());
    assert!(guard.check_name(&strangers("https://ID.example/x")).is_err());
    assert!(guard.check_name(&owners("https://id.example/x")).is_err());
    assert!(guard.check_name(&owners("https://id.example:8443/x")).is_ok());
    assert!(guard.check_name(&strangers("https://other.id.example/x")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What the standard library calls special is refused, in every spelling that embeds it.
    #[test]
    fn t74_whatever_is_special_is_refused(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local()
            || v4.is_unspecified() || v4.is_broadcast() || v4.is_documentation()
            || v4.is_multicast();
        prop_assert!(!(special && is_public(IpAddr::V4(v4))), "{}", v4);
        let [a, b, c, d] = v4.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for v6 in [
            v4.to_ipv6_mapped(),
            v4.to_ipv6_compatible(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        ] {
            prop_assert!(!is_public(IpAddr::V6(v6)), "{}", v6);
        }
    }

    #[test]
    fn t74_whatever_is_special_in_ipv6_is_refused(bits in any::<u128>(), top in any::<u16>()) {
        let low = bits & (u128::MAX >> 16);
        for v6 in [Ipv6Addr::from(bits), Ipv6Addr::from(u128::from(top) << 112 | low)] {
            let special = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast()
                || v6.is_unique_local() || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some() || v6.segments()[0] & 0xe000 != 0x2000;
            prop_assert!(!(special && is_public(IpAddr::V6(v6))), "{}", v6);
        }
    }

    /// Adding an address to an answer never turns a refusal into a yes.
    #[test]
    fn n32_more_answers_admit_no_more(first in any::<[u32; 3]>(), more in any::<u128>()) {
        let (guard, url) = (guard(&[], &[]), strangers("https://a.example/"));
        let mut addresses: Vec<IpAddr> =
            first.iter().map(|bits| IpAddr::V4(Ipv4Addr::from(*bits))).collect();
        let before = guard.check(&url, &addresses).is_ok();
        prop_assert_eq!(before, addresses.iter().all(|address| is_public(*address)));
        addresses.push(IpAddr::V6(Ipv6Addr::from(more)));
        prop_assert!(before || guard.check(&url, &addresses).is_err());
    }
}
