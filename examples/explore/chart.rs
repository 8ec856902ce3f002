//! Line charts as inline SVG, coloured by the classes of the page's style sheet.

use maud::{Markup, Render, html};

/// Size of the drawing, in its own units; it is scaled to the width there is.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 260.0;
/// What is left for labels: left, right, top and bottom of the lines.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// A chart with a title and the numbers it shows.
pub struct Chart {
    pub title: &'static str,
    /// What there is to see, below the chart.
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// What a direction of a chart stands for.
pub struct Axis {
    pub label: String,
    pub ticks: Vec<f64>,
    /// Whether equal ways are equal ratios.
    pub is_logarithmic: bool,
}

/// A line of a chart.
pub struct Line {
    /// Class of the style sheet: colour, dashes, width.
    pub class: &'static str,
    /// What the legend says; lines without a name are not in it.
    pub name: Option<String>,
    pub points: Vec<(f64, f64)>,
    /// Whether each point has a dot.
    pub dotted: bool,
}

impl Axis {
    /// An axis from the first of `ticks` to the last.
    pub fn new(label: impl Into<String>, ticks: Vec<f64>) -> Self {
        Self { label: label.into(), ticks, is_logarithmic: false }
    }

    pub fn logarithmic(self) -> Self {
        Self { is_logarithmic: true, ..self }
    }

    /// Where `value` is, 0 at the first tick to 1 at the last.
    fn share(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.is_logarithmic { value.ln() } else { value };
        let first = self.ticks.first().copied().map_or(0.0, scaled);
        let last = self.ticks.last().copied().map_or(1.0, scaled);
        if last > first { (scaled(value) - first) / (last - first) } else { 0.5 }
    }
}

/// Round numbers from below `low` to above `high`.
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

    /// The lines at the ticks with their numbers, and what the axes are.
    fn grid(&self) -> Markup {
        let bottom = HEIGHT - BOTTOM;
        let (middle, center) = (f64::midpoint(TOP, bottom), f64::midpoint(LEFT, WIDTH - RIGHT));
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

/// To a tenth of a unit of the drawing.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A number without needless zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
