//! The documents of this repository, for the tests that hold them against the programs: examples are executed, tables are
//! generated, links are followed.

mod module_map;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use regex::Regex;

pub use module_map::module_map;

/// A document for people, in Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// An introduction for users with five minutes.
    Readme,
    /// An introduction for people who change the code.
    Contributing,
    /// The collector's document: configuration, endpoints, metrics, access to Kafka.
    Collector,
    /// The elector's document: high availability.
    Elector,
    /// The document of the manifests: Kubernetes, alerts, dashboard.
    Manifests,
    /// The document of the tests and the lab.
    Tests,
}

/// A fenced block of code in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The word after the opening fence.
    pub language: String,
    /// The lines between the fences, each with its end.
    pub text: String,
}

// === impl Document ===

impl Document {
    /// Every document that is written by hand.
    pub const ALL: [Self; 6] = [
        Self::Readme,
        Self::Contributing,
        Self::Collector,
        Self::Elector,
        Self::Manifests,
        Self::Tests,
    ];

    /// Returns the path of the document relative to the root of the repository.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readme => "README.md",
            Self::Contributing => "CONTRIBUTING.md",
            Self::Collector => "collector/README.md",
            Self::Elector => "elector/README.md",
            Self::Manifests => "manifests/README.md",
            Self::Tests => "tests/README.md",
        }
    }

    /// Returns the path of the document.
    pub fn path(self) -> PathBuf {
        root().join(self.name())
    }

    /// Returns the whole text of the document.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(self) -> Result<String> {
        fs::read_to_string(self.path()).with_context(|| format!("cannot read {}", self.name()))
    }

    /// Returns the text below the heading `title`, up to the next heading of the same level or a higher one.
    ///
    /// # Errors
    /// The file cannot be read, or has no such heading.
    pub fn chapter(self, title: &str) -> Result<String> {
        let text = self.read()?;
        chapter(&text, title).with_context(|| format!("{} has no {title:?}", self.name()))
    }

    /// Returns the anchors that links to this document may name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn anchors(self) -> Result<Vec<String>> {
        let text = self.read()?;
        let anchor = |title: &str| {
            let title = title.to_lowercase().replace(' ', "-");
            title.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "")
        };
        Ok(headings(&text).map(|(_, _, title)| anchor(title)).collect())
    }
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the blocks of code in `text`, in order.
///
/// # Errors
/// `text` has no block of code.
pub fn blocks(text: &str) -> Result<Vec<Block>> {
    let block = Regex::new(r"(?ms)^```(\w+)\n(.*?)^```$")?;
    let blocks: Vec<_> = block
        .captures_iter(text)
        .map(|found| Block {
            language: found[1].to_owned(),
            text: found[2].to_owned(),
        })
        .collect();
    ensure!(!blocks.is_empty(), "no block of code");
    Ok(blocks)
}

fn chapter(text: &str, title: &str) -> Option<String> {
    let mut rest = headings(text).skip_while(|(_, _, found)| *found != title);
    let (begin, level, _) = rest.next()?;
    let end = rest.find(|(_, next, _)| *next <= level);
    let chapter = &text[begin..end.map_or(text.len(), |(end, ..)| end)];
    Some(chapter.split_once('\n')?.1.to_owned())
}

/// Returns each heading with the position at which its line begins, its level and its title. Lines in blocks of code are not
/// headings.
fn headings(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut at = 0;
    let mut is_code = false;
    text.split_inclusive('\n').filter_map(move |line| {
        let begin = at;
        at += line.len();
        is_code ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        (!is_code && level > 0).then(|| (begin, level, title.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# One\n\n## Two\na\n```sh\n# no heading\n```\n### Three\nb\n## Four\nc\n";

    #[test]
    fn a_chapter_ends_at_the_next_heading_of_its_level() {
        let two = "a\n```sh\n# no heading\n```\n### Three\nb\n";
        assert_eq!(chapter(TEXT, "Two").unwrap(), two);
        assert_eq!(chapter(TEXT, "Three").unwrap(), "b\n");
        assert_eq!(chapter(TEXT, "Four").unwrap(), "c\n");
        assert_eq!(chapter(TEXT, "no heading"), None);
    }

    #[test]
    fn blocks_have_their_language_and_their_lines() {
        let [block] = &blocks(TEXT).unwrap()[..] else {
            panic!("one block");
        };
        assert_eq!((&*block.language, &*block.text), ("sh", "# no heading\n"));
    }
}
