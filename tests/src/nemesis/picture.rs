//! A picture of a recording, as SVG: a lane for each process, with its faults beneath.

use std::fmt::Write as _;

use super::fault::{Fault, FaultKind, Server, Target};
use super::recording::{Recording, Stretch};
use super::verdict::{Verdict, seconds};
use crate::lab::pod::Part;

/// The width of the labels on the left, the width of the time axis, and the heights of rows, in pixels.
const LEFT: f64 = 130.0;
const WIDTH: f64 = 1050.0;
const ROW: f64 = 18.0;
const FAULT_ROW: f64 = 13.0;

/// The colours of the pods' acts, by pod; of faults; of gaps and of overlaps.
const PODS: [&str; 2] = ["#2f6fb7", "#2e8b57"];
const HOLDS: [&str; 2] = ["#a9c7e8", "#a8d8bd"];
const FAULT: &str = "#e0a458";
const GAP: &str = "#d9d9d9";
const OVERLAP: &str = "#f28b82";

/// One lane: a label, stretches with their colour, and rows of faults, which are the indices of the schedule.
struct Lane {
    label: String,
    colour: &'static str,
    stretches: Vec<Stretch>,
    faults: Vec<Vec<usize>>,
}

/// The text of the picture, with the height that is in use so far.
struct Picture<'a> {
    recording: &'a Recording,
    text: String,
    y: f64,
}

/// Draws a recording with its verdict.
pub fn svg(recording: &Recording, verdict: &Verdict) -> String {
    let lanes = lanes(recording, verdict);
    let mut picture = Picture {
        recording,
        text: String::new(),
        y: 40.0,
    };
    let rows = |lane: &Lane| ROW + 6.0 + FAULT_ROW * number(lane.faults.len());
    let height: f64 = lanes.iter().map(rows).sum();
    for gap in &verdict.gaps {
        let title = format!("nobody led for {:.2} s", gap.length().as_secs_f64());
        picture.column(gap.stretch, (height, GAP), &title);
    }
    for stretch in &verdict.overlaps {
        let title = format!("two pods acted for {:.3} s", seconds(stretch.1 - stretch.0));
        picture.column(*stretch, (height, OVERLAP), &title);
    }
    for lane in &lanes {
        picture.lane(lane);
    }
    picture.axis();
    picture.finish(&format!(
        "seed {}, {}: {verdict}",
        recording.schedule.seed, recording.elector
    ))
}

fn lanes(recording: &Recording, verdict: &Verdict) -> Vec<Lane> {
    let schedule = &recording.schedule;
    let on = |wanted: &dyn Fn(&Fault) -> bool| -> Vec<usize> {
        let faults = schedule.faults.iter().enumerate();
        let wanted = faults.filter(|(_, fault)| wanted(fault));
        wanted.map(|(n, _)| n).collect()
    };
    let at = |target: Target| on(&|fault| fault.kind.targets().contains(&target));
    let mut lanes = Vec::new();
    for (pod, name) in ["a", "b"].iter().enumerate() {
        lanes.push(Lane {
            label: format!("pod {name}: collector"),
            colour: PODS[pod],
            stretches: verdict.acted[pod].clone(),
            faults: vec![at(Target::Process(pod, Part::Collector))],
        });
        lanes.push(Lane {
            label: format!("pod {name}: elector"),
            colour: HOLDS[pod],
            stretches: held(recording, name),
            faults: vec![
                at(Target::Process(pod, Part::Elector)),
                at(Target::Path(pod)),
                at(Target::Clock(pod)),
            ],
        });
    }
    let edits = on(&|fault| matches!(fault.kind, FaultKind::Lease { .. }));
    let server = |is_it: fn(&Server) -> bool| {
        on(&|fault| matches!(&fault.kind, FaultKind::Server { server, .. } if is_it(server)))
    };
    let servers = [
        ("Lease", edits),
        ("API server", server(|it| *it == Server::ApiServer)),
        ("etcd", server(|it| *it == Server::Etcd)),
        (
            "Kafka brokers",
            server(|it| matches!(it, Server::Broker(_))),
        ),
    ];
    lanes.extend(servers.map(|(label, faults)| Lane {
        label: label.to_owned(),
        colour: FAULT,
        stretches: Vec::new(),
        faults: vec![faults],
    }));
    // Rows without faults take no room.
    for lane in &mut lanes {
        lane.faults.retain(|row| !row.is_empty());
    }
    lanes
}

/// Returns the stretches in which the administrator read this pod's name in the Lease.
fn held(recording: &Recording, name: &str) -> Vec<Stretch> {
    let end = format!("-{name}");
    let mut held: Vec<Stretch> = Vec::new();
    let mut before = false;
    for read in &recording.lease {
        let holds = read
            .holder
            .as_ref()
            .is_some_and(|holder| holder.ends_with(&end));
        match held.last_mut() {
            Some(stretch) if holds && before => stretch.1 = read.answered,
            _ if holds => held.push((read.sent, read.answered)),
            _ => {}
        }
        before = holds;
    }
    held
}

fn number(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

// === impl Picture ===

impl Picture<'_> {
    fn x(&self, at: u64) -> f64 {
        LEFT + WIDTH * seconds(at) / seconds(self.recording.end.max(1))
    }

    fn rect(&mut self, stretch: Stretch, (y, height, colour): (f64, f64, &str), title: &str) {
        let x = self.x(stretch.0);
        let width = (self.x(stretch.1) - x).max(1.5);
        let title = escaped(title);
        writeln!(
            self.text,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" fill="{colour}"><title>{title}</title></rect>"#
        )
        .expect("a String takes any text");
    }

    fn label(&mut self, (x, y, size): (f64, f64, u8), text: &str) {
        let text = escaped(text);
        writeln!(
            self.text,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}">{text}</text>"#
        )
        .expect("a String takes any text");
    }

    fn column(&mut self, stretch: Stretch, (height, colour): (f64, &str), title: &str) {
        self.rect(stretch, (self.y, height, colour), title);
    }

    fn lane(&mut self, lane: &Lane) {
        self.label((4.0, self.y + 13.0, 12), &lane.label);
        for stretch in &lane.stretches {
            let title = format!("{:.3} to {:.3} s", seconds(stretch.0), seconds(stretch.1));
            self.rect(*stretch, (self.y + 3.0, ROW - 5.0, lane.colour), &title);
        }
        self.y += ROW;
        for row in &lane.faults {
            for n in row {
                self.fault(*n);
            }
            self.y += FAULT_ROW;
        }
        let (y, right) = (self.y + 3.0, LEFT + WIDTH);
        writeln!(
            self.text,
            r##"<line x1="0" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#cccccc"/>"##
        )
        .expect("a String takes any text");
        self.y += 6.0;
    }

    fn fault(&mut self, n: usize) {
        let Some(stretch) = self.recording.faults[n] else {
            return;
        };
        let label = self.recording.schedule.faults[n].kind.label();
        let (from, to) = (seconds(stretch.0), seconds(stretch.1));
        let title = format!("{label}, {from:.3} to {to:.3} s");
        self.rect(stretch, (self.y, FAULT_ROW - 2.0, FAULT), &title);
        let (x, y) = (self.x(stretch.0) + 2.0, self.y + 9.0);
        self.label((x, y, 9), &label);
    }

    fn axis(&mut self) {
        let y = self.y + 12.0;
        let mut at = 0;
        while at <= self.recording.end {
            let x = self.x(at);
            self.label((x, y, 10), &format!("{} s", at / 1_000_000));
            at += 5_000_000;
        }
        let legend = "dark: acts (requests to Kafka, answers with series); light: named in the Lease; orange: faults; grey: nobody led; red: two acted";
        self.label((4.0, y + 20.0, 11), legend);
        self.y += 40.0;
    }

    fn finish(self, title: &str) -> String {
        let (width, height) = (LEFT + WIDTH + 30.0, self.y);
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" fill=\"#222222\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"4\" y=\"20\" font-size=\"14\">{title}</text>\n{}</svg>\n",
            self.text
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{PathFault, Pods};
    use super::super::synthetic::{fault, recording};
    use super::*;

    #[test]
    fn a_recording_is_drawn_with_its_lanes_faults_gaps_and_overlaps() {
        let dropped = FaultKind::Path {
            pods: Pods::Both,
            path_fault: PathFault::Dropped,
        };
        let faults = vec![fault(5000, 9000, dropped)];
        let recording = recording(faults, [&[(0, 10_000)], &[(15_000, 60_000), (9000, 9500)]]);
        let picture = svg(&recording, &Verdict::of(&recording));
        for lane in [
            "pod a: collector",
            "pod b: elector",
            "Lease",
            "Kafka brokers",
        ] {
            assert!(picture.contains(&format!(">{lane}</text>")), "{lane}");
        }
        // The route of each pod is disturbed.
        assert_eq!(
            picture
                .matches("<title>API dropped, 5.000 to 14.000 s")
                .count(),
            2
        );
        assert_eq!(picture.matches(&format!("fill=\"{OVERLAP}\"")).count(), 1);
        assert!(picture.contains("<title>nobody led for 5.0"), "{picture}");
        let (opened, closed) = (
            picture.matches("<rect").count(),
            picture.matches("/rect>").count(),
        );
        // The background has no title, so it ends in its own tag.
        assert_eq!(opened, closed + 1);
        assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN"));
    }
}
