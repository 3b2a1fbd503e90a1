//! What every `Cargo.toml` says: the workspace's lints, and the name that goes with the folder.

use toml::Table;

use super::Problem;
use super::workspace::{Package, Workspace};

/// Judges the manifest of every package.
pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Problem> {
    let manifest: Table = match package.manifest.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Problem::new(
                package.manifest_path(),
                format!("is no TOML: {}", error.message()),
                "Mend the file.",
            )];
        }
    };
    let mut problems = Vec::new();
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        problems.push(Problem::new(
            package.manifest_path(),
            "does not take the workspace's lints",
            "Add a [lints] table with `workspace = true`.",
        ));
    }
    if let Some(folder) = package.folder.strip_prefix("crates/") {
        let name = match folder {
            "deltaview" => folder.to_owned(),
            _ => format!("deltaview-{folder}"),
        };
        if package.name != name {
            problems.push(Problem::new(
                package.manifest_path(),
                format!("names its package {}", package.name),
                format!("A package is named after its folder: here, {name}."),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(package: Package) -> Vec<String> {
        let packages = vec![package];
        let problems = check(&Workspace { packages });
        problems.into_iter().map(|problem| problem.what).collect()
    }

    fn with_manifest(manifest: &str) -> Package {
        Package {
            manifest: manifest.to_owned(),
            ..Package::made_up("deltaview-zset")
        }
    }

    #[test]
    fn a_good_manifest_is_left_alone() {
        assert_eq!(judge(Package::made_up("deltaview-zset")), [""; 0]);
        assert_eq!(judge(Package::made_up("deltaview")), [""; 0]);
        assert_eq!(judge(with_manifest("lints.workspace = true")), [""; 0]);
    }

    #[test]
    fn the_workspace_lints_must_be_taken() {
        let missing = ["does not take the workspace's lints"];
        assert_eq!(judge(with_manifest("[package]\nname = \"x\"")), missing);
        assert_eq!(judge(with_manifest("[lints]\nworkspace = false")), missing);
        assert_eq!(
            judge(with_manifest("[lints.rust]\nunsafe_code = \"allow\"")),
            missing
        );
    }

    #[test]
    fn a_package_is_named_after_its_folder() {
        let mut package = Package::made_up("deltaview-zset");
        package.folder = "crates/algebra".to_owned();
        assert_eq!(judge(package), ["names its package deltaview-zset"]);
    }

    #[test]
    fn a_broken_manifest_is_a_problem_of_its_own() {
        let found = judge(with_manifest("[lints"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("is no TOML"), "{found:?}");
    }
}
