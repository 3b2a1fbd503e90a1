//! A server of a test's own, which it may stop. It is made in a temporary folder with the programs in the folder that
//! `DELTAVIEW_TEST_POSTGRES_PROGRAMS` names.
//!
//! As with the server that all other tests share, a shell does what is to be done, and stops the server and removes its
//! folder when its input ends, which it does however this program ends.

use std::fs::{self, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use deltaview_store_postgres::tokio_postgres::Config;
use tempfile::TempDir;

/// `$1` is the folder of the programs, `$2` the server's. A line of input is a thing to do, answered by a line.
const KEEPER: &str = r#"
trap '' HUP INT PIPE TERM
while read -r word
do
    case $word in
    init) "$1/initdb" -U postgres -E UTF8 -N --locale=C -A scram-sha-256 --pwfile="$2/password" -D "$2/data" ;;
    start) "$1/pg_ctl" start -D "$2/data" -l "$2/log" -w -t 120 ;;
    stop) "$1/pg_ctl" stop -D "$2/data" -m immediate -w -t 120 ;;
    esac >>"$2/said" 2>&1 </dev/null && echo done || echo failed
done
"$1/pg_ctl" stop -D "$2/data" -m immediate -w >>"$2/said" 2>&1
rm -rf "$2"
"#;

/// A server that can be stopped.
pub(crate) struct OwnServer {
    port: u16,
    password: String,
    /// Nothing, once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    keeper: Child,
    folder: TempDir,
}

impl OwnServer {
    /// A server that runs.
    pub(crate) fn start_new() -> Self {
        let programs = std::env::var_os("DELTAVIEW_TEST_POSTGRES_PROGRAMS").expect(
            "DELTAVIEW_TEST_POSTGRES_PROGRAMS must be the folder of Postgres's programs, initdb among them: `cargo xtask \
             test` sets it, `cargo xtask test --skip-postgres` leaves these tests out",
        );
        let folder = tempfile::Builder::new()
            .prefix("deltaview-postgres-own-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let user = user_of_server();
        let hand_over = |path: &Path| {
            if let Some(user) = user {
                chown(path, Some(user), None).unwrap();
            }
        };
        hand_over(folder.path());
        let password = format!("{:016x}", RandomState::new().hash_one(0));
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password).unwrap();
        hand_over(&password_file);
        let mut command = Command::new("sh");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(PathBuf::from(programs))
            .arg(folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(user) = user {
            command.uid(user);
        }
        let mut keeper = command.spawn().unwrap();
        let mut server = Self {
            port: free_port(),
            password,
            orders: keeper.stdin.take(),
            answers: BufReader::new(keeper.stdout.take().unwrap()),
            keeper,
            folder,
        };
        server.order("init");
        // As the server's user would: the file is in its folder.
        let sockets = server.folder.path().display();
        let settings = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{sockets}'\nfsync = off\n",
            server.port
        );
        let file = server.folder.path().join("data/postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        server.order("start");
        server
    }

    /// How to reach it.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user("postgres")
            .password(&self.password)
            .dbname("postgres");
        config
    }

    /// Ends it as a crash would: no transaction goes on, nothing is written any more.
    pub(crate) fn stop(&mut self) {
        self.order("stop");
    }

    /// Starts it again. It is back when this returns.
    pub(crate) fn start(&mut self) {
        self.order("start");
    }

    fn order(&mut self, word: &str) {
        let orders = self.orders.as_mut().expect("it does not end yet");
        writeln!(orders, "{word}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        assert_eq!(answer, "done\n", "{word}: {}{}", read("said"), read("log"));
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.keeper.wait();
    }
}

/// Whom the server runs as, where that is another than who runs the test: Postgres refuses to run as root.
fn user_of_server() -> Option<u32> {
    let id = |args: &[&str]| -> Option<u32> {
        let said = Command::new("id").args(args).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let found = ["postgres", "nobody"].into_iter();
    let found = found.filter_map(|name| id(&["-u", name])).next();
    Some(found.expect("a user `postgres` or `nobody` to run a server as"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
