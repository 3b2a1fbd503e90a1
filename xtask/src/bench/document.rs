//! `docs/benchmarks.md`: a part for each kind of measurement, between two marks. A run replaces its own part.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process;

/// The document from the workspace root.
pub(super) const DOCUMENT: &str = "docs/benchmarks.md";

/// Replaces a part of the document.
pub(super) fn replace(part: &str, text: &str) -> Result<()> {
    let path = process::root().join(DOCUMENT);
    let before =
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let after = replaced(&before, part, text)?;
    std::fs::write(&path, after).with_context(|| format!("cannot write {DOCUMENT}"))?;
    eprintln!("bench: wrote the part `{part}` of {DOCUMENT}");
    Ok(())
}

fn replaced(document: &str, part: &str, text: &str) -> Result<String> {
    let marks = [
        format!("<!-- {part}: begin -->\n"),
        format!("<!-- {part}: end -->\n"),
    ];
    let missing = || {
        format!(
            "{DOCUMENT} has no part `{part}`: lines `<!-- {part}: begin -->` and `<!-- {part}: end -->`"
        )
    };
    let (head, rest) = document.split_once(&marks[0]).with_context(missing)?;
    let (_, tail) = rest.split_once(&marks[1]).with_context(missing)?;
    Ok(format!("{head}{}\n{text}\n{}{tail}", marks[0], marks[1]))
}

/// A table of Markdown: the first column to the left, the others to the right.
pub(super) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: Vec<String> = (0..head.len())
        .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
        .collect();
    let mut text = line(head) + &line(&rule);
    for row in rows {
        text += &line(row);
    }
    text
}

/// A file in `target/bench`, whose folder is made.
pub(super) fn in_target(name: &str) -> Result<PathBuf> {
    let folder = process::root().join("target/bench");
    std::fs::create_dir_all(&folder).context("cannot make target/bench")?;
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_the_others_stay() {
        let document = "# Title\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\n";
        let after = replaced(document, "a", "new").unwrap();
        assert_eq!(
            after,
            "# Title\n<!-- a: begin -->\n\nnew\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\n"
        );
        assert_eq!(replaced(&after, "a", "new").unwrap(), after);
        let error = replaced(document, "c", "new").unwrap_err().to_string();
        assert!(error.contains("has no part `c`"), "{error}");
    }

    #[test]
    fn the_document_has_the_parts() {
        let document = std::fs::read_to_string(process::root().join(DOCUMENT)).unwrap();
        for part in ["peers", "workloads"] {
            assert!(replaced(&document, part, "").is_ok(), "{part}");
        }
    }

    #[test]
    fn a_table_is_markdown() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            table(&row(["peer", "reads/s"]), &[row(["maps", "11M"])]),
            "| peer | reads/s |\n| --- | ---: |\n| maps | 11M |\n"
        );
    }
}
