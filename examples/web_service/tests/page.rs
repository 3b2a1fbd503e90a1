//! `docs/in-a-web-service.md` quotes the code as it is.

const PAGE: &str = include_str!("../../../docs/in-a-web-service.md");
const CODE: [&str; 3] = [
    include_str!("../src/lib.rs"),
    include_str!("../src/shop.rs"),
    include_str!("../src/failure.rs"),
];

/// The lines of code without their indentation: a page shows a method as if it were a function.
fn flat(code: &str) -> String {
    let lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_quotes_the_code() {
    let code = CODE.map(flat);
    let quotes: Vec<&str> = PAGE
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect();
    assert!(quotes.len() > 5, "{} quotes", quotes.len());
    for quote in quotes {
        // What is left out is marked by a line of its own.
        for part in quote.split("// …\n") {
            let part = flat(part);
            assert!(
                code.iter().any(|code| code.contains(&part)),
                "the code has not, any more:\n{part}"
            );
        }
    }
}
