//! Looking at accounts, with the groups of each.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Manage, Noun, Slug, UserId};
use tollgate_store::{Owner, Page, PageRequest, Reader, UserFilter, UserRecord};

/// An account with its groups, the one that counts first.
pub(crate) struct Account {
    pub(crate) user: UserRecord,
    pub(crate) groups: Vec<Slug>,
}

/// The accounts, oldest first.
pub(crate) async fn list_users(
    gate: &Gate,
    caller: &Arc<Principal>,
    filter: &UserFilter,
    request: &PageRequest,
) -> Result<Page<Account>, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Users))?;
    let reader = gate.read(&warrant);
    let page = reader.users(filter, request).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for user in page.items {
        items.push(with_groups(reader, user).await?);
    }
    Ok(Page { items, next: page.next })
}

/// One account.
pub(crate) async fn find_user(
    gate: &Gate,
    caller: &Arc<Principal>,
    id: UserId,
) -> Result<Account, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::Users))?;
    let reader = gate.read(&warrant);
    let user = reader.user(Owner::All, id).await?.ok_or_else(Error::not_found)?;
    with_groups(reader, user).await
}

pub(crate) async fn with_groups(reader: &Reader, user: UserRecord) -> Result<Account, Error> {
    let groups = reader.groups_of(user.id).await?.into_iter().map(|group| group.id).collect();
    Ok(Account { user, groups })
}

/// Refuses a plan or a group that does not exist, by the name of its member.
pub(crate) async fn require_known(
    reader: &Reader,
    plan: Option<&Slug>,
    groups: &[Slug],
) -> Result<(), Error> {
    if let Some(plan) = plan
        && reader.plan(plan).await?.is_none()
    {
        let detail = format!("There is no plan {:?}. Make it first.", plan.as_str());
        return Err(Error::invalid(detail).with_param("plan"));
    }
    for (at, group) in groups.iter().enumerate() {
        if reader.group(group).await?.is_none() {
            let detail = format!("There is no group {:?}. Make it first.", group.as_str());
            return Err(Error::invalid(detail).with_param(format!("groups[{at}]")));
        }
    }
    Ok(())
}
