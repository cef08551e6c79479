//! Which address is answered by what, and the document that describes it.

use super::error::Problem;
use super::uploads::resource;
use super::webhooks::deliveries;
use super::{
    assets, contract, cors, events, first_api, guard, health, idempotency, jobs, library, license,
    media, observe, packages, page, playback, queue, replace, request_id, session, slow, tenants,
    tokens, uploads, webhooks,
};
use crate::app::Shared;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::get;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

const DOCUMENT: &str = "/api/v1/openapi.json";
const DOCS: &str = "/api/v1/docs";

/// The words above the reference, with the very files that the tests run (`examples/`).
const INTRODUCTION: &str = concat!(
    "Upload a video, package it encrypted as DASH and HLS, play it. Errors are application/problem+json (RFC 9457) with \
     stable codes; times are RFC 3339, UTC.\n\n# The main way\n\n## curl\n\n```bash\n",
    include_str!("../../examples/way.sh"),
    "```\n\n## JavaScript\n\n```javascript\n",
    include_str!("../../examples/way.mjs"),
    "```\n\n## Python\n\n```python\n",
    include_str!("../../examples/way.py"),
    "```\n"
);

#[derive(OpenApi)]
#[openapi(
    paths(media::get),
    info(
        title = "Reelpack",
        description = INTRODUCTION,
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "assets", description = "What was delivered"),
        (name = "uploads", description = "Uploads that go on after an interruption (tus 1.0), and pulls"),
        (name = "packages", description = "Packagings and what came of them"),
        (name = "events", description = "What happened"),
        (name = "webhooks", description = "Addresses that are told what happened, after Standard Webhooks"),
        (name = "jobs", description = "The work that makes packages"),
        (name = "licences", description = "Content keys for players of any origin"),
        (name = "media", description = "Manifests and segments for players of any origin"),
        (name = "access", description = "Who may come in: the first administrator, sessions of people, tokens of programs"),
        (name = "first API", description = "The API of the platform that Reelpack succeeds, kept")
    )
)]
struct Document;

/// Everything: page, API, media, licences.
///
/// # Errors
/// When the document cannot be written, which is a fault of this program.
pub(crate) fn main_router(shared: &Arc<Shared>) -> serde_json::Result<Router> {
    let uploads = OpenApiRouter::new()
        .routes(routes!(assets::list, assets::create))
        .routes(routes!(first_api::success))
        .routes(routes!(resource::list, uploads::create, uploads::options))
        .routes(routes!(resource::get, uploads::head, uploads::patch))
        .routes(routes!(
            uploads::delete,
            uploads::overridden,
            uploads::options_of_one
        ))
        // Uploads are streamed and counted; all else keeps the small limit of the framework.
        .layer(DefaultBodyLimit::disable());
    let api = OpenApiRouter::with_openapi(Document::openapi())
        .merge(uploads)
        .routes(routes!(assets::get, assets::change, assets::delete))
        .routes(routes!(packages::create))
        .routes(routes!(packages::list))
        .routes(routes!(packages::get, packages::delete))
        .routes(routes!(replace::create))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get, jobs::delete))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::pause))
        .routes(routes!(jobs::resume))
        .routes(routes!(jobs::retry))
        .routes(routes!(events::list))
        .routes(routes!(queue::get))
        .routes(routes!(queue::pause))
        .routes(routes!(queue::resume))
        .routes(routes!(first_api::form))
        .routes(routes!(first_api::package))
        .routes(routes!(first_api::url_and_keys))
        .routes(routes!(first_api::status))
        .routes(routes!(library::list))
        .merge(admitted())
        .merge(told())
        .routes(routes!(playback::get, playback::put))
        .routes(routes!(playback::sign))
        .layer(from_fn_with_state(shared.clone(), idempotency::watch));
    let (router, mut document) = api.split_for_parts();
    let (licenses, of_licenses) = licenses(shared);
    document.merge(of_licenses);
    let document = contract::complete(&document)?;
    let docs = SwaggerUi::new(DOCS).external_url_unchecked(DOCUMENT, document);
    let page = Router::new()
        .route("/", get(page::index))
        .route("/library", get(page::index))
        .route("/assets/{id}", get(page::index))
        .route("/player", get(page::index))
        .route("/setup", get(page::index))
        .route("/tokens", get(page::index))
        .route("/webhooks", get(page::index))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/_app/{*path}", get(page::asset))
        .route("/videos", get(async || Redirect::permanent("/videos/")))
        .fallback(page::fallback);
    Ok(router
        .merge(licenses)
        .merge(files(shared, "/videos/{code}/dash/{*path}"))
        .merge(page)
        .merge(docs)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(shared.clone(), slow::watch))
        .layer(from_fn_with_state(shared.clone(), guard::watch))
        .layer(cors::no_sniffing())
        .layer(from_fn_with_state(shared.clone(), observe::count))
        .layer(from_fn(request_id::give))
        .with_state(shared.clone()))
}

/// Who may come in.
fn admitted() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(session::set_up))
        .routes(routes!(session::get, session::begin_session, session::end))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::get, tokens::revoke))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::get, tenants::patch, tenants::delete))
}

/// Who is told what happened.
fn told() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(deliveries::test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::resend))
}

/// The media and their licences alone, with the addresses that old links have.
pub(crate) fn media_router(shared: &Arc<Shared>) -> Router {
    licenses(shared)
        .0
        .merge(files(shared, "/videos/{code}/dash/{*path}"))
        .merge(files(shared, "/{code}/dash/{*path}"))
        .route("/videos/", get(library::list))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(async || Problem::not_found("this address on the media port"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(shared.clone(), guard::watch))
        .layer(cors::no_sniffing())
        .layer(from_fn_with_state(shared.clone(), observe::count))
        .layer(from_fn(request_id::give))
        .with_state(shared.clone())
}

fn licenses(shared: &Arc<Shared>) -> (Router<Arc<Shared>>, utoipa::openapi::OpenApi) {
    let (router, document) = OpenApiRouter::new()
        .routes(routes!(license::clearkey))
        .routes(routes!(license::raw_key))
        .routes(routes!(license::raw_key_of_package))
        .split_for_parts();
    (for_players(shared, router), document)
}

fn files(shared: &Arc<Shared>, path: &str) -> Router<Arc<Shared>> {
    for_players(shared, Router::new().route(path, get(media::get)))
}

/// Opens routes to players of other origins. Their preflights are answered because the layer is outside
/// of what refuses methods.
fn for_players(shared: &Arc<Shared>, router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(shared.clone(), cors::open))
}
