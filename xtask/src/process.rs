//! Running cargo from the workspace root, showing what is run.
//!
//! Never goes through a shell: what is shown is quoted so that it can be pasted into one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};

/// The workspace root: the folder above this package.
///
/// Where it is now, as the cargo that started this program says, rather than where it was compiled:
/// cargo does not compile again when a checkout moves and its target folder does not.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent();
        root.expect("xtask is a folder of the workspace").into()
    });
    &ROOT
}

/// A cargo command in the workspace root, by the very cargo that started this program if one did.
pub(crate) fn cargo<I>(args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Shows the command, runs it with this program's own input and output, and fails if it fails.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = shown(&command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("`{line}` did not start"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs the command and returns what it wrote to its standard output.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let line = shown(&command);
    let output = command
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("`{line}` did not start"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}):\n{}", output.status, said.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote no UTF-8"))
}

/// Whether `cargo <subcommand>` is there to be called.
pub(crate) fn has_subcommand(subcommand: &str) -> bool {
    cargo([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes `cargo <subcommand>` available, from the rustup component that carries it.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<()> {
    if has_subcommand(subcommand) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup
        .args(["component", "add", component])
        .current_dir(root());
    run(rustup).with_context(|| {
        format!("`cargo {subcommand}` is missing: install the toolchain's {component} component")
    })
}

/// The command as a person would type it: variables that it sets, then the program's bare name, then
/// its arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_stem().unwrap_or(command.get_program());
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = cargo(["doc", "--no-deps", "it's"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        let line = shown(&command);
        assert_eq!(
            line,
            r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"
        );
    }

    #[test]
    fn a_failing_command_names_itself_and_says_what_it_said() {
        let error = output(cargo(["--no-such-flag"])).unwrap_err().to_string();
        assert!(
            error.starts_with("`cargo --no-such-flag` failed (exit status"),
            "{error}"
        );
        assert!(error.contains("unexpected argument"), "{error}");
    }

    #[test]
    fn only_installed_subcommands_are_found() {
        assert!(has_subcommand("tree"));
        assert!(!has_subcommand("no-such-subcommand-of-cargo"));
    }
}
