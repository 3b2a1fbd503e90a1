//! What the measurements were made on. What cannot be told is left out.

use std::process::Command;

use super::numbers;
use crate::process;

/// Sentences for the document: processor, memory, system, compiler, commit.
pub(super) fn described() -> Vec<String> {
    [processor(), memory(), system(), compiler(), commit()]
        .into_iter()
        .flatten()
        .collect()
}

fn processor() -> Option<String> {
    let cores = std::thread::available_parallelism().ok()?;
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = known.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cache = field("cache size").map_or_else(String::new, |size| format!(", cache {size}"));
    Some(format!("processor: {model}, {cores} cores{cache}"))
}

fn memory() -> Option<String> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = known
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(format!("memory: {}", numbers::bytes(kib * 1024.0)))
}

fn system() -> Option<String> {
    let kernel = said("uname", &["-sr"])?;
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"').to_owned());
    let name = name.map_or_else(String::new, |name| format!("{name}, "));
    Some(format!("system: {name}{kernel}"))
}

fn compiler() -> Option<String> {
    Some(format!("compiler: {}", said("rustc", &["--version"])?))
}

fn commit() -> Option<String> {
    let commit = said("git", &["log", "-1", "--format=%h of %cs"])?;
    let changed = said("git", &["status", "--porcelain", "--untracked-files=no"])?;
    let changed = if changed.is_empty() {
        ""
    } else {
        ", with changes that are not committed"
    };
    Some(format!("deltaview: commit {commit}{changed}"))
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(process::root());
    Some(process::output(command).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_and_the_processor_are_named() {
        let described = described();
        assert!(described.iter().any(|line| line.starts_with("processor: ")));
        assert!(described.iter().any(|line| line.contains("rustc 1.")));
    }
}
