//! Throwaway servers of PostgreSQL and MariaDB, from Debian's packages `postgresql` and `mariadb-server`.
//!
//! A test binary starts one of each, when it first needs it, in a temporary folder and on a free port; every test
//! has a database of its own in it. A process that a test starts uses the server of its parent, which [`SERVER`]
//! names. The server ends, and its folder goes, when the process that started it is gone,
//! however that ended: a shell beside it waits for the end of a pipe.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The variable that names a server which runs already.
pub const SERVER: &str = "REELPACK_TEST_SERVER";

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
    MySql,
}

impl Engine {
    /// The URL of the database of a name, which is made when it is not there.
    pub fn database(self, name: &str) -> Option<String> {
        let (server, client) = match self {
            Self::Sqlite => return None,
            Self::Postgres => (postgres(), "psql"),
            Self::MySql => (mariadb(), "mariadb"),
        };
        server.create(client, name);
        Some(format!("{}/{name}", server.url))
    }
}

struct Server {
    url: String,
    port: u16,
    /// Holds the end of the pipe; when it closes, the server ends.
    _guardian: Option<Child>,
}

impl Server {
    /// Makes a database unless it is there.
    fn create(&self, client: &str, name: &str) {
        let port = self.port.to_string();
        let mut command = Command::new(client);
        if client == "psql" {
            command.args(["-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c"]);
            command.arg(format!("CREATE DATABASE {name}"));
        } else {
            command.args(["-h", "127.0.0.1", "-P", &port, "-e"]);
            command.arg(format!("CREATE DATABASE IF NOT EXISTS {name}"));
        }
        let done = command.output().expect("the client of the database runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success() || said.contains("already exists"),
            "{client}: {said}"
        );
    }
}

fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let bin = newest("/usr/lib/postgresql", "bin/postgres");
        let bin = bin.parent().expect("a folder").display().to_string();
        let script = format!(
            "{bin}/initdb -D \"$dir/data\" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >\"$dir/log\" 2>&1 && \
             exec {bin}/postgres -D \"$dir/data\" -h 127.0.0.1 -p $port -k \"$dir\" -c fsync=off \
             -c max_connections=300 -c shared_buffers=32MB >>\"$dir/log\" 2>&1"
        );
        start("postgres", &script, |port| format!("postgres://postgres@127.0.0.1:{port}"))
    })
}

fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        for program in ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"] {
            needed(Path::new(program));
        }
        let script = "mariadb-install-db --no-defaults --datadir=\"$dir/data\" --skip-test-db >\"$dir/log\" 2>&1 && \
             exec mariadbd --no-defaults --datadir=\"$dir/data\" --socket=\"$dir/socket\" --pid-file=\"$dir/pid\" \
             --bind-address=127.0.0.1 --port=$port --skip-grant-tables --innodb-flush-method=nosync \
             --innodb-buffer-pool-size=32M --max-connections=300 >>\"$dir/log\" 2>&1";
        start("mysql", script, |port| format!("mysql://root@127.0.0.1:{port}"))
    })
}

/// Starts what `script` says as `user` (when this is root: the servers refuse to run as root), with its folder
/// and port in `$dir` and `$port`, and waits until it answers.
fn start(user: &str, script: &str, url: impl Fn(u16) -> String) -> Server {
    if let Ok(url) = std::env::var(SERVER) {
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        return Server {
            url,
            port: port.expect("a port"),
            _guardian: None,
        };
    }
    let dir = tempfile::tempdir().expect("a temporary folder").keep();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("a folder for everyone");
    let port = free_port();
    let guardian = Command::new("sh")
        .args(["-c", GUARDIAN, "sh", user, script])
        .env("dir", &dir)
        .env("port", port.to_string())
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let began = Instant::now();
    let client = if user == "postgres" {
        "pg_isready"
    } else {
        "mariadb-admin"
    };
    loop {
        let mut ask = Command::new(client);
        match client {
            "pg_isready" => ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]),
            _ => ask.args(["-h", "127.0.0.1", "-P", &port.to_string(), "ping"]),
        };
        let asked = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if asked.expect("the client of the database runs").success() {
            break;
        }
        let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
        assert!(began.elapsed() < PATIENCE, "{user} did not start: {log}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Server {
        url: url(port),
        port,
        _guardian: Some(guardian),
    }
}

/// Runs `$2` as the user `$1` until nobody holds the other end of standard input.
const GUARDIAN: &str = r#"
if [ "$(id -u)" = 0 ]; then
    chown "$1" "$dir"
    setpriv --reuid "$1" --regid "$1" --init-groups sh -c "$2" &
else
    sh -c "$2" &
fi
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
rm -rf "$dir"
"#;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The program in the folder of the newest version.
fn newest(folder: &str, program: &str) -> PathBuf {
    let versions = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join(program)).max();
    let found = found.unwrap_or_else(|| Path::new(folder).join(program));
    needed(&found);
    found
}

fn needed(program: &Path) {
    assert!(
        program.exists(),
        "{} is missing, and tests need it: run scripts/setup.sh test (Debian packages postgresql and mariadb-server)",
        program.display()
    );
}
