//! A Postgres server of our own: made in a temporary folder, gone without a trace.
//!
//! A shell stands between this program and the server: it starts the server, waits until its input ends, and
//! stops the server. Its input is a pipe from this program, which ends when this program does, whatever the
//! end: a return, a panic, Ctrl-C or a kill. So no server is left over, and no signal needs to be handled.
//!
//! The server listens on a socket in its folder, which nobody else may enter, and on a port of the loopback
//! interface, where anybody on the machine may knock: there it asks for a password, made up for this run.

use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::Durability;
use super::binaries::Binaries;
use crate::process;

/// What text is ordered by where a column says nothing: the first that there is. With any but the last two, a
/// column that forgot to say that it is ordered by bytes is found out.
const LOCALES: &[(&str, &[&str])] = &[
    (
        "ICU's en-US",
        &["--locale-provider=icu", "--icu-locale=en-US", "--locale=C"],
    ),
    ("en_US.UTF-8", &["--locale=en_US.UTF-8"]),
    ("C.UTF-8", &["--locale=C.UTF-8"]),
    ("C", &["--locale=C"]),
];

/// Another program may take a free port before the server does.
const ATTEMPTS: u32 = 5;

/// Starts the server, says how that went, and stops it when the input ends. `$1` is pg_ctl, `$2` the folder.
///
/// It removes the folder for the case that nobody else is left to do it. Signals are not for it: what it waits for
/// is the end of its input alone.
const KEEPER: &str = r#"
trap '' HUP INT PIPE TERM
if "$1" start -D "$2/data" -l "$2/log" -w -t 120 >"$2/start" 2>&1
then echo ready
else echo failed
fi
read -r end
"$1" stop -D "$2/data" -m fast -w -t 30 >"$2/stop" 2>&1 ||
    "$1" stop -D "$2/data" -m immediate -w >"$2/stop" 2>&1
rm -rf "$2"
"#;

/// A running server.
pub(crate) struct Cluster {
    url: String,
    port: u16,
    version: String,
    locale: &'static str,
    // Dropped in this order: the server stops before its folder goes.
    _keeper: Keeper,
    _folder: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts its server.
    pub(super) fn start(binaries: &Binaries, durability: Durability) -> Result<Self> {
        let user = User::for_server()?;
        let mut attempt = 1;
        loop {
            match Self::start_once(binaries, user, durability) {
                Err(error) if attempt < ATTEMPTS && is_port_taken(&error) => attempt += 1,
                outcome => return outcome.context("cannot start a Postgres server"),
            }
        }
    }

    fn start_once(binaries: &Binaries, user: Option<User>, durability: Durability) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("deltaview-postgres-")
            // On the socket in it no password is asked for.
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot make a temporary folder")?;
        let place = Place {
            folder: folder.path(),
            user,
        };
        place.hand_over(folder.path())?;
        let password = password()?;
        let locale = place.init(binaries, &password)?;
        let port = free_port()?;
        place.configure(port, durability)?;
        let keeper = place.keep(binaries)?;
        let version = place.output(&binaries.program("postgres"), &["--version"])?;
        Ok(Cluster {
            url: format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres"),
            port,
            version: version.trim().to_owned(),
            locale,
            _keeper: keeper,
            _folder: folder,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cluster {
            version,
            port,
            locale,
            ..
        } = self;
        write!(
            f,
            "{version}, for this run, on port {port}, in the locale {locale}"
        )
    }
}

/// Whether this program has all rights. Postgres refuses to run with them.
pub(super) fn is_root() -> Result<bool> {
    Ok(id(&["-u"])? == 0)
}

/// Whom the server runs as, where that is another than who runs this program.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// Nobody else, unless this is root.
    fn for_server() -> Result<Option<Self>> {
        if !is_root()? {
            return Ok(None);
        }
        let named = |name: &str| {
            let (uid, gid) = (id(&["-u", name]).ok()?, id(&["-g", name]).ok()?);
            Some(User { uid, gid })
        };
        let found = ["postgres", "nobody"].into_iter().find_map(named);
        found.map(Some).context(
            "Postgres refuses to run as root, and this machine has neither a user `postgres` nor `nobody`: \
             make one, or run this as another user",
        )
    }
}

/// What `id` says.
fn id(args: &[&str]) -> Result<u32> {
    let mut command = Command::new("id");
    command.args(args);
    let said = process::output(command)?;
    said.trim()
        .parse()
        .with_context(|| format!("`id` said {said}"))
}

/// The folder of a cluster and whose it is.
struct Place<'a> {
    folder: &'a Path,
    user: Option<User>,
}

impl Place<'_> {
    /// Makes the cluster, and says in which locale.
    fn init(&self, binaries: &Binaries, password: &str) -> Result<&'static str> {
        let password_file = self.folder.join("password");
        fs::write(&password_file, password).context("cannot write the password")?;
        self.hand_over(&password_file)?;
        let mut failure = anyhow!("there is no locale");
        for (locale, arguments) in LOCALES {
            let mut command = self.command(&binaries.program("initdb"));
            command
                .args(["--username=postgres", "--encoding=UTF8", "--no-sync"])
                .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
                .args(["--pwfile=password", "--pgdata=data"])
                .args(*arguments)
                .arg("--lc-messages=C");
            match process::output(command) {
                Ok(_) => return Ok(locale),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Says where to listen, and whether this data may be lost with the machine.
    fn configure(&self, port: u16, durability: Durability) -> Result<()> {
        let sockets = self
            .folder
            .to_str()
            .context("the temporary folder's name is no UTF-8")?;
        let sockets = sockets.replace('\\', r"\\").replace('\'', "''");
        let settings = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\n\
             max_connections = 200\n{}",
            match durability {
                Durability::Lost => "fsync = off\nfull_page_writes = off\n",
                Durability::Kept => "",
            }
        );
        let file = OpenOptions::new()
            .append(true)
            .open(self.folder.join("data/postgresql.conf"));
        file.and_then(|mut file| file.write_all(settings.as_bytes()))
            .context("cannot write the server's settings")
    }

    /// Starts the server, with one who stops it.
    fn keep(&self, binaries: &Binaries) -> Result<Keeper> {
        let mut command = self.command(Path::new("sh"));
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(binaries.program("pg_ctl"))
            .arg(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the tests: the server is there until they have ended.
            .process_group(0);
        let mut keeper = Keeper(command.spawn().context("`sh` did not start")?);
        if keeper.first_word()? == "ready" {
            return Ok(keeper);
        }
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        bail!(
            "the server did not start:\n{}{}",
            read("log"),
            read("start")
        )
    }

    fn output(&self, program: &Path, args: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(args);
        process::output(command)
    }

    /// A command in the folder, as its user, without what tells Postgres's programs of another server.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn hand_over(&self, path: &Path) -> Result<()> {
        let Some(User { uid, gid }) = self.user else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid))
            .with_context(|| format!("cannot give {} to the server's user", path.display()))
    }
}

/// The shell that stops the server when this is dropped, or when this program ends without.
struct Keeper(Child);

impl Keeper {
    fn first_word(&mut self) -> Result<String> {
        let output = self.0.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .context("cannot read what `sh` says")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        if let Err(error) = self.0.wait() {
            eprintln!("postgres: cannot wait for the server to stop: {error}");
        }
    }
}

/// A port that nothing listens on, for now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port")?;
    Ok(listener
        .local_addr()
        .context("a listener has no address")?
        .port())
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    error.to_string().contains("Address already in use")
}

/// 128 random bits in hexadecimal.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    let source = File::open("/dev/urandom");
    source
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
