//! Line charts as inline SVG, colored by the classes of the page's style sheet.

use maud::{Markup, Render, html};

/// Size of the drawing in its own units; the page scales it.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 260.0;
/// Margins for labels.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// A line chart.
pub struct Chart {
    pub title: &'static str,
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// An axis of a chart.
pub struct Axis {
    pub label: String,
    pub ticks: Vec<f64>,
    pub is_logarithmic: bool,
}

/// A line of a chart.
pub struct Line {
    /// Class of the style sheet: color, dashes, width.
    pub class: &'static str,
    /// Name in the legend; unnamed lines have no entry.
    pub name: Option<String>,
    pub points: Vec<(f64, f64)>,
    /// Whether each point is drawn as a dot.
    pub dotted: bool,
}

impl Axis {
    /// Returns a linear axis from the first to the last of `ticks`.
    pub fn new(label: impl Into<String>, ticks: Vec<f64>) -> Self {
        Self { label: label.into(), ticks, is_logarithmic: false }
    }

    pub fn logarithmic(self) -> Self {
        Self { is_logarithmic: true, ..self }
    }

    /// Returns the position of `value`: 0 at the first tick, 1 at the last.
    fn share(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.is_logarithmic { value.ln() } else { value };
        let first = self.ticks.first().copied().map_or(0.0, scaled);
        let last = self.ticks.last().copied().map_or(1.0, scaled);
        if last > first { (scaled(value) - first) / (last - first) } else { 0.5 }
    }
}

/// Returns round numbers that cover `low..=high`.
pub fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = ((high - low) / 4.0).max(1e-6);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step).floor();
    let mut ticks = Vec::new();
    for at in 0..8_u32 {
        let tick = (first + f64::from(at)) * step;
        ticks.push(tick);
        if tick >= high {
            break;
        }
    }
    ticks
}

impl Render for Chart {
    fn render(&self) -> Markup {
        let named = || self.lines.iter().filter_map(|line| Some((line, line.name.as_ref()?)));
        html! {
            figure.chart {
                h3 { (self.title) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title) {
                    (self.grid())
                    @for line in &self.lines { (self.line(line)) }
                }
                ul.legend {
                    @for (line, name) in named() {
                        li {
                            svg.key viewBox="0 0 28 10" aria-hidden="true" {
                                path.line.(line.class) d="M1,5H27" {}
                                @if line.dotted { path.dot.(line.class) d="M14,5h0" {} }
                            }
                            (name)
                        }
                    }
                }
                figcaption { (self.caption) }
            }
        }
    }
}

impl Chart {
    fn x(&self, value: f64) -> f64 {
        round(LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT))
    }

    fn y(&self, value: f64) -> f64 {
        round(HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM))
    }

    /// Renders the grid lines with tick labels and axis labels.
    fn grid(&self) -> Markup {
        let bottom = HEIGHT - BOTTOM;
        let middle = f64::midpoint(TOP, bottom);
        let center = f64::midpoint(LEFT, WIDTH - RIGHT);
        html! {
            g.grid {
                @for tick in &self.y.ticks {
                    path d={ "M" (LEFT) "," (self.y(*tick)) "H" (WIDTH - RIGHT) } {}
                    text x=(LEFT - 6.0) y=(self.y(*tick) + 4.0) text-anchor="end" { (number(*tick)) }
                }
                @for tick in &self.x.ticks {
                    path d={ "M" (self.x(*tick)) "," (bottom) "v4" } {}
                    text x=(self.x(*tick)) y=(bottom + 16.0) text-anchor="middle" {
                        (number(*tick))
                    }
                }
            }
            text x=(center) y=(HEIGHT - 6.0) text-anchor="middle" {
                (self.x.label)
            }
            text x="11" y=(middle) text-anchor="middle"
                transform={ "rotate(-90 11 " (middle) ")" } { (self.y.label) }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let places: Vec<String> =
            line.points.iter().map(|(x, y)| format!("{},{}", self.x(*x), self.y(*y))).collect();
        html! {
            @if !places.is_empty() {
                path.line.(line.class) d={ "M" (places.join("L")) } {}
                @if line.dotted { path.dot.(line.class) d={ "M" (places.join("h0M")) "h0" } {} }
            }
        }
    }
}

/// Rounds to a tenth of a drawing unit.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Formats a number without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
