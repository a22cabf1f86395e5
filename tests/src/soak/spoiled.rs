//! Scrapes that are spoiled on purpose, so that one can see that the soak finds what is wrong with them.

use super::args::Plant;

/// The number of scrapes of which one is spoiled.
const EVERY: u64 = 20;

/// The group whose series are spoiled. Its numbers never change.
const GROUP: &str = "group=\"still-3\"";

/// Returns the text of the `n`th scrape, spoiled where that is its turn.
pub(super) fn text(text: String, n: u64, plant: Option<Plant>) -> String {
    if n % EVERY != EVERY - 1 {
        return text;
    }
    match plant {
        None | Some(Plant::Crash) => text,
        Some(Plant::Silence) => lines(&text, |line| {
            (!line.contains(GROUP)).then(|| line.to_owned())
        }),
        Some(Plant::Value) => {
            let mut left = 1;
            lines(&text, |line| {
                let is_lag =
                    line.starts_with("kafka_consumergroup_group_lag{") && line.contains(GROUP);
                if !is_lag || left == 0 {
                    return Some(line.to_owned());
                }
                left -= 1;
                let (series, value) = line.rsplit_once(' ')?;
                let value: f64 = value.parse().ok()?;
                Some(format!("{series} {}", value + 1.0))
            })
        }
    }
}

fn lines(text: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let lines = text.lines().filter_map(&mut change);
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kafka_consumergroup_group_lag{group=\"still-3\",partition=\"0\"} 4\n\
                        kafka_consumergroup_group_lag{group=\"still-3\",partition=\"1\"} 5\n\
                        kafka_consumergroup_group_lag{group=\"other\",partition=\"0\"} 6\n";

    #[test]
    fn a_planted_value_is_one_lag_that_is_too_great() {
        let spoiled = text(TEXT.to_owned(), EVERY - 1, Some(Plant::Value));
        assert_eq!(spoiled, TEXT.replace(" 4\n", " 5\n"));
        assert_eq!(text(TEXT.to_owned(), EVERY, Some(Plant::Value)), TEXT);
    }

    #[test]
    fn a_planted_silence_is_a_group_without_series() {
        let spoiled = text(TEXT.to_owned(), EVERY - 1, Some(Plant::Silence));
        assert_eq!(spoiled.lines().count(), 1, "{spoiled}");
        assert_eq!(text(TEXT.to_owned(), EVERY - 1, None), TEXT);
    }
}
