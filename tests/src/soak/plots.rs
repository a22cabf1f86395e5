//! Pictures of a soak as SVG: memory, threads and sockets of the processes over time, and the time without series.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::processes::{Look, number};
use super::report::title;
use super::results::Results;

/// The size of a picture in pixels.
const SIZE: (u32, u32) = (960, 320);
const COLOURS: [(&str, RGBColor); 4] = [
    ("elector a", RGBColor(140, 180, 220)),
    ("collector a", RGBColor(31, 119, 180)),
    ("elector b", RGBColor(230, 170, 120)),
    ("collector b", RGBColor(214, 120, 39)),
];

/// A line: its name, its colour, and its points as minutes and values.
type Curve = (String, RGBColor, Vec<(f64, f64)>);

/// Returns the names and texts of all pictures.
pub(super) fn of(results: &Results) -> Result<Vec<(&'static str, String)>> {
    let curves = |of: fn(&Look) -> f64| -> Vec<Curve> {
        let lives = results.lives.iter().map(|life| {
            let points = life.looks.iter().map(|look| (look.at / 60.0, of(look)));
            let colour = COLOURS.iter().find(|(name, _)| *name == title(life));
            let colour = colour.map_or(BLACK, |(_, colour)| *colour);
            (title(life), colour, points.collect())
        });
        lives.collect()
    };
    let dark = results.tally.dark.iter();
    let failovers = results.failovers.iter();
    let gaps = [
        (
            "without series, as scraped".to_owned(),
            RGBColor(180, 60, 60),
            dark.map(|(from, length)| (from / 60.0, *length)).collect(),
        ),
        (
            "without a leader".to_owned(),
            RGBColor(90, 90, 90),
            failovers.map(|one| (one.at / 60.0, one.gap)).collect(),
        ),
    ];
    Ok(vec![
        (
            "rss",
            lines(
                "resident memory, MB",
                &curves(|look| number(look.rss) / 1e6),
            )?,
        ),
        (
            "threads",
            lines("threads", &curves(|look| number(look.threads)))?,
        ),
        (
            "sockets",
            lines("sockets", &curves(|look| number(look.sockets)))?,
        ),
        ("gaps", bars("seconds at a change of leadership", &gaps)?),
    ])
}

fn lines(words: &str, curves: &[Curve]) -> Result<String> {
    picture(words, curves, |chart, (name, colour, points), legend| {
        let series = LineSeries::new(points.iter().copied(), colour.stroke_width(1));
        let drawn = chart.draw_series(series).map_err(failed)?;
        if legend == Legend::Shown {
            let colour = *colour;
            drawn.label(name).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
            });
        }
        Ok(())
    })
}

fn bars(words: &str, curves: &[Curve]) -> Result<String> {
    picture(words, curves, |chart, (name, colour, points), _| {
        let colour = *colour;
        let bars = points
            .iter()
            .map(|(x, y)| PathElement::new([(*x, 0.0), (*x, *y)], colour.stroke_width(3)));
        let drawn = chart.draw_series(bars).map_err(failed)?;
        drawn
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        Ok(())
    })
}

/// Tells if a curve is named beside the picture: only the first of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Legend {
    Shown,
    Hidden,
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn picture(
    words: &str,
    curves: &[Curve],
    draw: impl Fn(&mut Chart<'_, '_>, &Curve, Legend) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area: DrawingArea<SVGBackend<'_>, Shift> =
            SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let points = || curves.iter().flat_map(|(_, _, points)| points);
        let right = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let top = points().map(|(_, y)| *y).fold(1.0, f64::max) * 1.15;
        let mut chart = ChartBuilder::on(&area)
            .caption(words, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc("minutes")
            .light_line_style(TRANSPARENT)
            .draw()
            .map_err(failed)?;
        for (n, curve) in curves.iter().enumerate() {
            let named = curves[..n].iter().any(|before| before.0 == curve.0);
            let legend = if named { Legend::Hidden } else { Legend::Shown };
            draw(&mut chart, curve, legend)?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK.mix(0.2))
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(failed)?;
    }
    Ok(svg)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a picture cannot be drawn: {error}")
}
