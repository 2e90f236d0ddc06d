//! What was changed is so when it was said, whatever else runs: here nothing does.

use tollgate_edge::NetworkLimits;
use tollgate_kernel::{Kind, Role};
use tollgate_store::AccountState;

use super::House;
use super::house::OWNER;
use super::keys::wish;
use crate::create_key::create_key;
use crate::end_session::end_session;
use crate::revoke_key::revoke_key;
use crate::update_user::{UserChange, update_user};

#[tokio::test]
async fn k13_what_ends_is_refused_from_the_answer_on() {
    let (house, _) = House::still(NetworkLimits::LAX).await.with_owner().await;
    let gate = &house.gate;
    let owner = house.signed_in(OWNER).await;
    for end in ["key revoked", "session ended", "person disabled"] {
        let email = format!("{}@example.com", end.replace(' ', "."));
        let id = house.user(&email, Role::Member).await;
        let cookie = house.session(&email).await;
        let ada = house.try_session(&cookie).await.unwrap();
        let (key, secret) = create_key(gate, &ada, wish(None)).await.unwrap();
        // Both are remembered from here on.
        assert!(house.try_key(&secret).await.is_ok(), "{end}");
        match end {
            "key revoked" => revoke_key(gate, &ada, key.id).await.unwrap(),
            "session ended" => {
                let session = ada.credential().session().unwrap();
                end_session(gate, &ada, session).await.unwrap();
            }
            _ => {
                let state = Some(AccountState::Disabled);
                let change = UserChange { state, ..UserChange::default() };
                drop(update_user(gate, &owner, id, change).await.unwrap());
            }
        }
        let refused = |asked: Result<_, tollgate_kernel::Error>| match asked {
            Ok(_) => false,
            Err(error) => error.kind() == Kind::Unauthenticated,
        };
        let by_key = refused(house.try_key(&secret).await);
        let by_session = refused(house.try_session(&cookie).await);
        let expected = match end {
            "key revoked" => (true, false),
            "session ended" => (false, true),
            _ => (true, true),
        };
        assert_eq!((by_key, by_session), expected, "{end}");
    }
}
