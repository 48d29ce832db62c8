//! Which keys are rows written with?

use std::collections::{BTreeSet, HashMap};

use anamnesis_projections::kernel::RowKeys;
use anamnesis_vault::{DataKey, IndexKeys, KeyOwner, Purpose, Vault, VaultError};
use uuid::Uuid;

/// The keys of a batch of rows.
pub(crate) struct Keyring {
    subjects: HashMap<KeyOwner, DataKey>,
    organizations: HashMap<Uuid, (DataKey, IndexKeys)>,
}

impl Keyring {
    /// Looks up the keys of all these owners; one statement for all that aren't in memory.
    pub(crate) async fn of(vault: &Vault, owners: &BTreeSet<KeyOwner>) -> Result<Self, VaultError> {
        let mut organizations = HashMap::new();
        for organization in owners.iter().map(|owner| owner.organization).collect::<BTreeSet<_>>() {
            let audit = vault.key(KeyOwner::organization(organization, Purpose::Audit)).await?;
            organizations.insert(organization, (audit, vault.index(organization).await?));
        }
        Ok(Self { subjects: keys_unless_erased(vault, owners).await?, organizations })
    }

    /// The keys of a row. `None` where its subject was erased and the row is of no use without it.
    pub(crate) fn row_keys(&self, owner: &KeyOwner) -> Option<RowKeys> {
        let (audit, index) = self.organizations.get(&owner.organization)?;
        Some(RowKeys { subject: self.subjects.get(owner).cloned(), audit: audit.clone(), index: index.clone() })
    }
}

/// The owners' keys, without those who were erased.
pub(crate) async fn keys_unless_erased(vault: &Vault, owners: &BTreeSet<KeyOwner>) -> Result<HashMap<KeyOwner, DataKey>, VaultError> {
    let owners: Vec<_> = owners.iter().copied().collect();
    match vault.keys(&owners).await {
        Ok(keys) => Ok(owners.into_iter().zip(keys).collect()),
        Err(VaultError::Erased { .. }) => one_by_one(vault, owners).await,
        Err(error) => Err(error),
    }
}

/// Seldom: somebody among them was erased while this batch was under way.
async fn one_by_one(vault: &Vault, owners: Vec<KeyOwner>) -> Result<HashMap<KeyOwner, DataKey>, VaultError> {
    let mut keys = HashMap::with_capacity(owners.len());
    for owner in owners {
        match vault.key(owner).await {
            Ok(key) => drop(keys.insert(owner, key)),
            Err(VaultError::Erased { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}
