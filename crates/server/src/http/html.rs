//! Pages that the server writes itself, for clients without JavaScript.

use crate::links::escape;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// What these pages may load: nothing but their own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem}code,pre{background:#8882;padding:.1rem .3rem;border-radius:.2rem}\
    pre{padding:.6rem;overflow:auto}table{border-collapse:collapse}\
    td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}:root{color-scheme:light dark}";

/// A whole page; `title` is text, `body` is HTML.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} · Reelpack</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    );
    let headers: [(HeaderName, HeaderValue); 2] = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}

/// What the API is, in words and examples; also the page's own text when the page was not built.
pub(super) fn overview(base: &str) -> String {
    let base = escape(base);
    format!(
        "<ul>\n\
         <li><strong>Upload</strong> a video: <a href=\"/upload_input_content\">the form</a>, or\
         <pre>curl -F file=@holiday.mp4 {base}/success</pre></li>\n\
         <li><strong>Package</strong> it, encrypted:\
         <pre>curl -X POST {base}/packaged_content -H 'Content-Type: application/json' \\\n  -d \
         '{{\"input_content_id\": 1, \"key\": \"hyN9IKGfWKdAwFaE5pm0qg\", \"kid\": \
         \"oW5AK5BW43HzbTSKpiu3SQ\"}}'</pre></li>\n\
         <li>Ask for its <strong>status</strong>:<pre>curl {base}/packaged_content_id/1</pre></li>\n\
         <li><strong>Browse</strong> what is ready: <a href=\"/videos/\">the library</a>, or\
         <pre>curl {base}/videos/</pre></li>\n\
         <li>All of the API: <a href=\"/api/v1/docs\">its documentation</a></li>\n</ul>"
    )
}
