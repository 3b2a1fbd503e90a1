//! Plots as SVG: lines over two logarithmic axes, panels side by side.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// A panel: what is on the axes, and lines.
pub(super) struct Panel {
    pub(super) title: String,
    x: String,
    y: String,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Of one panel.
const SIZE: (u32, u32) = (560, 420);
const A_ROW: usize = 2;

impl Panel {
    pub(super) fn new(title: &str, x: &str, y: &str) -> Self {
        Self {
            title: title.to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            lines: Vec::new(),
        }
    }

    /// A point of the line of that name. What is not above nought has no place on a logarithmic axis, and is left out.
    pub(super) fn add(&mut self, line: &str, x: f64, y: f64) {
        if x <= 0.0 || y <= 0.0 {
            return;
        }
        let known = self.lines.iter_mut().find(|known| known.name == line);
        match known {
            Some(known) => known.points.push((x, y)),
            None => self.lines.push(Line {
                name: line.to_owned(),
                points: vec![(x, y)],
            }),
        }
    }

    fn range(&self, of: impl Fn(&(f64, f64)) -> f64) -> Option<std::ops::Range<f64>> {
        let all = || self.lines.iter().flat_map(|line| &line.points).map(&of);
        let low = all().reduce(f64::min)?;
        let high = all().reduce(f64::max)?;
        Some(low / 1.5..high * 1.5)
    }
}

/// Writes a picture of some panels.
pub(super) fn draw(path: &Path, panels: &[Panel]) -> Result<()> {
    let rows = panels.len().div_ceil(A_ROW).max(1);
    let columns = panels.len().clamp(1, A_ROW);
    let size = (SIZE.0 * columns as u32, SIZE.1 * rows as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    for (panel, area) in panels.iter().zip(area.split_evenly((rows, columns))) {
        draw_panel(panel, &area).map_err(|error| failed(&error))?;
    }
    area.present().map_err(|error| failed(&error))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw_panel<'a>(panel: &Panel, area: &Area<'a>) -> Result<(), Failure<'a>> {
    let ranges = panel
        .range(|point| point.0)
        .zip(panel.range(|point| point.1));
    let Some((x, y)) = ranges else {
        return Ok(());
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(&panel.x)
        .y_desc(&panel.y)
        .x_label_formatter(&|number| super::numbers::rate(*number))
        .y_label_formatter(&|number| super::numbers::rate(*number))
        .draw()?;
    for (number, line) in panel.lines.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_lines_and_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        let mut panel = Panel::new("A title", "rows", "time");
        for (x, y) in [(1e3, 10.0), (1e6, 12.0), (0.0, 1.0)] {
            panel.add("memory", x, y);
        }
        draw(&path, &[panel]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for text in ["A title", "memory", "rows", "time", "polyline"] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
