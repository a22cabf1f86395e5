//! The soak: two pods over real servers for an hour or longer, under a load that never stops changing, with every value judged.

mod arena;
mod args;
mod brokers;
mod campaign;
mod failovers;
mod judge;
mod logs;
mod plots;
mod processes;
mod report;
mod results;
mod scrapes;
mod shown;
mod signals;
mod slope;
mod spoiled;
mod tally;
mod truth;

pub use args::{Args, Plant};
pub use campaign::run;
pub use results::Outcome;
