//! `POST /api/v1/packages/{id}/replace`: makes a package anew, in the place of one that is published.

use super::base_url::BaseUrl;
use super::dry_run;
use super::error::{Problem, ProblemBody, Result};
use super::extract::{Body, Path};
use super::packages::{self, Asked, Package, PackageRequest};
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::packages::{Package as Row, Status};
use crate::forecast::Forecast;
use crate::keys::Role;
use crate::order::GivenKey;
use axum::extract::State;
use axum::response::Response;
use packager::parse_key_id;
use std::sync::Arc;

/// Makes a package anew. What is not said is as it was, keys included. When the new package is ready, it takes
/// the place of the old one at once: whoever begins to play the old URLs is sent to the new ones, and who
/// plays already goes on with the old files, which are kept for a while.
#[utoipa::path(post, path = "/api/v1/packages/{id}/replace", tag = "packages",
    params(("id" = String, Path)), request_body = Option<PackageRequest>,
    responses((status = 202, body = Package, headers(("Location" = String))),
    (status = 200, description = "of a dry_run", body = Forecast),
    (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "it is not ready, or was replaced already", body = ProblemBody),
    (status = 422, description = "a field that nobody knows", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response> {
    let unknown = || packages::unknown(&id);
    let old = shared.db.package(&tenant, &id).await?.ok_or_else(unknown)?;
    let Asked { order, dry_run } = order(&shared, &old, &body)?;
    // The same order, sent again, may come when what it ordered is there already.
    if let Some(known) = shared.known(old.asset(), &order).await?
        && !dry_run
    {
        let answer = packages::ordered(&shared, &tenant, &base, known).await?;
        return answer.ok_or_else(unknown);
    }
    if let Some(successor) = &old.replaced_by {
        return Err(Problem::conflict(format!(
            "this package was replaced by {successor}; replace that one"
        )));
    }
    if old.status != Status::Ready {
        let text = "only a package that is ready can be replaced";
        return Err(Problem::conflict(text));
    }
    if dry_run {
        let asset = shared.db.asset(&tenant, &old.asset_id).await?;
        return dry_run::answer(&shared, asset.ok_or_else(unknown)?, &order).await;
    }
    let number = shared.order(old.asset(), order).await?;
    let number = number.ok_or_else(unknown)?;
    let answer = packages::ordered(&shared, &tenant, &base, number).await?;
    answer.ok_or_else(unknown)
}

fn order(shared: &Shared, old: &Row, body: &[u8]) -> Result<Asked> {
    let Asked { mut order, dry_run } = packages::parse_order_over(
        body,
        old.engine_scheme(),
        old.engine_scope(),
        old.segment_duration_ms,
        packages::Usual {
            loudness: old.loudness_lufs,
            extras: old.wanted_extras(),
            ladder: old.ladder.clone(),
        },
    )?;
    order.replaces = Some(old.packaged_content_id);
    let says_nothing = order.kid.is_none() && order.key.is_none();
    if let (true, Some(_), Some(kid), Some(given_kid), Some(wrapped)) = (
        says_nothing,
        order.scheme,
        &old.kid,
        &old.given_kid,
        &old.given_key,
    ) {
        let kid = parse_key_id(kid).map_err(Problem::internal)?;
        let text = shared
            .keys
            .unwrap(old.place(), &kid, Role::GivenText, wrapped)?;
        let text = std::str::from_utf8(&text).map_err(Problem::internal)?;
        order.key = Some(GivenKey::parse(text).map_err(Problem::internal)?);
        order.kid = Some((kid, given_kid.clone()));
    }
    Ok(Asked { order, dry_run })
}
