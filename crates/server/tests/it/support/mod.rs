//! A running app, a client, and the media to give it.

pub mod child;
pub mod clips;
pub mod engines;
pub mod film;
pub mod receiver;
pub mod s3;
pub mod sql;
pub mod tus;

use engines::Engine;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use server::{AccessControl, App, Config, DatabaseUrl, UploadLimits};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What nothing here may take longer than.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the state of something is asked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An app with its folder and a client.
pub struct TestApp {
    app: Option<App>,
    dir: TempDir,
    pub client: Client,
    pub base: String,
}

impl TestApp {
    /// Starts an app on free ports of loopback, in a new folder.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(dir, |_| ()).await
    }

    /// The same with something different in its configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(dir, change).await
    }

    /// Starts an app on a folder that another one used.
    pub async fn start_in(dir: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(dir.path());
        change(&mut config);
        let app = App::start(config).await.expect("the app starts");
        let base = format!("http://{}", app.addr().expect("an address"));
        Self {
            app: Some(app),
            dir,
            client: Client::new(),
            base,
        }
    }

    /// Starts an app where one has to log in, and makes its administrator.
    pub async fn closed() -> Self {
        let app = Self::start_with(|config| config.access = Some(AccessControl::Closed)).await;
        let answer = app
            .post_json("/api/v1/setup", &app.set_up_request().await)
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        app
    }

    /// What makes the first administrator.
    pub async fn set_up_request(&self) -> Value {
        let app = self.app.as_ref().expect("an app in this process");
        let token = app.set_up_token().await.expect("an answer");
        let token = token.expect("a set-up token");
        json!({"set_up_token": token, "name": ADMIN, "password": PASSWORD})
    }

    /// Logs the administrator in; returns the cookie.
    pub async fn log_in(&self) -> String {
        let body = json!({"name": ADMIN, "password": PASSWORD});
        let answer = self.post_json("/api/v1/session", &body).await;
        assert_eq!(answer.status(), StatusCode::OK);
        cookie(&answer)
    }

    /// Makes a token of these scopes, as the administrator; returns its secret and its id.
    pub async fn token(&self, scopes: &[&str]) -> (String, String) {
        let body = json!({"name": "a test", "scopes": scopes});
        let request = self.client.post(self.url("/api/v1/tokens")).json(&body);
        let request = request.header("cookie", self.log_in().await);
        let made = json_of(
            request.send().await.expect("an answer"),
            StatusCode::CREATED,
        )
        .await;
        (
            text(&made["secret"]).to_owned(),
            text(&made["id"]).to_owned(),
        )
    }

    /// Makes a tenant, as the administrator; returns its id, and a client with a token of it that allows everything.
    pub async fn tenant(&self, name: &str, limits: Value) -> (String, Self) {
        let mut body = json!({"name": name});
        let limits = limits.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(limits);
        let post = async |path: &str, body: &Value| {
            let request = self.client.post(self.url(path)).json(body);
            let request = request.header("cookie", self.log_in().await);
            let answer = request.send().await.expect("an answer");
            json_of(answer, StatusCode::CREATED).await
        };
        let tenant = post("/api/v1/tenants", &body).await;
        let id = text(&tenant["id"]).to_owned();
        let token = json!({"name": name, "scopes": SCOPES, "tenant_id": id});
        let token = post("/api/v1/tokens", &token).await;
        (id, self.program(text(&token["secret"])))
    }

    /// A client of the same server that sends a token with all that it asks.
    pub fn program(&self, token: &str) -> Self {
        let value = format!("Bearer {token}").parse().expect("a header");
        let headers = [(reqwest::header::AUTHORIZATION, value)];
        let client = Client::builder().default_headers(headers.into_iter().collect());
        Self {
            app: None,
            dir: tempfile::tempdir().expect("a temporary folder"),
            client: client.build().expect("a client"),
            base: self.base.clone(),
        }
    }

    /// A client of a server in another process, and the folder that is that server's.
    pub fn of_process(base: &str, dir: TempDir) -> Self {
        Self {
            app: None,
            dir,
            client: Client::new(),
            base: base.to_owned(),
        }
    }

    /// Stops the app, if it is in this process, and hands its folder back.
    pub async fn stop(self) -> TempDir {
        if let Some(app) = self.app {
            app.shutdown().await;
        }
        self.dir
    }

    /// Stops the app with care and starts another one on the same folder.
    pub async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(self.stop().await, change).await
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn media_base(&self) -> String {
        let addr = self.app.as_ref().and_then(App::media_addr);
        let addr = addr.expect("a media port");
        format!("http://{addr}")
    }

    pub fn metrics_addr(&self) -> Option<std::net::SocketAddr> {
        self.app.as_ref().and_then(App::metrics_addr)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(self.url(path));
        request.send().await.expect("an answer")
    }

    pub async fn delete(&self, path: &str) -> Response {
        let request = self.client.delete(self.url(path));
        request.send().await.expect("an answer")
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(self.url(path)).json(body);
        request.send().await.expect("an answer")
    }

    pub async fn patch_json(&self, path: &str, body: &Value) -> Response {
        let request = self.client.patch(self.url(path)).json(body);
        request.send().await.expect("an answer")
    }

    pub async fn post(&self, path: &str) -> Response {
        let request = self.client.post(self.url(path));
        request.send().await.expect("an answer")
    }

    pub async fn get_json(&self, path: &str) -> Value {
        json_of(self.get(path).await, StatusCode::OK).await
    }

    /// Posts bytes as the file of a form.
    pub async fn post_file(&self, path: &str, name: &str, bytes: Vec<u8>) -> Response {
        let part = Part::bytes(bytes).file_name(name.to_owned());
        let form = Form::new().part("file", part);
        let request = self.client.post(self.url(path)).multipart(form);
        request.send().await.expect("an answer")
    }

    /// Uploads a file through `/api/v1` and returns the asset.
    pub async fn upload(&self, file: &Path) -> Value {
        let name = file.file_name().expect("a name").to_string_lossy();
        let bytes = std::fs::read(file).expect("the clip");
        let answer = self.post_file("/api/v1/assets", &name, bytes).await;
        json_of(answer, StatusCode::CREATED).await
    }

    /// Orders a package through `/api/v1` and returns it as it was accepted.
    pub async fn order(&self, asset: &Value, options: &Value) -> Value {
        let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
        json_of(self.post_json(&path, options).await, StatusCode::ACCEPTED).await
    }

    /// Asks for a package until it has ended, and returns it.
    pub async fn ended(&self, package: &Value) -> Value {
        let path = format!("/api/v1/packages/{}", text(&package["id"]));
        self.until(&path, |package| {
            ["Ready", "Failed"].contains(&text(&package["status"]))
        })
        .await
    }

    /// Uploads a clip, packages it, and returns the ready package.
    pub async fn ready(&self, file: &Path, options: &Value) -> Value {
        let asset = self.upload(file).await;
        let package = self.ended(&self.order(&asset, options).await).await;
        assert_eq!(package["status"], "Ready", "{package}");
        package
    }

    /// Asks for something until it is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            let mut interval = tokio::time::interval(LOOK_AGAIN);
            loop {
                interval.tick().await;
                let found = self.get_json(path).await;
                if wanted(&found) {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, looking).await;
        found.unwrap_or_else(|_| panic!("{path} did not become what was wanted"))
    }

    /// Waits until some media objects of a package are written, which no answer tells as soon.
    pub async fn until_written(&self) {
        let folder = self.dir().join("packages");
        let is_media = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "m4s");
        let looking = async {
            let mut interval = tokio::time::interval(LOOK_AGAIN);
            while files(&folder).iter().filter(|path| is_media(path)).count() < 2 {
                interval.tick().await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looking).await;
        seen.expect("media objects are written");
    }

    /// Waits until there is no file in a folder of the app's.
    pub async fn until_gone(&self, folder: &str) {
        let folder = self.dir().join(folder);
        let looking = async {
            let mut interval = tokio::time::interval(LOOK_AGAIN);
            while folder.exists() && !files(&folder).is_empty() {
                interval.tick().await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looking).await;
        seen.unwrap_or_else(|_| panic!("{}: {:?}", folder.display(), files(&folder)));
    }

    /// Sends bytes as they are and returns all that comes back.
    pub async fn raw(&self, request: &str) -> String {
        let address = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The path part of an absolute URL of this app.
    pub fn path_of(&self, url: &Value) -> String {
        let url = text(url);
        let path = url.strip_prefix(&self.base);
        path.unwrap_or_else(|| panic!("{url} is not on {}", self.base))
            .to_owned()
    }
}

/// The name and the password of the administrator of closed apps.
pub const ADMIN: &str = "ada";
pub const PASSWORD: &str = "correct horse battery";

/// All that a token may allow.
pub const SCOPES: [&str; 9] = [
    "assets:read",
    "assets:write",
    "jobs:read",
    "jobs:write",
    "keys:read",
    "playback:sign",
    "webhooks:read",
    "webhooks:write",
    "admin",
];

/// The cookie that an answer sets, as it is sent back.
pub fn cookie(answer: &Response) -> String {
    let set = answer.headers()["set-cookie"].to_str().expect("text");
    set.split(';').next().expect("a pair").to_owned()
}

/// Names the engine on which the tests run: `postgres` or `mysql`; SQLite unless it is set.
pub const ENGINE: &str = "REELPACK_TEST_ENGINE";

/// The engine of this run, and the URL of the database that belongs to a data folder.
pub fn chosen(data_dir: &Path) -> (Engine, Option<String>) {
    let engine = match std::env::var(ENGINE).as_deref() {
        Err(_) | Ok("sqlite") => Engine::Sqlite,
        Ok("postgres") => Engine::Postgres,
        Ok("mysql") => Engine::MySql,
        Ok(other) => panic!("{ENGINE} is {other}: neither sqlite, postgres nor mysql"),
    };
    let name = data_dir.file_name().expect("a folder with a name");
    let digits = name.as_encoded_bytes().iter();
    let name: String = digits.map(|byte| format!("{byte:02x}")).collect();
    (engine, engine.database(&format!("data_{name}")))
}

/// A configuration for tests: loopback, any free port, two workers.
pub fn config(data_dir: &Path) -> Config {
    let (_, url) = chosen(data_dir);
    Config {
        listen: Some("127.0.0.1:0".parse().expect("an address")),
        media_listen: None,
        data_dir: data_dir.to_owned(),
        database: url.map(|url| DatabaseUrl::parse(&url).expect("a URL")),
        storage: server::StorageConfig::default(),
        public_url: None,
        access: None,
        names: Vec::new(),
        key_file: None,
        workers: 2,
        ladder: None,
        first_pause: Duration::from_millis(20),
        uploads: UploadLimits {
            reserve: 0,
            ..UploadLimits::default()
        },
        webhooks: server::WebhookConfig::default(),
        serving: server::ServingConfig::default(),
        telemetry: server::TelemetryConfig::default(),
        tools: tools(),
    }
}

/// ffmpeg and ffprobe of this machine, confined by the helper of the crate `transcode`, which is built when it is missing.
fn tools() -> transcode::Tools {
    static HELPER: OnceLock<PathBuf> = OnceLock::new();
    let helper = HELPER.get_or_init(|| {
        let this = std::env::current_exe().expect("this program");
        let folder = this.ancestors().nth(2).expect("the folder of programs");
        let helper = folder.join("transcode-confine");
        if !helper.exists() {
            let words = [
                "build",
                "--locked",
                "--quiet",
                "--package",
                "transcode",
                "--bin",
                "transcode-confine",
            ];
            let built = std::process::Command::new(env!("CARGO"))
                .args(words)
                .status();
            assert!(built.expect("cargo runs").success());
        }
        helper
    });
    let helper = transcode::Confinement::Helper(vec![helper.into()]);
    transcode::Tools::new(None, None, helper)
}

/// Checks the status of an answer and reads its JSON.
pub async fn json_of(answer: Response, status: StatusCode) -> Value {
    let found = answer.status();
    let body = answer.text().await.expect("a body");
    assert_eq!(found, status, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}"))
}

/// Checks that an answer is a problem of a status and a code; returns it.
pub async fn problem(answer: Response, status: u16, code: &str) -> Value {
    let kind = answer.headers()["content-type"].clone();
    let body = json_of(answer, StatusCode::from_u16(status).expect("a status")).await;
    assert_eq!(kind, "application/problem+json");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    body
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Files that uploads and packages left below the data folder.
pub fn stored_files(data_dir: &Path) -> Vec<PathBuf> {
    let folders = [
        "incoming", "uploads", "sources", "packages", "parts", "scratch",
    ];
    let there = folders.map(|name| data_dir.join(name));
    let there = there.iter().filter(|folder| folder.exists());
    there.flat_map(|folder| files(folder)).collect()
}

/// A licence request for these KIDs.
pub fn license_request(kids: &[String]) -> Value {
    json!({"kids": kids, "type": "temporary"})
}
