//! `/videos/`: the library, to browse without JavaScript.

use super::error::Result;
use super::extract::Query;
use super::html;
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::assets::{Asset, AssetFilter};
use crate::db::packages::{Package, Status};
use crate::links::escape;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// The videos and their packages, newest first.
#[utoipa::path(get, path = "/videos/", tag = "first API", params(
    ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, content_type = "text/html", body = String)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let page = paging.page()?;
    let mut assets = shared
        .db
        .assets(&tenant, &AssetFilter::default(), page)
        .await?;
    let next = paging::cut(&mut assets, page, |asset| asset.input_content_id);
    let numbers = assets.iter().map(|asset| asset.input_content_id);
    let mut packages: HashMap<i64, Vec<Package>> = HashMap::new();
    for package in shared.db.packages_of(&tenant, numbers).await? {
        let of_asset = packages.entry(package.input_content_id).or_default();
        of_asset.push(package);
    }
    let mut body = String::new();
    if assets.is_empty() {
        body.push_str(
            "<p>There is no video yet. <a href=\"/upload_input_content\">Upload one</a>.</p>",
        );
    }
    for asset in &assets {
        let of_asset = packages.remove(&asset.input_content_id);
        write_asset(&mut body, asset, &of_asset.unwrap_or_default());
    }
    if let Some(cursor) = next {
        body.push_str(&format!(
            "<p><a href=\"/videos/?cursor={cursor}\">Older videos</a></p>"
        ));
    }
    Ok(html::page(StatusCode::OK, "Videos", &body))
}

fn write_asset(body: &mut String, asset: &Asset, packages: &[Package]) {
    // Writing to a `String` cannot fail.
    let _ = write!(
        body,
        "<h2>{}</h2>\n<p>input_content_id: {} · {:.1} s · {} bytes · {}</p>\n<ul>\n",
        escape(&asset.name),
        asset.input_content_id,
        asset.duration_seconds,
        asset.size,
        rfc3339(asset.created_at_ms)
    );
    for package in packages {
        write_package(body, package);
    }
    body.push_str("</ul>\n");
}

fn write_package(body: &mut String, package: &Package) {
    let number = package.packaged_content_id;
    let status = package.status.as_str();
    let _ = match (&package.url, package.status) {
        (Some(url), Status::Ready) => {
            let url = escape(url);
            let hls = url.replace("stream.mpd", "master.m3u8");
            writeln!(
                body,
                "<li>packaged_content_id: {number} · {} · <a href=\"{url}\">{url}</a> · \
                 <a href=\"{hls}\">HLS</a></li>",
                package.scheme
            )
        }
        _ => writeln!(
            body,
            "<li>packaged_content_id: {number} · {status} {}</li>",
            escape(package.error.as_deref().unwrap_or_default())
        ),
    };
}
