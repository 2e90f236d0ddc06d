//! Where the plugin host sends people back to after a sign-in. It makes up the id of a plugin and
//! tells nobody before the first try.

/// The origins of the plugin host: the old one and the one of today.
const HOSTS: [&str; 2] = ["https://chat.openai.com", "https://chatgpt.com"];

/// The longest id of a plugin, in bytes.
const LONGEST_ID: usize = 128;

/// Both redirect URIs of the plugin called `id`; `None` where nothing is called so.
pub fn plugin_callbacks(id: &str) -> Option<[String; 2]> {
    is_id(id).then(|| HOSTS.map(|host| format!("{host}/aip/{id}/oauth/callback")))
}

/// The plugin whose redirect URI this is, to the byte.
pub fn plugin_of_callback(uri: &str) -> Option<&str> {
    let path = HOSTS.iter().find_map(|host| uri.strip_prefix(host))?;
    let id = path.strip_prefix("/aip/")?.strip_suffix("/oauth/callback")?;
    is_id(id).then_some(id)
}

/// `plugin-` or `g-`, and letters, digits and hyphens.
fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix("plugin-").or_else(|| id.strip_prefix("g-"));
    let plain = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    id.len() <= LONGEST_ID && rest.is_some_and(|rest| !rest.is_empty() && plain(rest))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_two_redirect_uris_and_they_are_its_alone() {
        let id = "plugin-0193b3c0-0000-7000-8000-000000000001";
        let uris = plugin_callbacks(id).unwrap();
        assert_eq!(uris[0], format!("https://chat.openai.com/aip/{id}/oauth/callback"));
        assert_eq!(uris[1], format!("https://chatgpt.com/aip/{id}/oauth/callback"));
        assert!(uris.iter().all(|uri| plugin_of_callback(uri) == Some(id)));
        assert_eq!(
            plugin_of_callback("https://chatgpt.com/aip/g-aB1/oauth/callback"),
            Some("g-aB1")
        );
    }

    #[test]
    fn nothing_but_the_plugin_hosts_own_addresses_is_one() {
        for bad in [
            "https://chatgpt.com/aip/plugin-/oauth/callback",
            "https://chatgpt.com/aip/other-1/oauth/callback",
            "https://chatgpt.com/aip/plugin-1/../x/oauth/callback",
            "https://chatgpt.com/aip/plugin-1%2f/oauth/callback",
            "https://chatgpt.com/aip/plugin-1/oauth/callback?x=1",
            "https://chatgpt.com/aip/plugin-1/oauth/callback/",
            "https://chatgpt.com.evil.example/aip/plugin-1/oauth/callback",
            "https://chatgpt.com@evil.example/aip/plugin-1/oauth/callback",
            "http://chatgpt.com/aip/plugin-1/oauth/callback",
            "https://CHATGPT.com/aip/plugin-1/oauth/callback",
            "https://chatgpt.com:444/aip/plugin-1/oauth/callback",
        ] {
            assert_eq!(plugin_of_callback(bad), None, "{bad}");
        }
        assert!(plugin_callbacks(&format!("plugin-{}", "a".repeat(128))).is_none());
    }
}
