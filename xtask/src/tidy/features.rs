//! The facade's promise: a user compiles the drivers of the features that they chose, and no other.
//!
//! Judged on what cargo resolves for the facade alone, as in the build of somebody who depends on it.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Problem;
use super::workspace::Workspace;
use crate::process;

const FACADE: &str = "deltaview";

/// What a choice of features brings and what it keeps out.
struct Promise {
    features: &'static [&'static str],
    brings: &'static [&'static str],
    keeps_out: &'static [&'static str],
}

const PROMISES: &[Promise] = &[
    Promise {
        features: &[],
        brings: &[],
        keeps_out: &["tokio", "tokio-postgres", "rusqlite", "libsqlite3-sys"],
    },
    Promise {
        features: &["sqlite"],
        brings: &["rusqlite"],
        keeps_out: &["tokio", "tokio-postgres"],
    },
    Promise {
        features: &["postgres"],
        brings: &["tokio-postgres"],
        keeps_out: &["rusqlite", "libsqlite3-sys"],
    },
];

/// Resolves the facade once for each promise.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    check_with(workspace, cargo_tree)
}

/// Judges what `tree` prints for each promise, in the manner of `cargo tree`.
fn check_with(
    workspace: &Workspace,
    tree: impl Fn(&Promise) -> Result<String>,
) -> Result<Vec<Problem>> {
    let Some(facade) = workspace.package(FACADE) else {
        return Ok(vec![Problem::new(
            "Cargo.toml",
            format!("the workspace has no package {FACADE}"),
            "Restore the facade, or tell xtask/src/tidy/features.rs its new name.",
        )]);
    };
    let mut problems = Vec::new();
    for promise in PROMISES {
        match promise.lacks(&facade.features) {
            None => problems.extend(promise.check(&packages(&tree(promise)?))),
            Some(feature) => problems.push(Problem::new(
                facade.manifest_path(),
                format!("the facade has no feature {feature}"),
                "Users choose their store by it: restore it.",
            )),
        }
    }
    Ok(problems)
}

/// The facade's dependencies, build scripts' included: they are compiled as well.
fn cargo_tree(promise: &Promise) -> Result<String> {
    let features = promise.features.join(",");
    process::output(process::cargo([
        "tree",
        "--package",
        FACADE,
        "--no-default-features",
        "--features",
        &features,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))
}

/// The names of the packages in the output of `cargo tree`, of which each line is a name, a version and
/// perhaps more.
fn packages(tree: &str) -> BTreeSet<&str> {
    let lines = tree.lines();
    lines
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

impl Promise {
    /// A feature that this promise is about and that is not among `features`.
    fn lacks(&self, features: &BTreeSet<String>) -> Option<&'static str> {
        let mut needed = self.features.iter().copied();
        needed.find(|feature| !features.contains(*feature))
    }

    fn check(&self, packages: &BTreeSet<&str>) -> Vec<Problem> {
        let features = match self.features {
            [] => "without features".to_owned(),
            features => format!("with the feature {}", features.join(" and ")),
        };
        let kept_out = self.keeps_out.iter();
        let intruders = kept_out
            .filter(|name| packages.contains(*name))
            .map(|name| {
                Problem::new(
                    format!("crates/{FACADE}/Cargo.toml"),
                    format!("{features}, the facade compiles {name}"),
                    format!(
                        "Make what brings it optional; `cargo tree --package {FACADE} \
                     --no-default-features --features '{}' --invert {name}` shows what does.",
                        self.features.join(",")
                    ),
                )
            });
        let brought = self.brings.iter();
        let missing = brought.filter(|name| !packages.contains(*name)).map(|name| {
            Problem::new(
                format!("crates/{FACADE}/Cargo.toml"),
                format!("{features}, the facade does not compile {name}"),
                "Let the feature bring its store, or correct PROMISES in xtask/src/tidy/features.rs.",
            )
        });
        intruders.chain(missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Package;

    const TREE: &str = "deltaview v0.1.0 (/src/crates/deltaview)\n\
                        deltaview-store-sqlite v0.1.0 (/src/crates/store-sqlite)\n\
                        rusqlite v0.41.1\n\
                        libsqlite3-sys v0.39.1\n\
                        rusqlite v0.41.1 (*)\n";

    fn promise(features: &[&str]) -> &'static Promise {
        let mut promises = PROMISES.iter();
        promises
            .find(|promise| promise.features == features)
            .unwrap()
    }

    fn judge(features: &[&str], tree: &str) -> Vec<String> {
        let problems = promise(features).check(&packages(tree));
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_kept_promise_is_left_alone() {
        assert_eq!(judge(&["sqlite"], TREE), [""; 0]);
        assert_eq!(judge(&[], "deltaview v0.1.0\nserde v1.0.0\n"), [""; 0]);
        assert_eq!(
            judge(&["postgres"], "tokio-postgres v0.7.0\ntokio v1.0.0"),
            [""; 0]
        );
    }

    #[test]
    fn a_driver_that_was_not_asked_for_is_found() {
        assert_eq!(
            judge(&[], TREE),
            [
                "without features, the facade compiles rusqlite",
                "without features, the facade compiles libsqlite3-sys"
            ]
        );
        let with_tokio = format!("{TREE}tokio v1.0.0\n");
        assert_eq!(
            judge(&["sqlite"], &with_tokio),
            ["with the feature sqlite, the facade compiles tokio"]
        );
        assert_eq!(
            judge(&["postgres"], &format!("tokio-postgres v0.7.0\n{TREE}")),
            [
                "with the feature postgres, the facade compiles rusqlite",
                "with the feature postgres, the facade compiles libsqlite3-sys"
            ]
        );
    }

    #[test]
    fn a_feature_that_brings_nothing_is_found() {
        assert_eq!(
            judge(&["sqlite"], "deltaview v0.1.0\n"),
            ["with the feature sqlite, the facade does not compile rusqlite"]
        );
        assert_eq!(
            judge(&["postgres"], "deltaview v0.1.0\n"),
            ["with the feature postgres, the facade does not compile tokio-postgres"]
        );
    }

    /// What is found in a workspace of a facade with these features, when each choice of them brings
    /// the packages of [`TREE`].
    fn judge_workspace(features: &[&str]) -> Vec<String> {
        let mut facade = Package::made_up(FACADE);
        facade.features = features.iter().map(ToString::to_string).collect();
        let packages = vec![facade];
        let problems = check_with(&Workspace { packages }, |promise| {
            let bare = promise.features.is_empty();
            Ok(if bare { String::new() } else { TREE.to_owned() })
        });
        let problems = problems.unwrap().into_iter();
        problems.map(|problem| problem.what).collect()
    }

    #[test]
    fn a_missing_feature_is_found() {
        assert_eq!(
            judge_workspace(&[]),
            [
                "the facade has no feature sqlite",
                "the facade has no feature postgres"
            ]
        );
    }

    #[test]
    fn every_feature_is_judged_by_what_it_brings() {
        let found = judge_workspace(&["sqlite", "postgres"]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found.iter().all(|what| what.contains("feature postgres")),
            "{found:?}"
        );
    }

    #[test]
    fn a_missing_facade_is_found() {
        let found = check(&Workspace::default()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "the workspace has no package deltaview");
    }

    #[test]
    fn a_longer_name_is_another_package() {
        let names = packages("tokio-util v0.7.0\ntokio-postgres v0.7.0");
        assert!(!names.contains("tokio"));
    }
}
