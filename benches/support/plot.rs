//! Recall against queries per second, as an SVG plot.

use std::{error::Error, path::Path};

use plotters::prelude::*;

/// A named line through points (recall, queries per second).
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Colors of the lines, in the order of the curves.
const COLORS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(23, 190, 207),
];

/// Writes the plot of `curves` to `path`.
pub fn write(path: &Path, caption: &str, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (900, 600)).into_drawing_area();
    root.fill(&WHITE)?;
    let (recalls, speeds) = ranges(curves);
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(recalls.0..recalls.1, (speeds.0..speeds.1).log_scale())?;
    chart
        .configure_mesh()
        .max_light_lines(4)
        .x_desc("recall@10")
        .y_desc("queries per second, one thread")
        .x_label_formatter(&|recall| format!("{recall:.3}"))
        .y_label_formatter(&|speed| format!("{speed:.0}"))
        .draw()?;
    for (curve, color) in curves.iter().zip(COLORS.iter().cycle()) {
        let line = LineSeries::new(curve.points.iter().copied(), color.stroke_width(2));
        chart
            .draw_series(line.point_size(3))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(root.present()?)
}

/// Lowest and highest value.
type Range = (f64, f64);

/// Range of the axes, with a margin around the points.
fn ranges(curves: &[Curve]) -> (Range, Range) {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let lowest = points().fold(1.0_f64, |low, point| low.min(point.0));
    let slowest = points().fold(f64::MAX, |low, point| low.min(point.1));
    let fastest = points().fold(0.0_f64, |high, point| high.max(point.1));
    let room = 0.05 * (1.0 - lowest).max(0.01);
    ((lowest - room, 1.0 + room), (slowest / 1.5, fastest * 1.5))
}
