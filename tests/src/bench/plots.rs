//! Plots of costs against the size of a cluster, as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::cell::Cell;
use super::cost::{self, Cost};
use super::record::Record;
use super::report;

/// The size of a picture in pixels: two charts beside each other.
const SIZE: (u32, u32) = (960, 360);
const OURS: RGBColor = RGBColor(31, 119, 180);
const KLAG: RGBColor = RGBColor(214, 120, 39);

/// A picture.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// The name of the file without its ending.
    pub(super) name: &'static str,
    /// The heading above the plot.
    pub(super) title: String,
    /// The text of the file.
    pub(super) svg: String,
}

/// A respect in which cells differ.
struct Axis {
    name: &'static str,
    words: &'static str,
    of: fn(Cell) -> u32,
    /// The cell without this respect.
    without: fn(Cell) -> Cell,
}

const AXES: [Axis; 3] = [
    Axis {
        name: "groups",
        words: "groups",
        of: |cell| cell.groups,
        without: |cell| Cell { groups: 0, ..cell },
    },
    Axis {
        name: "partitions",
        words: "partitions",
        of: |cell| cell.partitions,
        without: |cell| Cell {
            partitions: 0,
            ..cell
        },
    },
    Axis {
        name: "rows",
        words: "rows: commits of all groups",
        of: Cell::rows,
        without: |cell| Cell { commits: 0, ..cell },
    },
];

/// A line of a chart: points by size.
type Line = Vec<(f64, f64)>;

/// A plot for each respect in which at least two cells differ from each other, and in nothing else.
pub(super) fn of(record: &Record) -> Result<Vec<Plot>> {
    let plots = AXES.iter().map(|axis| {
        let cells = axis.cells(record);
        (cells.len() > 1).then(|| axis.plot(record, &cells))
    });
    plots.flatten().collect()
}

// === impl Axis ===

impl Axis {
    /// The largest set of cells that differ in this respect alone, in its order.
    fn cells(&self, record: &Record) -> Vec<Cell> {
        let mut largest = Vec::new();
        for first in record.cells() {
            let like_it = |cell: &Cell| (self.without)(*cell) == (self.without)(first);
            let cells: Vec<_> = record.cells().into_iter().filter(like_it).collect();
            if cells.len() > largest.len() {
                largest = cells;
            }
        }
        largest.sort_by_key(|cell| (self.of)(*cell));
        largest
    }

    fn plot(&self, record: &Record, cells: &[Cell]) -> Result<Plot> {
        let title = format!("Cost against {}", self.name);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE).map_err(failed)?;
            let (left, right) = area.split_horizontally(SIZE.0 / 2);
            let charts = [
                (left, cost::CPU, "CPU of a collection, ms", 1.0),
                (right, cost::PEAK, "highest memory, MB", 1e6),
            ];
            for (area, cost, words, unit) in charts {
                let lines = self.lines(record, cells, (cost, unit));
                chart(&area, (self.words, words), &lines)?;
            }
        }
        Ok(Plot {
            name: self.name,
            title,
            svg,
        })
    }

    /// The medians of both collectors, in units.
    fn lines(&self, record: &Record, cells: &[Cell], (cost, unit): (Cost, f64)) -> [Line; 2] {
        let mut lines = [Line::new(), Line::new()];
        for cell in cells {
            let pair = report::pair(record, *cell, cost);
            for (line, value) in lines.iter_mut().zip([pair.ours, pair.klag]) {
                // A logarithm has no place for nothing.
                let value = value.map(|value| (value / unit).max(0.1));
                line.extend(value.map(|value| (f64::from((self.of)(*cell)), value)));
            }
        }
        lines
    }
}

/// Draws both lines, with logarithmic axes.
fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    (x_words, y_words): (&str, &str),
    lines: &[Line; 2],
) -> Result<()> {
    let all = || lines.iter().flatten();
    let x = span(all().map(|point| point.0));
    let y = decades(span(all().map(|point| point.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(y_words, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc(x_words)
        .x_labels(4)
        .y_labels(8)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|n| format!("{n}"))
        .y_label_formatter(&|n| format!("{n}"))
        .draw()
        .map_err(failed)?;
    for (line, (colour, name)) in lines.iter().zip([(OURS, "this"), (KLAG, "klag-exporter")]) {
        let points = line
            .iter()
            .map(|point| Circle::new(*point, 4, colour.filled()));
        chart.draw_series(points).map_err(failed)?;
        let series = LineSeries::new(line.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(series)
            .map_err(failed)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.2))
        .draw()
        .map_err(failed)
}

/// Bounds that leave room around the values.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let bounds = values.fold(None, |bounds: Option<(f64, f64)>, value| {
        let (least, most) = bounds.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    });
    let (least, most) = bounds.unwrap_or((1.0, 1.0));
    (least / 2.0, most * 2.0)
}

/// The powers of ten around bounds, so that an axis has at least two labels.
fn decades((least, most): (f64, f64)) -> (f64, f64) {
    let power = |exponent: f64| 10_f64.powf(exponent);
    (power(least.log10().floor()), power(most.log10().ceil()))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a plot cannot be drawn: {error}")
}
