//! A Postgres server for the tests and the benchmarks that need one.
//!
//! Tests find the server in the variable [`VARIABLE`]. Those that stop and start a server make one of their own, with the
//! programs in the folder that [`PROGRAMS_VARIABLE`] names. Where a person has set it, that server is theirs and is
//! used as it is. Otherwise a [`Cluster`](cluster::Cluster) is made in a temporary folder, for this run alone,
//! and is gone after it. No other server of the machine is ever touched.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

#[cfg(unix)]
mod binaries;
#[cfg(unix)]
mod cluster;

/// Where the tests find the URL of the server.
const VARIABLE: &str = "DELTAVIEW_TEST_POSTGRES";

/// Where the tests find the folder of Postgres's programs.
const PROGRAMS_VARIABLE: &str = "DELTAVIEW_TEST_POSTGRES_PROGRAMS";

/// What to do where no server can be had.
const ADVICE: &str = "\
Do one of these:
  - install Postgres 13 or newer (Debian and Ubuntu: `apt-get install postgresql`; Fedora: `dnf install \
postgresql-server`; macOS: `brew install postgresql`). Its programs, initdb among them, are looked for on the PATH \
and in /usr/lib/postgresql/*/bin; no server needs to run;
  - set DELTAVIEW_TEST_POSTGRES to the URL of a server and a user of it who may create databases: \
`postgres://user:password@host:5432/database`;
  - leave out what needs a server: `cargo xtask test --skip-postgres`, `cargo xtask bench --only sqlite`.";

/// What a server of ours does for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It may be lost with the machine: for tests, which are faster so.
    Lost,
    /// As Postgres does by itself: for benchmarks, whose numbers would be no server's otherwise.
    Kept,
}

/// A server that the tests may use; one that was started for them stops when this is dropped.
pub(crate) enum Server {
    /// The one that [`VARIABLE`] names, beside the programs that are here, if any.
    Given(Option<Programs>),
    #[cfg(unix)]
    Started(cluster::Cluster, Programs),
}

impl Server {
    /// The given server, or a new one.
    pub(crate) fn find_or_start(durability: Durability) -> Result<Self> {
        if std::env::var_os(VARIABLE).is_some_and(|url| !url.is_empty()) {
            eprintln!("postgres: the server that {VARIABLE} names");
            return Ok(Server::Given(Programs::find()));
        }
        Self::start(durability)
    }

    #[cfg(unix)]
    fn start(durability: Durability) -> Result<Self> {
        let binaries = binaries::Binaries::find_or_install()?;
        let cluster = cluster::Cluster::start(&binaries, durability)?;
        eprintln!("postgres: {cluster}");
        Ok(Server::Started(cluster, Programs(binaries.folder().into())))
    }

    #[cfg(not(unix))]
    fn start(_: Durability) -> Result<Self> {
        anyhow::bail!("a server for the tests is started on Unix only.\n{ADVICE}")
    }

    /// Lets a command know of it. One that a person named is inherited: its password is not for the log.
    pub(crate) fn tell(&self, command: &mut Command) {
        #[cfg(unix)]
        if let Server::Started(cluster, _) = self {
            command.env(VARIABLE, cluster.url());
        }
        if let Some(Programs(folder)) = self.programs() {
            command.env(PROGRAMS_VARIABLE, folder);
        }
    }

    /// Its URL, with the password.
    pub(crate) fn url(&self) -> Result<String> {
        match self {
            Server::Given(_) => {
                std::env::var(VARIABLE).with_context(|| format!("{VARIABLE} is no UTF-8"))
            }
            #[cfg(unix)]
            Server::Started(cluster, _) => Ok(cluster.url().to_owned()),
        }
    }

    /// Whether tests can make servers of their own.
    pub(crate) fn has_programs(&self) -> bool {
        self.programs().is_some()
    }

    fn programs(&self) -> Option<&Programs> {
        match self {
            Server::Given(programs) => programs.as_ref(),
            #[cfg(unix)]
            Server::Started(_, programs) => Some(programs),
        }
    }
}

/// The folder of Postgres's programs.
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Those that [`PROGRAMS_VARIABLE`] names, or that are installed.
    fn find() -> Option<Self> {
        let named = std::env::var_os(PROGRAMS_VARIABLE).filter(|folder| !folder.is_empty());
        named.map(PathBuf::from).or_else(installed).map(Self)
    }
}

#[cfg(unix)]
fn installed() -> Option<PathBuf> {
    binaries::Binaries::find().map(|found| found.folder().into())
}

#[cfg(not(unix))]
fn installed() -> Option<PathBuf> {
    None
}
