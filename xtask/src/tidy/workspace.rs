//! The workspace as the rules see it: its packages, their direct dependencies and their manifests.
//!
//! Filled from `cargo metadata`, which knows the kind of every dependency and sees through renames and
//! `workspace = true`. Plain data, so that a test can make up a workspace.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::process;

/// The packages of the workspace, ours only.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Its folder, from the workspace root, with `/` on every platform.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
    /// Its features, those that optional dependencies imply included.
    pub(super) features: BTreeSet<String>,
    /// The text of its `Cargo.toml`.
    pub(super) manifest: String,
}

/// A direct dependency, optional or not, ours or not.
#[derive(Debug)]
pub(super) struct Dependency {
    /// The name of the package depended on, whatever it is renamed to.
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Kind {
    /// As `Cargo.toml` heads it.
    pub(super) fn section(self) -> &'static str {
        match self {
            Kind::Normal => "dependencies",
            Kind::Build => "build-dependencies",
            Kind::Dev => "dev-dependencies",
        }
    }
}

impl Workspace {
    /// Reads the workspace that this program is of. Downloads nothing: only direct dependencies matter.
    pub(super) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .current_dir(process::root())
            .no_deps()
            .exec()
            .context("cargo metadata could not read the workspace")?;
        let packages = metadata.packages.into_iter().map(Package::load);
        Ok(Workspace {
            packages: packages.collect::<Result<_>>()?,
        })
    }

    /// The package of that name.
    pub(super) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn load(package: cargo_metadata::Package) -> Result<Self> {
        let path = package.manifest_path.as_std_path();
        let manifest =
            std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let folder = path
            .parent()
            .and_then(|folder| folder.strip_prefix(process::root()).ok())
            .with_context(|| format!("{} is outside the workspace", path.display()))?;
        let dependencies = package.dependencies.into_iter().map(|dependency| {
            let kind = match dependency.kind {
                DependencyKind::Development => Kind::Dev,
                DependencyKind::Build => Kind::Build,
                _ => Kind::Normal,
            };
            let name = dependency.name;
            Dependency { name, kind }
        });
        Ok(Package {
            name: package.name.to_string(),
            folder: folder.to_string_lossy().replace('\\', "/"),
            dependencies: dependencies.collect(),
            features: package.features.into_keys().collect(),
            manifest,
        })
    }

    /// The path of its `Cargo.toml` from the workspace root.
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

#[cfg(test)]
impl Package {
    /// A made-up package with no dependencies, where a package of that name would be.
    pub(super) fn made_up(name: &str) -> Self {
        let short = name.strip_prefix("deltaview-").unwrap_or(name);
        Package {
            name: name.to_owned(),
            folder: format!("crates/{short}"),
            dependencies: Vec::new(),
            features: BTreeSet::new(),
            manifest: "[lints]\nworkspace = true\n".to_owned(),
        }
    }

    pub(super) fn depends_on(mut self, kind: Kind, name: &str) -> Self {
        let name = name.to_owned();
        self.dependencies.push(Dependency { name, kind });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_workspace_is_read_with_its_kinds_of_dependency() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.package("xtask").unwrap();
        assert_eq!(xtask.folder, "xtask");
        let kind = |name: &str| {
            let mut dependencies = xtask.dependencies.iter();
            dependencies.find(|d| d.name == name).map(|d| d.kind)
        };
        assert_eq!(kind("clap"), Some(Kind::Normal));
        let tests = workspace.package("deltaview-tests").unwrap();
        let mut dependencies = tests.dependencies.iter();
        let driver = dependencies.find(|d| d.name == "postgres").unwrap();
        assert_eq!(driver.kind, Kind::Dev);
        assert!(workspace.package("clap").is_none());
    }
}
