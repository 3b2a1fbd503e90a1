//! Numbers as people read them, and the median.

/// The middle of some numbers: of an even count the lower one of the two. None of nothing.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len().checked_sub(1)? / 2;
    numbers.get(middle).copied()
}

/// With thousands set apart: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many a second, to three digits: `1.23M`, `374k`, `950`.
pub(super) fn rate(number: f64) -> String {
    scaled(number, &[(1e6, "M"), (1e3, "k"), (1.0, "")])
}

/// Nanoseconds, to three digits: `950 ns`, `27.1 µs`, `3.20 ms`, `1.50 s`.
pub(super) fn time(nanoseconds: f64) -> String {
    scaled(
        nanoseconds,
        &[(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns")],
    )
}

/// Bytes, to three digits: `1.50 GiB`, `34.0 MiB`, `512 KiB`, `97 B`.
pub(super) fn bytes(bytes: f64) -> String {
    let (kib, mib, gib) = (1024.0, 1_048_576.0, 1_073_741_824.0);
    scaled(
        bytes,
        &[(gib, " GiB"), (mib, " MiB"), (kib, " KiB"), (1.0, " B")],
    )
}

/// Times as much: `2.10×`, `12.3×`, `150×`.
pub(super) fn ratio(ratio: f64) -> String {
    format!("{}×", digits(ratio))
}

fn scaled(number: f64, units: &[(f64, &str)]) -> String {
    let unit = units.iter().find(|(size, _)| number >= *size);
    let (size, unit) = unit.or(units.last()).unwrap_or(&(1.0, ""));
    format!("{}{unit}", digits(number / size))
}

/// Three digits, or all before the point.
fn digits(number: f64) -> String {
    let places = match number {
        _ if number >= 100.0 => 0,
        _ if number >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_read_them() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(100), "100");
        assert_eq!(rate(1_234_567.0), "1.23M");
        assert_eq!(rate(374_400.0), "374k");
        assert_eq!(time(27_100.0), "27.1 µs");
        assert_eq!(time(0.4), "0.40 ns");
        assert_eq!(bytes(35_651_584.0), "34.0 MiB");
        assert_eq!(ratio(12.34), "12.3×");
    }

    #[test]
    fn the_median_is_one_of_the_numbers() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(median([]), None);
    }
}
