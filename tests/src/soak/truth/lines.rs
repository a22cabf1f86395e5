//! The lines of the journal: "J KIND TIME WORD...". The kinds are those of `tests/kafka/Soak*.java`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::groups::Life;
use super::topics::Incarnation;
use super::{Replicas, Truth};

/// The brokers' retention of the commits of a group without members, in milliseconds, as [`crate::soak`] configures it.
pub(in crate::soak) const RETENTION: u64 = 120_000;

/// The longest time after that in which the brokers have deleted the group, in milliseconds: they look every 10 seconds, and a
/// coordinator that has just been started looks later.
const RETENTION_SLACK: u64 = 90_000;

/// The words of a line after the kind and the time.
type Words<'a> = std::str::SplitAsciiWhitespace<'a>;

// === impl Truth ===

impl Truth {
    /// Takes a line of the load's output. Lines of the Java client's own log are passed over.
    ///
    /// # Errors
    /// The load is broken, or the line is none of the journal's.
    pub(in crate::soak) fn take(&mut self, line: &str) -> Result<()> {
        let Some(rest) = line.strip_prefix("J ") else {
            return Ok(());
        };
        self.n_lines += 1;
        self.take_words(rest)
            .with_context(|| format!("the load's line {line:?}"))
    }

    fn take_words(&mut self, line: &str) -> Result<()> {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().context("no kind")?;
        let at: u64 = words.next().context("no time")?.parse()?;
        let name = words.next().context("no name")?;
        match kind {
            "topic+" => {
                let (number, n) = (next(&mut words)?, next(&mut words)?);
                let topic = self.topics.entry(name.to_owned()).or_default();
                topic.incarnations.push(Incarnation::new(number, at, n));
            }
            "topic=" | "topic-" | "topic~" | "n" | "N" | "w" | "W" | "p" | "P" | "s" => {
                let topic = self.topics.get_mut(name);
                let topic = topic.and_then(|topic| topic.incarnations.last_mut());
                let topic = topic.context("an unknown topic")?;
                ensure!(next(&mut words)? == topic.number, "another incarnation");
                of_topic(topic, kind, at, words)?;
            }
            "c" | "C" => {
                for word in words {
                    self.commit(kind, at, (name, word))?;
                }
            }
            "e" => {
                let life = self.life(name, at);
                let made = life.begun;
                life.ending = Some(made + RETENTION);
                life.ended = Some(at + RETENTION + RETENTION_SLACK);
            }
            // A group exists as soon as it has a member, before it commits.
            "j" => {
                self.life(name, at);
            }
            "g-" => self.life(name, at).ending = Some(at),
            "G-" => self.life(name, at).ended = Some(at),
            "r" => {
                let replicas = match words.next() {
                    Some("whole") => Replicas::Whole,
                    _ => Replicas::Lame,
                };
                self.replicas.push((name.parse()?, replicas));
            }
            "failed" => *self.retries.entry(name.to_owned()).or_default() += 1,
            "broken" => bail!("the load is broken"),
            _ => bail!("an unknown kind"),
        }
        Ok(())
    }

    /// Returns the life of a group that is under way at `at`.
    fn life(&mut self, group: &str, at: u64) -> &mut Life {
        self.groups.entry(group.to_owned()).or_default().current(at)
    }

    fn commit(&mut self, kind: &str, at: u64, (group, word): (&str, &str)) -> Result<()> {
        let (tp, offset) = word.split_once('@').context("no offset")?;
        let (topic, partition) = tp.split_once('/').context("no partition")?;
        let incarnations = &self
            .topics
            .get(topic)
            .context("an unknown topic")?
            .incarnations;
        let number = incarnations.last().context("no incarnation")?.number;
        let life = self.life(group, at);
        let place = (topic.to_owned(), number, partition.parse()?);
        let commits = life.commits.entry(place).or_default();
        let offset = offset.parse()?;
        if kind == "c" {
            commits.attempt(at, offset);
        } else {
            commits.confirm(at, offset);
            life.made.get_or_insert(at);
        }
        Ok(())
    }
}

fn next(words: &mut Words<'_>) -> Result<u64> {
    Ok(words.next().context("a word is missing")?.parse()?)
}

fn of_topic(topic: &mut Incarnation, kind: &str, at: u64, mut words: Words<'_>) -> Result<()> {
    match kind {
        "topic=" => {
            topic.made = Some(at);
            topic.partitions.confirm(at, next(&mut words)?);
        }
        "topic-" => topic.ending = Some(at),
        "topic~" => topic.ended = Some(at),
        "n" => topic.partitions.attempt(at, next(&mut words)?),
        "N" => topic.partitions.confirm(at, next(&mut words)?),
        "s" => {
            let before = next(&mut words)?;
            let starts: Result<BTreeMap<_, _>> = words.map(pair).collect();
            topic.read_starts((before, at), starts?);
        }
        "W" => {
            let written = next(&mut words)?;
            for word in words {
                let (partition, range) = word.split_once(':').context("no range")?;
                let (from, end) = pair(range)?;
                topic.confirm_end(at, partition.parse()?, (from, end, written));
            }
        }
        _ => {
            for word in words {
                let (partition, offset) = pair(word)?;
                match kind {
                    "w" => topic.attempt_end(at, partition, offset),
                    "p" => topic.start(partition).attempt(at, offset),
                    _ => topic.start(partition).confirm(at, offset),
                }
            }
        }
    }
    Ok(())
}

fn pair(word: &str) -> Result<(u64, u64)> {
    let (one, other) = word.split_once(':').context("no pair")?;
    Ok((one.parse()?, other.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(lines: &[&str]) -> Truth {
        let mut truth = Truth::default();
        for line in lines {
            truth.take(line).unwrap();
        }
        truth
    }

    #[test]
    fn topics_and_their_records_are_followed() {
        let truth = truth(&[
            "J topic+ 100 a 0 2",
            "J topic= 110 a 0 2",
            "12:00:00.000 a line of the client",
            "J w 120 a 0 0:5 1:0",
            "J W 130 a 0 121 0:0:5",
            "J p 140 a 0 0:3",
            "J topic- 200 a 0",
            "J topic~ 210 a 0",
            "J topic+ 220 a 1 2",
        ]);
        let topic = &truth.topics["a"];
        let one = topic.steady((150, 160)).unwrap();
        assert_eq!(
            (one.end(0, (150, 160)).least, one.end(0, (150, 160)).most),
            (5, 5)
        );
        assert_eq!(one.log_start(0, (150, 160)).unwrap().most, 3);
        assert_eq!(one.timestamp(0, 4), Some(121));
        assert_eq!(one.timestamp(0, 5), None);
        assert!(topic.steady((150, 200)).is_none());
        assert!(topic.is_gone((212, 219)) && !topic.is_gone((212, 220)));
    }

    #[test]
    fn groups_and_their_commits_are_followed() {
        let truth = truth(&[
            "J topic+ 100 a 0 1",
            "J c 110 g a/0@3",
            "J C 120 g a/0@3",
            "J g- 200 g",
            "J G- 210 g",
            "J c 300 g a/0@1",
            "J failed 310 commit timeout",
        ]);
        let group = &truth.groups["g"];
        let life = group.steady((130, 140)).unwrap();
        let commits = &life.commits[&("a".to_owned(), 0, 0)];
        assert_eq!(commits.bounds((130, 140)).least, 3);
        assert!(group.is_gone((220, 290)) && group.steady((310, 320)).is_none());
        assert_eq!(truth.retries["commit"], 1);
    }

    #[test]
    fn a_group_begins_with_its_first_member() {
        let truth = truth(&[
            "J topic+ 100 a 0 1",
            "J j 110 g",
            "J c 200 g a/0@3",
            "J C 210 g a/0@3",
        ]);
        let group = &truth.groups["g"];
        assert!(!group.is_gone((120, 130)) && group.steady((120, 130)).is_none());
        assert!(group.steady((220, 230)).is_some());
    }

    #[test]
    fn a_broken_load_is_an_error() {
        assert!(Truth::default().take("J broken 100 write boom").is_err());
        assert!(Truth::default().take("J w 100 a 0 0:1").is_err());
    }
}
