//! A Postgres server for the tests that need one.
//!
//! Tests find the server in the variable [`VARIABLE`]. Where a person has set it, that server is theirs and is
//! used as it is. Otherwise a [`Cluster`](cluster::Cluster) is made in a temporary folder, for this run alone,
//! and is gone after it. No other server of the machine is ever touched.

use std::process::Command;

use anyhow::Result;

#[cfg(unix)]
mod binaries;
#[cfg(unix)]
mod cluster;

/// Where the tests find the URL of the server.
const VARIABLE: &str = "DELTAVIEW_TEST_POSTGRES";

/// What to do where no server can be had.
const ADVICE: &str = "\
Do one of these:
  - install Postgres 13 or newer (Debian and Ubuntu: `apt-get install postgresql`; Fedora: `dnf install \
postgresql-server`; macOS: `brew install postgresql`). Its programs, initdb among them, are looked for on the PATH \
and in /usr/lib/postgresql/*/bin; no server needs to run;
  - set DELTAVIEW_TEST_POSTGRES to the URL of a server and a user of it who may create databases: \
`postgres://user:password@host:5432/database`;
  - leave out the tests that need a server: `cargo xtask test --skip-postgres`.";

/// A server that the tests may use; one that was started for them stops when this is dropped.
pub(crate) enum Server {
    /// The one that [`VARIABLE`] names.
    Given,
    #[cfg(unix)]
    Started(cluster::Cluster),
}

impl Server {
    /// The given server, or a new one.
    pub(crate) fn find_or_start() -> Result<Self> {
        if std::env::var_os(VARIABLE).is_some_and(|url| !url.is_empty()) {
            eprintln!("postgres: the server that {VARIABLE} names");
            return Ok(Server::Given);
        }
        Self::start()
    }

    #[cfg(unix)]
    fn start() -> Result<Self> {
        let binaries = binaries::Binaries::find_or_install()?;
        let cluster = cluster::Cluster::start(&binaries)?;
        eprintln!("postgres: {cluster}");
        Ok(Server::Started(cluster))
    }

    #[cfg(not(unix))]
    fn start() -> Result<Self> {
        anyhow::bail!("a server for the tests is started on Unix only.\n{ADVICE}")
    }

    /// Lets a command know of it. One that a person named is inherited: its password is not for the log.
    pub(crate) fn tell(&self, command: &mut Command) {
        match self {
            Server::Given => {}
            #[cfg(unix)]
            Server::Started(cluster) => {
                command.env(VARIABLE, cluster.url());
            }
        }
    }
}
