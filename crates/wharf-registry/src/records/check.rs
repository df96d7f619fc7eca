//! `fsck`: whether storage has what the database says, byte for byte if wanted.

use wharf_oci::{Digest, Hasher};

use crate::db::{self, Durability};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::storage::{BlobBody, ObjectKey};

/// Rows that one question looks at.
const PAGE: u64 = 500;
/// How much of an object is read at once.
const PIECE_BYTES: u64 = 8 << 20;

/// What a check is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckWish {
    /// Read and hash every blob, not only look at its length.
    pub deep: bool,
    /// Let what is lost count as absent, so that pushing it again mends it.
    pub repair: bool,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Blobs that were looked at.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Manifests that were looked at.
    pub manifests: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A blob's object is not in storage.
    Missing {
        /// The blob.
        digest: String,
        /// Where its object should be.
        key: String,
    },
    /// A blob's object has another length.
    WrongSize {
        /// The blob.
        digest: String,
        /// What the database says, in bytes.
        expected: u64,
        /// What storage has.
        actual: u64,
    },
    /// A blob's bytes have another digest.
    Damaged {
        /// The blob.
        digest: String,
        /// What its bytes have.
        actual: String,
    },
    /// A manifest's bytes have another digest.
    DamagedManifest {
        /// The repository.
        repository: String,
        /// The manifest.
        digest: String,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { digest, key } => {
                write!(f, "blob {digest}: object {key} is not in storage")
            }
            Self::WrongSize {
                digest,
                expected,
                actual,
            } => write!(
                f,
                "blob {digest}: its object has {actual} bytes instead of {expected}"
            ),
            Self::Damaged { digest, actual } => {
                write!(f, "blob {digest}: its bytes have the digest {actual}")
            }
            Self::DamagedManifest { repository, digest } => {
                write!(
                    f,
                    "manifest {repository}@{digest}: its bytes have another digest"
                )
            }
        }
    }
}

impl Registry {
    /// Checks every blob and manifest. Others may use the registry meanwhile.
    pub async fn check(
        &self,
        wish: CheckWish,
        mut found: impl FnMut(&Finding) + Send,
    ) -> Result<CheckReport, RegistryError> {
        let mut report = CheckReport::default();
        self.check_manifests(&mut report, &mut found).await?;
        let mut after = String::new();
        loop {
            let last = after.clone();
            let page = self
                .db()
                .read(move |sql| db::records::blobs_after(sql, &last, PAGE))
                .await
                .map_err(RegistryError::Database)?;
            let Some((last, _, _)) = page.last() else {
                return Ok(report);
            };
            after.clone_from(last);
            for (digest, key, size) in page {
                report.blobs += 1;
                report.bytes += size;
                let Some(finding) = self.check_blob(&digest, &key, size, wish.deep).await? else {
                    continue;
                };
                found(&finding);
                report.findings.push(finding);
                if wish.repair {
                    self.mark_lost(digest, key).await?;
                }
            }
        }
    }

    async fn check_manifests(
        &self,
        report: &mut CheckReport,
        found: &mut (impl FnMut(&Finding) + Send),
    ) -> Result<(), RegistryError> {
        let mut after = 0;
        loop {
            let page = self
                .db()
                .read(move |sql| db::records::manifests_after(sql, after, PAGE))
                .await
                .map_err(RegistryError::Database)?;
            let Some((last, ..)) = page.last() else {
                return Ok(());
            };
            after = *last;
            for (_, repository, digest, content) in page {
                report.manifests += 1;
                let is_right = digest
                    .parse::<Digest>()
                    .is_ok_and(|digest| digest.matches(&content));
                if !is_right {
                    let finding = Finding::DamagedManifest { repository, digest };
                    found(&finding);
                    report.findings.push(finding);
                }
            }
        }
    }

    async fn check_blob(
        &self,
        digest: &str,
        key: &str,
        size: u64,
        deep: bool,
    ) -> Result<Option<Finding>, RegistryError> {
        let missing = || Finding::Missing {
            digest: digest.to_owned(),
            key: key.to_owned(),
        };
        let Some(object) = ObjectKey::parse(key) else {
            return Ok(Some(missing()));
        };
        let Some(actual) = self.storage().size(&object).await? else {
            // Collected since the question, if its row is gone too.
            let still = digest.to_owned();
            let key_of_row = self
                .db()
                .read(move |sql| db::blobs::find_key(sql, &still))
                .await
                .map_err(RegistryError::Database)?;
            return Ok((key_of_row.as_deref() == Some(key)).then(missing));
        };
        if actual != size {
            return Ok(Some(Finding::WrongSize {
                digest: digest.to_owned(),
                expected: size,
                actual,
            }));
        }
        if !deep {
            return Ok(None);
        }
        let actual = self.hash_object(&object, size, digest).await?;
        Ok((actual != digest).then(|| Finding::Damaged {
            digest: digest.to_owned(),
            actual,
        }))
    }

    async fn hash_object(
        &self,
        key: &ObjectKey,
        size: u64,
        digest: &str,
    ) -> Result<String, RegistryError> {
        let algorithm = digest
            .parse::<Digest>()
            .map_or(wharf_oci::Algorithm::Sha256, |digest| digest.algorithm());
        let mut hasher = Hasher::new(algorithm);
        let mut start = 0;
        while start < size {
            let end = size.min(start + PIECE_BYTES);
            let piece: BlobBody = self.storage().read(key, start..end).await?;
            hasher.update(&piece.collect().await?);
            start = end;
        }
        Ok(hasher.finish().to_string())
    }

    async fn mark_lost(&self, digest: String, key: String) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                db::records::mark_lost(sql, &digest, &key)
            })
            .await
            .map_err(RegistryError::Database)?;
        Ok(())
    }
}
