//! Postgres's programs: where they are, or how they get there.
//!
//! Installs only where that is one command that asks nothing: as root, on Debian and its kin.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::ADVICE;
use crate::process;

/// What a folder must have to be of use.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where Debian has them, a folder for each version: they are not on the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder that has the [`PROGRAMS`], all of one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Finds them, or installs them where that is possible.
    pub(super) fn find_or_install() -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        if !can_install()? {
            bail!(
                "the tests need a Postgres server, and Postgres is not installed here.\n{ADVICE}"
            );
        }
        eprintln!("postgres: not installed yet");
        install().with_context(|| format!("cannot install Postgres.\n{ADVICE}"))?;
        Self::find().with_context(|| {
            format!("Postgres was installed, and its programs are not in {DEBIAN}.\n{ADVICE}")
        })
    }

    /// Those on the PATH, else the newest of Debian's.
    pub(super) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::on_path(&path).or_else(|| Self::newest(Path::new(DEBIAN)))
    }

    fn on_path(path: &OsStr) -> Option<Self> {
        std::env::split_paths(path).find_map(|folder| {
            // What is on the PATH may be a link to where they all are.
            let initdb = folder.join("initdb").canonicalize().ok()?;
            Self::of(initdb.parent()?)
        })
    }

    /// The newest in the folders `<version>/bin`.
    fn newest(versions: &Path) -> Option<Self> {
        let folders = fs::read_dir(versions).ok()?.flatten();
        let mut found: Vec<(u32, Self)> = folders
            .filter_map(|folder| {
                let version = folder.file_name().to_str()?.parse().ok()?;
                Some((version, Self::of(&folder.path().join("bin"))?))
            })
            .collect();
        found.sort_by_key(|(version, _)| *version);
        Some(found.pop()?.1)
    }

    fn of(folder: &Path) -> Option<Self> {
        let complete = PROGRAMS
            .iter()
            .all(|program| folder.join(program).is_file());
        complete.then(|| Binaries {
            folder: folder.into(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn can_install() -> Result<bool> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    Ok(is_debian(&system) && super::cluster::is_root()?)
}

/// Whether the text of `/etc/os-release` is of Debian or of a system made from it.
fn is_debian(os_release: &str) -> bool {
    let mut names = os_release.lines().filter_map(|line| {
        let (variable, value) = line.split_once('=')?;
        let names = matches!(variable, "ID" | "ID_LIKE").then_some(value)?;
        Some(names.trim_matches(['"', '\'']).split(' '))
    });
    names.any(|mut names| names.any(|name| name == "debian" || name == "ubuntu"))
}

fn install() -> Result<()> {
    for words in [
        &["update"][..],
        &["install", "-y", "--no-install-recommends", "postgresql"],
    ] {
        let mut command = Command::new("apt-get");
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, programs: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        for program in programs {
            fs::write(folder.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_complete_version_is_taken() {
        let versions = tempfile::tempdir().unwrap();
        for version in ["9", "15", "13"] {
            put(&versions.path().join(version).join("bin"), &PROGRAMS);
        }
        put(&versions.path().join("17/bin"), &["initdb"]);
        put(&versions.path().join("common/bin"), &PROGRAMS);
        let found = Binaries::newest(versions.path()).unwrap();
        assert_eq!(found.folder, versions.path().join("15/bin"));
        assert_eq!(Binaries::newest(&versions.path().join("none")), None);
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_rest() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (lonely, linked, real) = (place.join("lonely"), place.join("bin"), place.join("lib"));
        put(&lonely, &["initdb"]);
        put(&real, &PROGRAMS);
        fs::create_dir(&linked).unwrap();
        std::os::unix::fs::symlink(real.join("initdb"), linked.join("initdb")).unwrap();
        let path = std::env::join_paths([&place, &lonely, &linked]).unwrap();
        assert_eq!(Binaries::on_path(&path), Some(Binaries { folder: real }));
        assert_eq!(Binaries::on_path(lonely.as_os_str()), None);
    }

    #[test]
    fn debian_is_told_from_its_kin_and_from_others() {
        assert!(is_debian("NAME=\"Debian GNU/Linux\"\nID=debian\n"));
        assert!(is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nNAME=\"not debian\"\n"));
        assert!(!is_debian(""));
    }
}
