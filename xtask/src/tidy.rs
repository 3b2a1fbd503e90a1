//! `cargo xtask tidy`: the project's rules that no compiler or linter knows.
//!
//! Each rule is a module that judges plain data and returns [`Problem`]s, so that it is tested on made-up
//! input. This module alone gathers the real input: `cargo metadata`, the manifests, the sources and
//! `cargo tree`. Nothing here builds anything or changes a file.

use std::fmt::{self, Display};

use anyhow::{Result, bail};

mod boundaries;
mod features;
mod layers;
mod manifests;
mod sources;
mod workspace;

use workspace::Workspace;

/// Checks every rule, prints each [`Problem`], and fails if there is one.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::load()?;
    let files = sources::load(crate::process::root())?;
    let mut problems = layers::check(&workspace);
    problems.extend(manifests::check(&workspace));
    problems.extend(sources::check(&files));
    problems.extend(boundaries::check(&workspace, &files));
    problems.extend(features::check(&workspace)?);
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => {
            let (packages, files) = (workspace.packages.len(), files.len());
            eprintln!("tidy: {packages} packages and {files} files keep every rule");
            Ok(())
        }
        1 => bail!("tidy found 1 problem"),
        count => bail!("tidy found {count} problems"),
    }
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    /// The file, with the line where there is one, or the package.
    place: String,
    /// What is wrong.
    what: String,
    /// What to do about it.
    advice: String,
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Problem {
            place: place.into(),
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.what, self.advice)
    }
}
