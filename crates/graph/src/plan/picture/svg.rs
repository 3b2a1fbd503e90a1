//! The plan as SVG: `layout-rs` places the vertices and the edges, and the canvas below draws them.
//!
//! The canvas is our own because that of `layout-rs` lets no shape but boxes and ellipses be drawn, and makes images
//! taller by the length of each label.

use std::fmt::Write;

use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::{Graph, Look, Node, nodes, printable};

const FONT_SIZE: usize = 12;
/// Of a character of a monospaced font, somewhat generously: fonts differ.
const CHARACTER_WIDTH: f64 = 7.5;
const LINE_HEIGHT: f64 = 16.0;
const PADDING: f64 = 12.0;
/// The height of the half of a cylinder's lid.
const LID: f64 = 7.0;

pub(super) fn svg(graph: &Graph) -> String {
    let nodes = nodes(graph);
    let mut canvas = Canvas::default();
    // It panics on a graph without vertices.
    if !nodes.is_empty() {
        let no_optimization = layout_cost(&nodes) > MAX_LAYOUT_COST;
        placed(&nodes).do_it(false, no_optimization, false, &mut canvas);
    }
    canvas.finish(graph.name())
}

/// The optimization of `layout-rs` takes some tens of milliseconds at this cost, and grows with its square.
const MAX_LAYOUT_COST: usize = 100_000;

/// Estimates what it costs to order the vertices in the rows of the picture: the cube of the length of each row. An
/// edge has a place in every row that it passes.
fn layout_cost(nodes: &[Node<'_>]) -> usize {
    let mut levels: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut rows = vec![0_usize; nodes.len()];
    for node in nodes {
        let inputs = || node.vertex.inputs.iter().map(|input| levels[*input]);
        let level = inputs().max().map_or(0, |level| level + 1);
        rows[level] += 1;
        for input in inputs() {
            rows[input + 1..level].iter_mut().for_each(|row| *row += 1);
        }
        levels.push(level);
    }
    rows.iter()
        .map(|row| row.saturating_pow(3))
        .fold(0, usize::saturating_add)
}

fn placed(nodes: &[Node<'_>]) -> VisualGraph {
    let direction = Orientation::TopToBottom;
    let mut picture = VisualGraph::new(direction);
    // Its check for cycles takes time exponential in the number of diamonds, and a plan has no cycles. For the same
    // reason the edges below are added in the order of the plan: each leads to a vertex that none leaves yet.
    picture.dag.set_validate(false);
    let element = |node: &Node<'_>| {
        let lines = node.label();
        let shape = ShapeKind::new_box(&lines.join("\n"));
        let outline = Outline::of(node.look);
        let fill = Color::fast(fill(node.look));
        let style = StyleAttr::new(Color::fast("black"), 1, Some(fill), 0, FONT_SIZE);
        Element::create_with_properties(shape, style, direction, size(&lines), outline.name())
    };
    let handles: Vec<_> = nodes
        .iter()
        .map(|node| picture.add_node(element(node)))
        .collect();
    for (node, to) in nodes.iter().zip(&handles) {
        for input in &node.vertex.inputs {
            let mut arrow = Arrow::simple("");
            arrow.look.line_width = if nodes[*input].is_arranged() { 3 } else { 1 };
            picture.add_edge(arrow, handles[*input], *to);
        }
    }
    picture
}

fn fill(look: Look) -> &'static str {
    match look {
        Look::Source => "honeydew",
        Look::View => "lightyellow",
        Look::Stateful => "aliceblue",
        Look::Stateless => "white",
        Look::Output => "mistyrose",
    }
}

/// All shapes have the room that the lid of a cylinder takes.
fn size(lines: &[String]) -> Point {
    // Most of what is above is twice as wide: Chinese, Japanese and Korean text, and emoji.
    let columns = |line: &String| {
        line.chars()
            .map(|c| if c < '\u{1100}' { 1.0 } else { 2.0 })
            .sum()
    };
    let widest: f64 = lines.iter().map(columns).fold(0.0, f64::max);
    let count: f64 = lines.iter().map(|_| 1.0).sum();
    Point::new(
        widest * CHARACTER_WIDTH + 2.0 * PADDING,
        count * LINE_HEIGHT + 2.0 * (PADDING + LID),
    )
}

/// The outline of a vertex, on its way through `layout-rs`, which knows boxes only.
#[derive(Clone, Copy)]
enum Outline {
    Box,
    Pill,
    Cylinder,
}

impl Outline {
    fn of(look: Look) -> Self {
        match look {
            Look::Source | Look::Output => Self::Pill,
            Look::View | Look::Stateful => Self::Cylinder,
            Look::Stateless => Self::Box,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Pill => "pill",
            Self::Cylinder => "cylinder",
        }
    }

    fn named(name: Option<&str>) -> Self {
        match name {
            Some("pill") => Self::Pill,
            Some("cylinder") => Self::Cylinder,
            _ => Self::Box,
        }
    }
}

/// Takes the strokes of `layout-rs`.
#[derive(Default)]
struct Canvas {
    body: String,
    /// The corners of what was drawn, if anything was.
    drawn: Option<(Point, Point)>,
}

impl Canvas {
    fn finish(self, title: &str) -> String {
        const MARGIN: f64 = 10.0;
        let (from, to) = self.drawn.unwrap_or((Point::zero(), Point::zero()));
        let (x, y) = (from.x - MARGIN, from.y - MARGIN);
        let (width, height) = (to.x - x + MARGIN, to.y - y + MARGIN);
        let (title, body) = (escaped(&printable(title)), self.body);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="{x:.1} {y:.1} {width:.1} {height:.1}">
<title>{title}</title>
<defs>
<marker id="deltaview-arrow" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="8" refX="10" refY="4" orient="auto">
<polygon points="0 0, 10 4, 0 8" fill="black"/>
</marker>
</defs>
<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="white"/>
{body}</svg>
"##
        )
    }

    fn reach(&mut self, point: Point) {
        let (from, to) = self.drawn.unwrap_or((point, point));
        self.drawn = Some((
            Point::new(from.x.min(point.x), from.y.min(point.y)),
            Point::new(to.x.max(point.x), to.y.max(point.y)),
        ));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{line}").expect("a string takes every line");
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(
        &mut self,
        at: Point,
        size: Point,
        look: &StyleAttr,
        outline: Option<String>,
        _: Option<ClipHandle>,
    ) {
        self.reach(at);
        self.reach(at.add(size));
        let fill = look
            .fill_color
            .unwrap_or_else(Color::transparent)
            .to_web_color();
        let style = format!("fill=\"{}\" stroke=\"black\"", &fill[..7]);
        let (
            Point { x, y },
            Point {
                x: width,
                y: height,
            },
        ) = (at, size);
        let radius = match Outline::named(outline.as_deref()) {
            Outline::Box => 0.0,
            // Not a full half circle: edges end at the corners, too.
            Outline::Pill => height / 4.0,
            Outline::Cylinder => {
                let (side, half, top) = (height - 2.0 * LID, width / 2.0, y + LID);
                self.line(format_args!(
                    r#"<path d="M{x:.1} {top:.1} a{half:.1} {LID} 0 0 1 {width:.1} 0 v{side:.1} a{half:.1} {LID} 0 0 1 -{width:.1} 0 z" {style}/>"#
                ));
                return self.line(format_args!(
                    r#"<path d="M{x:.1} {top:.1} a{half:.1} {LID} 0 0 0 {width:.1} 0" fill="none" stroke="black"/>"#
                ));
            }
        };
        self.line(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{radius:.1}" {style}/>"#
        ));
    }

    fn draw_text(&mut self, center: Point, text: &str, look: &StyleAttr) {
        let (x, size) = (center.x, look.font_size);
        // The room of a cylinder's text is below its lid.
        let above = text
            .lines()
            .skip(1)
            .fold(0.0, |above, _| above + LINE_HEIGHT / 2.0);
        let mut y = center.y - above + LID / 2.0;
        for (number, line) in text.lines().enumerate() {
            let weight = if number == 0 { "bold" } else { "normal" };
            let line = escaped(line);
            self.line(format_args!(
                r#"<text x="{x:.1}" y="{y:.1}" dy="0.35em" text-anchor="middle" font-family="monospace" font-size="{size}" font-weight="{weight}">{line}</text>"#
            ));
            y += LINE_HEIGHT;
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _dashed: bool,
        _head: (bool, bool),
        look: &StyleAttr,
        _: Option<String>,
        _text: &str,
    ) {
        // The first pair is where the edge begins and what it heads for; in each other, where it arrives is the second.
        let [(start, heading), (control, end), rest @ ..] = path else {
            return;
        };
        let mut curve = format!(
            "M{:.1} {:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
            start.x, start.y, heading.x, heading.y, control.x, control.y, end.x, end.y
        );
        for (control, end) in rest {
            write!(
                curve,
                " S{:.1} {:.1} {:.1} {:.1}",
                control.x, control.y, end.x, end.y
            )
            .expect("a string takes every curve");
        }
        path.iter().for_each(|(one, other)| {
            self.reach(*one);
            self.reach(*other);
        });
        let width = look.line_width;
        self.line(format_args!(
            r#"<path d="{curve}" fill="none" stroke="black" stroke-width="{width}" marker-end="url(#deltaview-arrow)"/>"#
        ));
    }

    /// None of our shapes has any.
    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    /// None of our shapes has any.
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    /// Nothing here is clipped.
    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

/// Text between tags. What no XML may hold was made printable before.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
