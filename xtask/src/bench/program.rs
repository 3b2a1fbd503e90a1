//! Programs that are measured: building them, and running one in a process of its own, so that its peak memory is its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, MetadataCommand};
use serde::de::DeserializeOwned;

use crate::process;

/// Builds optimised programs, and says where they are, by name.
pub(super) fn build(arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = process::cargo(["build", "--release"]);
    command
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped());
    let line = process::shown(&command);
    eprintln!("$ {line}");
    let output = command
        .output()
        .with_context(|| format!("`{line}` did not start"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    let mut programs = BTreeMap::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        let message = message.context("cannot read what cargo says")?;
        if let Message::CompilerArtifact(artifact) = message
            && let Some(path) = artifact.executable
        {
            programs.insert(artifact.target.name, path.into_std_path_buf());
        }
    }
    Ok(programs)
}

/// The versions of some packages that a workspace is built with.
pub(super) fn versions(manifest: &Path, packages: &[&str]) -> Result<BTreeMap<String, String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .exec()
        .context("cargo metadata could not read the workspace")?;
    let packages = metadata
        .packages
        .into_iter()
        .filter(|package| packages.contains(&package.name.as_str()))
        .map(|package| (package.name.to_string(), package.version.to_string()));
    Ok(packages.collect())
}

/// Runs a program, and returns what it wrote.
pub(super) fn output(program: &Path, arguments: &[String]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(process::root());
    process::output(command)
}

/// Runs a program that prints one line of JSON for each thing that it has measured.
pub(super) fn measured<T: DeserializeOwned>(
    program: &Path,
    arguments: &[String],
) -> Result<Vec<T>> {
    let said = output(program, arguments)?;
    said.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| {
                let name = program.file_name().unwrap_or_default();
                format!("{} printed no report: {line}", name.to_string_lossy())
            })
        })
        .collect()
}
