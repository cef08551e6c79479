//! An order for a package: ids, keys and the IV seed are made here, then the queue has it.

use crate::access::Tenant;
use crate::app::Shared;
use crate::db;
use crate::db::packages::{NewPackage, StoredKeys};
use crate::id;
use crate::keys::{Keys, KeysError, Place, Role};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use packager::{EncryptScope, KeyId, Scheme};
use zeroize::{Zeroize, Zeroizing};

/// Segments aim at four seconds unless a client wants another length.
pub(crate) const SEGMENT_DURATION_MS: i64 = 4_000;

/// What a client wants of a package.
pub(crate) struct Order {
    /// `None` packages in the clear.
    pub(crate) scheme: Option<Scheme>,
    /// Which tracks are encrypted.
    pub(crate) encrypt: EncryptScope,
    /// A KID and the text in which it was given; one is made when there is none.
    pub(crate) kid: Option<(KeyId, String)>,
    /// A content key and the text in which it was given; one is made when there is none.
    pub(crate) key: Option<GivenKey>,
    /// Length that segments aim at.
    pub(crate) segment_duration_ms: i64,
    /// Jobs of a higher one go first; 0 for most.
    pub(crate) priority: i32,
    /// The client's own name for this order, by which it is known when it is sent again.
    pub(crate) unique_key: Option<String>,
    /// The number of a package that it replaces when it is published.
    pub(crate) replaces: Option<i64>,
    /// Which renditions: none, `auto`, or the text of a profile.
    pub(crate) ladder: Option<String>,
    /// How loud sound is made, in LUFS; as it is where nothing is said.
    pub(crate) loudness_lufs: Option<f64>,
    /// What is made for pages, in order.
    pub(crate) extras: Vec<transcode::Extra>,
}

/// Of what asset a package is ordered, and whose that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfAsset<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) id: &'a str,
    pub(crate) number: i64,
}

/// A content key as a client gave it. It is wiped from memory when dropped, and not printed.
pub(crate) struct GivenKey {
    /// The secret.
    pub(crate) value: Zeroizing<[u8; 16]>,
    /// The text that the client wrote.
    pub(crate) text: Zeroizing<String>,
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] std::io::Error),
    /// The content key could not be wrapped.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Another order has the unique key.
    #[error("unique_key belongs to the order of package {0}, which wants something else")]
    KeyTaken(String),
    /// The queue could not be written.
    #[error("the database failed: {0}")]
    Database(#[from] crate::db::Error),
}

impl Shared {
    /// Takes an order for a package of an asset and wakes the workers. The same order with the same unique key is taken
    /// once, however often and from how many clients it comes.
    ///
    /// Returns the package's number; `None` when the asset is gone.
    pub(crate) async fn order(
        &self,
        asset: OfAsset<'_>,
        order: Order,
    ) -> Result<Option<i64>, OrderError> {
        if let Some(known) = self.known(asset, &order).await? {
            return Ok(Some(known));
        }
        let new = self.package_of(asset, &order)?;
        crash_point!("order.made");
        let added = match self.db.add_package(&new).await {
            // The same order came at the same moment, and was first.
            Err(error) if order.unique_key.is_some() && db::is_taken(&error) => {
                self.known(asset, &order).await?
            }
            added => added?,
        };
        crash_point!("order.queued");
        self.wake_workers();
        Ok(added)
    }

    /// The package that has the order's unique key already.
    pub(crate) async fn known(
        &self,
        asset: OfAsset<'_>,
        order: &Order,
    ) -> Result<Option<i64>, OrderError> {
        let Some(unique_key) = &order.unique_key else {
            return Ok(None);
        };
        let Some(found) = self.db.package_of_key(asset.tenant, unique_key).await? else {
            return Ok(None);
        };
        let replaced = match order.replaces {
            Some(number) => {
                let old = self.db.package_by_number(asset.tenant, number).await?;
                old.map(|old| old.id)
            }
            None => None,
        };
        let same = found.input_content_id == asset.number
            && found.replaces == replaced
            && found.engine_scheme() == order.scheme
            && found.engine_scope() == order.encrypt
            && found.segment_duration_ms == order.segment_duration_ms
            && found.ladder == order.ladder
            && found.loudness_lufs == order.loudness_lufs
            && found.wanted_extras() == order.extras
            && order
                .kid
                .as_ref()
                .is_none_or(|(kid, _)| found.kid == Some(kid.hex()));
        match same {
            true => Ok(Some(found.packaged_content_id)),
            false => Err(OrderError::KeyTaken(found.id)),
        }
    }

    /// Makes what a new package needs.
    fn package_of(&self, asset: OfAsset<'_>, order: &Order) -> Result<NewPackage, OrderError> {
        let id = id::tagged("pkg")?;
        let keys = match order.scheme {
            Some(_) => Some(seal(
                &self.keys,
                Place {
                    tenant: asset.tenant,
                    asset: asset.id,
                    package: &id,
                },
                order.kid.as_ref(),
                order.key.as_ref(),
            )?),
            None => None,
        };
        Ok(NewPackage {
            number: None,
            id,
            code: id::code()?,
            tenant: asset.tenant.clone(),
            input_content_id: asset.number,
            scheme: order.scheme,
            encrypt: order.encrypt,
            keys,
            segment_duration_ms: order.segment_duration_ms,
            job_id: id::tagged("job")?,
            iv_seed: id::random()?,
            priority: order.priority,
            unique_key: order.unique_key.clone(),
            ladder: order.ladder.clone(),
            loudness_lufs: order.loudness_lufs,
            extras: order.extras.clone(),
            replaces: order
                .replaces
                .map(|package| (package, self.storage.grace_ms())),
        })
    }
}

/// Wraps the keys of a package; makes what was not given.
pub(crate) fn seal(
    keys: &Keys,
    place: Place<'_>,
    kid: Option<&(KeyId, String)>,
    key: Option<&GivenKey>,
) -> Result<StoredKeys, OrderError> {
    let made = crate::keys::generate()?;
    let made_kid = (made.kid, made.kid.base64url());
    let (kid, given_kid) = kid.unwrap_or(&made_kid);
    let made_key = GivenKey {
        value: Zeroizing::new(made.value),
        text: Zeroizing::new(URL_SAFE_NO_PAD.encode(made.value)),
    };
    let key = key.unwrap_or(&made_key);
    Ok(StoredKeys {
        video_key: keys.wrap(place, kid, Role::Value, key.value.as_slice())?,
        kid: kid.hex(),
        given_key: keys.wrap(place, kid, Role::GivenText, key.text.as_bytes())?,
        given_kid: given_kid.clone(),
    })
}

impl GivenKey {
    /// Reads a key in any of the accepted forms.
    pub(crate) fn parse(text: &str) -> Result<Self, packager::KeyError> {
        let mut value = packager::parse_key_value(text)?;
        let given = Self {
            value: Zeroizing::new(value),
            text: Zeroizing::new(text.to_owned()),
        };
        value.zeroize();
        Ok(given)
    }
}
