//! Whom the files of a store belong to: root's whatever an image says, an ordinary user's either ids of the user's own
//! (`/etc/subuid`), in a user namespace where this process is root, or the user alone, where other owners are remembered.
//!
//! A store is one or the other for good ([`ImageStore::owners_of`]): a file that belongs to a subordinate id can be read, changed and
//! removed only where that id is mapped.

use std::path::Path;

use wharf_images::{Flavour, ImageStore, StoreIds, StoreOwners};
use wharf_runtime::{
    IdMapping, IdRange, NamespaceError, can_enter_user_namespace, enter_mount_namespace,
    enter_user_namespace, own_ids, subordinate_mapping,
};
use wharf_transfer::ErrorKind;

use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

/// Whoever calls, if that is not root of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the account, for `/etc/subuid`; empty if it has none.
    pub name: String,
    /// User id, as this process sees it.
    pub user: u32,
    /// Group id, as this process sees it.
    pub group: u32,
    /// User id outside of the namespace that this process is root of, if it is: the one that `/etc/subuid` may name.
    pub outside: u32,
    /// The ids of the namespace that this process is root of, if there are more than one.
    pub namespace: Option<IdMapping>,
}

/// What a command does with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreUse {
    /// It looks at records, or does not open the store at all.
    Records,
    /// It reads, makes or removes files of images, containers or volumes.
    Files,
}

impl Classified for NamespaceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Forbidden(_) => ErrorKind::Denied,
            _ => ErrorKind::Internal,
        }
    }
}

impl Caller {
    /// This process as it is now.
    pub fn of_process(name: String) -> Self {
        let user = rustix::process::geteuid();
        let ids = own_ids().ok();
        let of_root = ids.as_ref().filter(|_| user.is_root());
        let of_root = of_root.and_then(|ids| ids.users.iter().find(|range| range.inside == 0));
        Self {
            name,
            user: user.as_raw(),
            outside: of_root.map_or(user.as_raw(), |range| range.outside),
            group: rustix::process::getegid().as_raw(),
            namespace: ids.filter(|ids| user.is_root() && ids.set_groups),
        }
    }

    /// Moves this process into a user namespace, in which it is root: with the user's subordinate ids, if the store in `root` is kept
    /// with them, or is to be made and can be; otherwise with the user's own id. To be called before the program starts threads;
    /// nothing leads out again.
    pub fn enter_namespace_of(&self, root: &Path, wanted: StoreUse) -> Result<(), EngineError> {
        if wanted == StoreUse::Records && self.namespace.is_none() {
            return Ok(());
        }
        let owners = ImageStore::owners_of(root).map_err(classify)?;
        match owners {
            Some(StoreOwners {
                flavour: Flavour::Subordinate,
                ids,
            }) => {
                if let Some(namespace) = &self.namespace {
                    return same_ids(root, ids.as_ref(), namespace);
                }
                self.enter(root, ids.as_ref())
            }
            Some(_) => self.enter_with_one_id(),
            None => match self.ids_for_new_store() {
                Some(ids) if ids.with_helpers => enter_user_namespace(&ids).map_err(classify),
                Some(_) => Ok(()),
                None => self.enter_with_one_id(),
            },
        }
    }

    /// With one id nobody else's files have to be touched, but those of a mode that keeps their owner out: root of a namespace may read
    /// and remove them. Where the kernel allows no namespace, such files are an error.
    fn enter_with_one_id(&self) -> Result<(), EngineError> {
        if self.user == 0 {
            return Ok(());
        }
        match enter_user_namespace(&IdMapping::single(self.user, self.group)) {
            Ok(()) | Err(NamespaceError::Forbidden(_)) => Ok(()),
            Err(error) => Err(classify(error)),
        }
    }

    /// Moves this process into namespaces of its own where it may mount what is in the store in `root`. To be called before the program
    /// starts threads.
    pub fn enter_namespace_to_mount(&self, root: &Path) -> Result<(), EngineError> {
        self.enter_namespace_of(root, StoreUse::Files)?;
        let now = Self::of_process(self.name.clone());
        if now.user == 0 {
            return enter_mount_namespace().map_err(classify);
        }
        // It was forbidden: this says why.
        enter_user_namespace(&IdMapping::single(now.user, now.group)).map_err(classify)
    }

    /// The ids that a new store is kept with, if more than one can be had.
    fn ids_for_new_store(&self) -> Option<IdMapping> {
        if self.namespace.is_some() || self.user == 0 {
            return self.namespace.clone();
        }
        let ids = subordinate_mapping(&self.name, self.user, self.group).ok()?;
        // Once a namespace is entered whose ids nobody maps, there is no way back.
        can_enter_user_namespace(&ids).then_some(ids)
    }

    fn enter(&self, root: &Path, ids: Option<&StoreIds>) -> Result<(), EngineError> {
        let mapping = subordinate_mapping(&self.name, self.user, self.group).map_err(|reason| {
            let text = format!(
                "the files in {} belong to subordinate ids, which cannot be had any more: {reason}",
                root.display()
            );
            failure(ErrorKind::Denied, text)
        })?;
        same_ids(root, ids, &mapping)?;
        enter_user_namespace(&mapping).map_err(classify)
    }
}

/// Files of ids that are not mapped are nobody's: better nothing is done than half of it.
fn same_ids(root: &Path, ids: Option<&StoreIds>, mapping: &IdMapping) -> Result<(), EngineError> {
    let now = store_ids(mapping);
    match ids {
        Some(ids) if *ids != now => {
            let text = format!(
                "the files in {} belong to the users {} and groups {}, but now there are the users {} and groups {}: give /etc/subuid and /etc/subgid the ranges back, or use another folder with --root",
                root.display(),
                shown(&ids.users),
                shown(&ids.groups),
                shown(&now.users),
                shown(&now.groups)
            );
            Err(failure(ErrorKind::Denied, text))
        }
        _ => Ok(()),
    }
}

fn store_ids(mapping: &IdMapping) -> StoreIds {
    let lines = |ranges: &[IdRange]| {
        let line = |range: &IdRange| [range.inside, range.outside, range.count];
        ranges.iter().map(line).collect()
    };
    StoreIds {
        users: lines(&mapping.users),
        groups: lines(&mapping.groups),
    }
}

fn shown(ranges: &[[u32; 3]]) -> String {
    let range = |&[_, first, count]: &[u32; 3]| match count {
        1 => first.to_string(),
        _ => format!("{first}-{}", first.saturating_add(count - 1)),
    };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    ranges.join(", ")
}

impl Engine {
    /// Whom the files of a store belong to that is made now.
    pub(crate) fn owners_of_new_store(&self) -> StoreOwners {
        let Some(caller) = &self.settings().caller else {
            return StoreOwners {
                flavour: Flavour::Root,
                ids: None,
            };
        };
        let ids = caller.ids_for_new_store();
        StoreOwners {
            flavour: match ids {
                Some(_) => Flavour::Subordinate,
                None => Flavour::User,
            },
            ids: ids.as_ref().map(store_ids),
        }
    }

    /// Which ids a container has; none of its own for root.
    pub(crate) fn id_mapping(&self) -> Result<Option<IdMapping>, EngineError> {
        let Some(caller) = &self.settings().caller else {
            return Ok(None);
        };
        let single = || IdMapping::single(caller.user, caller.group);
        if self.store()?.flavour() != Flavour::Subordinate {
            return Ok(Some(single()));
        }
        let namespace = caller.namespace.as_ref().ok_or_else(|| {
            let text = "the namespace of the store's ids was not entered";
            failure(ErrorKind::Internal, text)
        })?;
        Ok(Some(namespace.nested()))
    }

    /// Why containers have a single id, for people who want more; `None` if they have more.
    pub(crate) fn why_single_id(&self) -> Result<Option<String>, EngineError> {
        let Some(caller) = &self.settings().caller else {
            return Ok(None);
        };
        let store = self.store()?;
        if store.flavour() == Flavour::Subordinate {
            return Ok(None);
        }
        let reason = match subordinate_mapping(&caller.name, caller.outside, caller.group) {
            Err(reason) => reason.to_string(),
            Ok(_) => format!(
                "the store in {} was made without subordinate ids; one that is made now, with another --root, has them",
                store.root().display()
            ),
        };
        Ok(Some(reason))
    }

    /// Moves this process, which must have one thread, to where it can put a container's files together, seen by nobody else.
    pub(crate) fn enter_namespace_to_mount(&self) -> Result<(), EngineError> {
        match &self.settings().caller {
            Some(caller) => caller.enter_namespace_to_mount(&self.settings().root),
            None => enter_mount_namespace().map_err(classify),
        }
    }
}
