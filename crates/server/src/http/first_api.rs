//! The first API, kept: clients of the platform that Reelpack succeeds work unchanged.

use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::extract::{Body, Path};
use super::fields::Fields;
use super::html;
use super::packages::{encrypt, given_key, given_kid};
use super::upload;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::packages::{Package, Status};
use crate::keys::Role;
use crate::links::escape;
use crate::order::{Order, SEGMENT_DURATION_MS};
use crate::uploads::examine::Demand;
use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use packager::{EncryptScope, Scheme, parse_key_id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroize;

/// What `POST /packaged_content` wants.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct PackagedContentRequest {
    /// A number, or a text that holds one.
    #[schema(example = 1)]
    input_content_id: i64,
    #[schema(example = "hyN9IKGfWKdAwFaE5pm0qg")]
    key: String,
    #[schema(example = "oW5AK5BW43HzbTSKpiu3SQ")]
    kid: String,
    /// `video` (unless given): the picture only; `all`: the sound too.
    encrypt: Option<String>,
}

/// A packaging that is ready.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PackagedContent {
    packaged_content_id: [i64; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<[String; 1]>,
}

/// Where a package is and what opens it. It is wiped from memory when dropped, and not printed.
#[derive(Serialize, ToSchema)]
pub(super) struct UrlAndKeys {
    url: Vec<String>,
    /// As it was given.
    key: Vec<String>,
    /// As it was given.
    kid: Vec<String>,
}

impl Drop for UrlAndKeys {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// How far a packaging is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PackagedContentStatus {
    packaged_content_id: i64,
    /// `Ingested`, `Fragmented`, `Encrypted`, `Ready` or `Failed`.
    status: &'static str,
    /// `null` until it is ready.
    url: Option<String>,
}

/// A form to upload a video with.
#[utoipa::path(get, path = "/upload_input_content", tag = "first API",
    responses((status = 200, content_type = "text/html", body = String)))]
pub(super) async fn form() -> Response {
    let body = "<form action=\"/success\" method=\"post\" enctype=\"multipart/form-data\">\n\
        <p><label>Video (MP4 or MOV): <input type=\"file\" name=\"file\" required \
        accept=\"video/mp4,video/quicktime,.mp4,.m4v,.mov\"></label></p>\n\
        <p><button type=\"submit\">Upload</button></p>\n</form>\n\
        <p><a href=\"/\">Back to the start</a></p>";
    html::page(StatusCode::OK, "Upload a video", body)
}

/// Takes a video in; the answer is a page with its `input_content_id`.
#[utoipa::path(post, path = "/success", tag = "first API",
    request_body(content = super::assets::UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, content_type = "text/html", body = String), (status = 400, content_type = "text/html", body = String),
    (status = 422, content_type = "text/html", body = String), (status = 413, content_type = "text/html", body = String),
    (status = 408, content_type = "text/html", body = String), (status = 500, content_type = "text/html", body = String),
    (status = 503, content_type = "text/html", body = String), (status = 507, content_type = "text/html", body = String)))]
pub(super) async fn success(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Response {
    let received = match form {
        Ok(form) => upload::receive(&shared, &tenant, form, Demand::Video).await,
        Err(error) => Err(Problem::field("file", format_args!("is missing: {error}"))),
    };
    let written = match received {
        Ok(asset) => {
            let earlier = shared
                .db
                .earlier_of_name(&tenant, &asset.name, asset.input_content_id);
            earlier.await.map(|earlier| {
                let body = success_body(&asset.name, asset.input_content_id, &earlier);
                html::page(StatusCode::OK, "The video is stored", &body)
            })
        }
        Err(problem) => return refusal(&problem),
    };
    written.unwrap_or_else(|error| refusal(&error.into()))
}

fn success_body(name: &str, number: i64, earlier: &[i64]) -> String {
    let name = escape(name);
    let mut body = format!("<p>{name}</p>\n<p>input_content_id: {number}</p>\n");
    if !earlier.is_empty() {
        let list: Vec<String> = earlier.iter().map(i64::to_string).collect();
        body.push_str(&format!(
            "<p>Earlier videos of this name: {}</p>\n",
            list.join(", ")
        ));
    }
    body.push_str("<p><a href=\"/upload_input_content\">Upload another one</a> · <a href=\"/\">Back to the start</a></p>");
    body
}

fn refusal(problem: &Problem) -> Response {
    let body = format!(
        "<p>{}</p>\n<p><a href=\"/upload_input_content\">Choose another file</a></p>",
        escape(problem.detail())
    );
    html::page(problem.status(), "The video was not stored", &body)
}

/// Packages a video with a given key and waits until it is ready, unless `Prefer: respond-async`.
#[utoipa::path(post, path = "/packaged_content", tag = "first API",
    params(("Prefer" = Option<String>, Header, description = "`respond-async`: the answer does not wait for the package")),
    request_body = PackagedContentRequest,
    responses((status = 200, body = PackagedContent), (status = 202, body = PackagedContent),
    (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
pub(super) async fn package(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, false)?;
    let number = fields.needed_number("input_content_id")?;
    fields.needed_text("key")?;
    fields.needed_text("kid")?;
    let order = Order {
        scheme: Some(Scheme::Cbcs),
        encrypt: encrypt(&fields)?.unwrap_or(EncryptScope::Video),
        kid: given_kid(&fields)?,
        key: given_key(&fields)?,
        segment_duration_ms: SEGMENT_DURATION_MS,
        priority: 0,
        unique_key: None,
        replaces: None,
        ladder: shared.ladder.clone(),
        loudness_lufs: None,
        extras: Vec::new(),
    };
    let unknown = || Problem::not_found(format_args!("input_content_id {number}"));
    let asset = shared.db.asset_by_number(&tenant, number).await?;
    let asset = asset.ok_or_else(unknown)?;
    if asset.probe.video_track().is_none() {
        let text = "the asset has no video track; package it through /api/v1";
        return Err(Problem::unusable_media(text));
    }
    let ordered = shared.order(asset.named(), order).await?;
    let packaged = ordered.ok_or_else(unknown)?;
    if prefers_async(&headers) {
        let location = format!("{}/packaged_content/{packaged}", base.0);
        let headers = [
            (header::LOCATION.as_str(), location.as_str()),
            ("preference-applied", "respond-async"),
        ];
        let body = Json(PackagedContent {
            packaged_content_id: [packaged],
            url: None,
        });
        return Ok((StatusCode::ACCEPTED, headers, body).into_response());
    }
    let url = wait(&shared, &tenant, packaged).await?;
    let body = PackagedContent {
        packaged_content_id: [packaged],
        url: Some([format!("{}{url}", base.0)]),
    };
    Ok(Json(body).into_response())
}

/// Waits until a packaging has ended; returns the path of its MPD.
async fn wait(shared: &Shared, tenant: &Tenant, packaged: i64) -> Result<String> {
    let mut ended = shared.ended();
    let mut stopping = shared.stopping();
    loop {
        let package = find(shared, tenant, packaged).await?;
        match (package.status, package.url) {
            (Status::Ready, Some(url)) => return Ok(url),
            (Status::Failed, _) => {
                let reason = package.error.unwrap_or_default();
                return Err(Problem::packaging_failed(reason));
            }
            _ => {}
        }
        tokio::select! {
            () = shared.may_have_ended(&mut ended) => {}
            stop = stopping.wait_for(|stop| *stop) => {
                drop(stop);
                return Err(Problem::stopping());
            }
        }
    }
}

/// Whether a client would rather ask again than wait (RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|name| name.trim().eq_ignore_ascii_case("respond-async"))
}

/// The URL and the keys of a package that is ready; else its status, as text.
#[utoipa::path(get, path = "/packaged_content_id/{number}", tag = "first API",
    params(("number" = i64, Path)),
    responses((status = 200, content((UrlAndKeys = "application/json"), (String = "text/plain"))), (status = 404, body = ProblemBody)))]
pub(super) async fn url_and_keys(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(number): Path<String>,
) -> Result<Response> {
    let package = find_text(&shared, &tenant, &number).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    let Some(url) = ready_url(&package, &base) else {
        let mut text = package.status.as_str().to_owned();
        if let Some(reason) = &package.error {
            text.push_str(": ");
            text.push_str(reason);
        }
        return Ok((headers, text).into_response());
    };
    let key = given_text(&shared, &package)?;
    let body = Json(UrlAndKeys {
        url: vec![url],
        key: key.into_iter().collect(),
        kid: package.given_kid.into_iter().collect(),
    });
    Ok((headers, body).into_response())
}

/// The status of a packaging.
#[utoipa::path(get, path = "/packaged_content/{number}", tag = "first API",
    params(("number" = i64, Path)),
    responses((status = 200, body = PackagedContentStatus), (status = 404, body = ProblemBody)))]
pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(number): Path<String>,
) -> Result<Json<PackagedContentStatus>> {
    let package = find_text(&shared, &tenant, &number).await?;
    Ok(Json(PackagedContentStatus {
        packaged_content_id: number.parse().unwrap_or(package.packaged_content_id),
        status: package.status.as_str(),
        url: ready_url(&package, &base),
    }))
}

fn ready_url(package: &Package, base: &BaseUrl) -> Option<String> {
    let url = package.url.as_ref()?;
    (package.status == Status::Ready).then(|| format!("{}{url}", base.0))
}

/// The key in the text in which the client gave it.
fn given_text(shared: &Shared, package: &Package) -> Result<Option<String>> {
    let (Some(kid), Some(wrapped)) = (&package.kid, &package.given_key) else {
        return Ok(None);
    };
    let kid = parse_key_id(kid).map_err(Problem::internal)?;
    let text = shared
        .keys
        .unwrap(package.place(), &kid, Role::GivenText, wrapped)?;
    let text = std::str::from_utf8(&text).map_err(Problem::internal)?;
    Ok(Some(text.to_owned()))
}

async fn find_text(shared: &Shared, tenant: &Tenant, number: &str) -> Result<Package> {
    match number.parse() {
        Ok(number) => find(shared, tenant, number).await,
        Err(_) => Err(unknown(number)),
    }
}

/// The package of a number; that which replaced it, if one did.
async fn find(shared: &Shared, tenant: &Tenant, number: i64) -> Result<Package> {
    let newest = shared.db.newest(number).await?;
    let newest = newest.map_or(number, |(newest, _)| newest);
    let package = shared.db.package_by_number(tenant, newest).await?;
    package.ok_or_else(|| unknown(number))
}

fn unknown(number: impl std::fmt::Display) -> Problem {
    Problem::not_found(format_args!("packaged_content_id {number}"))
}
