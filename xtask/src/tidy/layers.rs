//! The layers: which crate may depend on which.
//!
//! A crate depends on crates above it only, never on one below it nor on a sibling. The facade, at the
//! bottom, depends on all. Packages outside `crates/` (tests, benches, xtask) use every crate and are
//! used by none.
//!
//! Dev-dependencies follow the same rule with two exceptions, open to every crate: `deltaview-derive`,
//! so that tests and doctests may derive their rows, and the facade, because the code that a derive
//! expands to names it. A test that needs a lower layer for anything else belongs to the `tests` package.
//!
//! Drivers are held to the layers too: [`DRIVERS`] are for the crates of their own database.

use super::Problem;
use super::workspace::{Dependency, Kind, Package, Workspace};

/// A crate's place in the order, and what it does without, but for its tests, though the order allows it.
struct Layer {
    package: &'static str,
    /// 0 is the top. Equal ranks are siblings.
    rank: u8,
    never: &'static [&'static str],
}

/// The layer order, from the top.
const LAYERS: &[Layer] = &[
    layer("deltaview-zset", 0, &[]),
    layer("deltaview-schema", 1, &[]),
    // Its expansion names the runtime crates; the macro itself must build without them.
    layer(
        "deltaview-derive",
        2,
        &["deltaview-zset", "deltaview-schema"],
    ),
    layer("deltaview-graph", 3, &[]),
    layer("deltaview-store", 4, &[]),
    layer("deltaview-store-sqlite", 5, &[]),
    layer("deltaview-store-postgres", 5, &[]),
    // A key-value map knows no graphs.
    layer("deltaview-ttkv", 6, &["deltaview-graph"]),
    layer(FACADE, 7, &[]),
];

const FACADE: &str = "deltaview";
const DERIVE: &str = "deltaview-derive";

/// Packages that bring a database or an async runtime, and the crates that may depend on them.
const DRIVERS: &[(&[&str], &[&str])] = &[
    (
        &["rusqlite", "libsqlite3-sys"],
        &["deltaview-store-sqlite", FACADE],
    ),
    (
        &[
            "tokio",
            "tokio-postgres",
            "postgres",
            "postgres-types",
            "deadpool-postgres",
        ],
        &["deltaview-store-postgres", FACADE],
    ),
];

const fn layer(package: &'static str, rank: u8, never: &'static [&'static str]) -> Layer {
    Layer {
        package,
        rank,
        never,
    }
}

/// Judges every direct dependency of every crate under `crates/`.
pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let crates = workspace.packages.iter();
    let crates = crates.filter(|package| package.folder.starts_with("crates/"));
    crates.flat_map(|one| check_crate(workspace, one)).collect()
}

fn check_crate(workspace: &Workspace, package: &Package) -> Vec<Problem> {
    let Some(layer) = find(&package.name) else {
        return vec![Problem::new(
            package.manifest_path(),
            format!("{} has no place in the layer order", package.name),
            "Give it one in LAYERS, in xtask/src/tidy/layers.rs, and in ARCHITECTURE.md.",
        )];
    };
    let problem = |dependency: &Dependency, what: &str, advice: &str| {
        let (name, section) = (&dependency.name, dependency.kind.section());
        Problem::new(
            package.manifest_path(),
            format!("{} has {name} in its {section}, {what}", package.name),
            advice,
        )
    };
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        if let Some((what, advice)) = wrong_layer(workspace, layer, dependency) {
            problems.push(problem(dependency, what, advice));
        }
        if let Some((what, advice)) = wrong_driver(layer, dependency) {
            problems.push(problem(dependency, what, advice));
        }
    }
    problems
}

/// What is wrong, in layers, with a dependency of a crate, and what to do about it.
fn wrong_layer(
    workspace: &Workspace,
    layer: &Layer,
    dependency: &Dependency,
) -> Option<(&'static str, &'static str)> {
    let Some(other) = find(&dependency.name) else {
        workspace.package(&dependency.name)?;
        return Some((
            "a package of the workspace that is no library",
            "Move what both need into a crate under crates/.",
        ));
    };
    let for_tests = [DERIVE, FACADE].contains(&other.package);
    if dependency.kind == Kind::Dev && for_tests {
        return None;
    }
    if dependency.kind != Kind::Dev && layer.never.contains(&other.package) {
        return Some((
            "which it must do without",
            "The reason is beside LAYERS, in xtask/src/tidy/layers.rs.",
        ));
    }
    match other.rank.cmp(&layer.rank) {
        std::cmp::Ordering::Less => None,
        // A crate's dev-dependency on itself is cargo's way to turn on its own features for its tests.
        std::cmp::Ordering::Equal if other.package == layer.package => None,
        std::cmp::Ordering::Equal => Some((
            "its sibling",
            "Move what both need into a crate above them, or the test into the tests package.",
        )),
        std::cmp::Ordering::Greater => Some((
            "which is below it in the layer order",
            "Move what it needs up to its own layer or above, or the test into the tests package.",
        )),
    }
}

fn wrong_driver(layer: &Layer, dependency: &Dependency) -> Option<(&'static str, &'static str)> {
    let (_, allowed) = DRIVERS
        .iter()
        .find(|(drivers, _)| drivers.contains(&dependency.name.as_str()))?;
    (!allowed.contains(&layer.package)).then_some((
        "a driver that is not its own",
        "Put what needs the driver into the store of its database, or a test into the tests package.",
    ))
}

fn find(package: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.package == package)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when `from` depends on `to`, in an otherwise empty workspace.
    fn judge(from: &str, kind: Kind, to: &str) -> Vec<String> {
        let mut tests = Package::made_up("deltaview-tests");
        tests.folder = "tests".to_owned();
        let workspace = Workspace {
            packages: vec![Package::made_up(from).depends_on(kind, to), tests],
        };
        let problems = check(&workspace);
        problems.into_iter().map(|problem| problem.what).collect()
    }

    fn wrong(from: &str, kind: Kind, to: &str, because: &str) {
        let found = judge(from, kind, to);
        assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
        assert!(found[0].contains(because), "{from} -> {to}: {found:?}");
        assert!(
            found[0].contains(kind.section()),
            "{from} -> {to}: {found:?}"
        );
    }

    fn right(from: &str, kind: Kind, to: &str) {
        assert_eq!(judge(from, kind, to), [""; 0], "{from} -> {to}");
    }

    #[test]
    fn a_crate_may_depend_on_those_above_it() {
        right("deltaview-schema", Kind::Normal, "deltaview-zset");
        right("deltaview-store-sqlite", Kind::Normal, "deltaview-graph");
        right("deltaview-ttkv", Kind::Normal, "deltaview-store-sqlite");
        right("deltaview", Kind::Normal, "deltaview-store-postgres");
        right("deltaview", Kind::Normal, "deltaview-derive");
        right("deltaview-zset", Kind::Normal, "serde");
    }

    #[test]
    fn a_crate_may_not_depend_on_those_below_it() {
        for kind in [Kind::Normal, Kind::Build, Kind::Dev] {
            wrong("deltaview-zset", kind, "deltaview-schema", "below it");
            wrong("deltaview-graph", kind, "deltaview-store", "below it");
        }
        wrong("deltaview-store", Kind::Normal, "deltaview", "below it");
    }

    #[test]
    fn siblings_do_not_meet() {
        let (sqlite, postgres) = ("deltaview-store-sqlite", "deltaview-store-postgres");
        wrong(sqlite, Kind::Normal, postgres, "its sibling");
        wrong(postgres, Kind::Dev, sqlite, "its sibling");
    }

    #[test]
    fn the_derive_needs_no_runtime_crate_but_its_tests_may() {
        for runtime in ["deltaview-zset", "deltaview-schema"] {
            wrong("deltaview-derive", Kind::Normal, runtime, "do without");
            wrong("deltaview-derive", Kind::Build, runtime, "do without");
            right("deltaview-derive", Kind::Dev, runtime);
        }
        wrong(
            "deltaview-derive",
            Kind::Normal,
            "deltaview-graph",
            "below it",
        );
        right("deltaview-derive", Kind::Dev, "deltaview");
    }

    #[test]
    fn the_map_knows_no_graphs() {
        wrong(
            "deltaview-ttkv",
            Kind::Normal,
            "deltaview-graph",
            "do without",
        );
    }

    #[test]
    fn tests_may_use_the_derive_and_the_facade_from_anywhere() {
        right("deltaview-schema", Kind::Dev, "deltaview-derive");
        right("deltaview-graph", Kind::Dev, "deltaview");
        right("deltaview-store", Kind::Dev, "deltaview-store");
    }

    #[test]
    fn nothing_depends_on_a_package_that_is_no_library() {
        wrong(
            "deltaview-store",
            Kind::Dev,
            "deltaview-tests",
            "no library",
        );
    }

    #[test]
    fn an_unknown_crate_is_asked_for_its_place() {
        let found = judge("deltaview-novel", Kind::Normal, "serde");
        assert_eq!(found, ["deltaview-novel has no place in the layer order"]);
    }

    #[test]
    fn drivers_stay_with_their_store() {
        let because = "a driver that is not its own";
        for upper in ["zset", "schema", "derive", "graph", "store", "ttkv"] {
            let upper = format!("deltaview-{upper}");
            wrong(&upper, Kind::Normal, "rusqlite", because);
            wrong(&upper, Kind::Dev, "tokio-postgres", because);
        }
        wrong("deltaview-store-sqlite", Kind::Normal, "tokio", because);
        wrong("deltaview-store-postgres", Kind::Dev, "rusqlite", because);
        right("deltaview-store-sqlite", Kind::Normal, "rusqlite");
        right(
            "deltaview-store-postgres",
            Kind::Normal,
            "deadpool-postgres",
        );
        right("deltaview", Kind::Dev, "rusqlite");
    }
}
