//! The file's text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::problem::Problem;

/// Bytes of the longest file. A configuration has a few thousand; whatever has more is another file, or no file at all.
const LONGEST: usize = 4 * 1024 * 1024;

/// Reads the file at `path`.
///
/// # Errors
/// The file cannot be read, is too long, or is no text.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
            file.take(limit).read_to_end(&mut bytes)
        })
        .map_err(|error| {
            Problem::of_file(format!(
                "cannot be read: {error}; name the file with --config"
            ))
        })?;
    if bytes.len() > LONGEST {
        let message =
            "has more than 4 MiB, so it is no configuration; name the right file with --config";
        return Err(Problem::of_file(message.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Problem {
            line: Some(before.split(|&byte| byte == b'\n').count()),
            path: String::new(),
            message: "not UTF-8; save the file in that encoding".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a file with these bytes.
    fn told(name: &str, bytes: &[u8]) -> Problem {
        let path =
            std::env::temp_dir().join(format!("klag-exporter-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let problem = read(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        problem
    }

    #[test]
    fn a_file_without_end_is_told_of_and_not_read_to_it() {
        let problem = read(Path::new("/dev/zero")).unwrap_err();
        assert!(problem.message.starts_with("has more than 4 MiB"));
    }

    #[test]
    fn the_longest_file_is_read() {
        let problem = told("long", &vec![b'#'; LONGEST + 1]);
        assert!(problem.message.starts_with("has more than 4 MiB"));
        let path =
            std::env::temp_dir().join(format!("klag-exporter-{}-longest", std::process::id()));
        std::fs::write(&path, vec![b'#'; LONGEST]).unwrap();
        assert_eq!(read(&path).unwrap().len(), LONGEST);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn letters_of_another_encoding_are_told_of_with_their_line() {
        let problem = told("latin", b"a = 1\nb = \"f\xfcr\"\n");
        assert_eq!(problem.line, Some(2));
        assert_eq!(problem.message, "not UTF-8; save the file in that encoding");
    }

    #[test]
    fn a_file_that_is_not_there_is_told_of() {
        let problem = read(Path::new("/nowhere/config.toml")).unwrap_err();
        assert!(problem.message.starts_with("cannot be read: No such file"));
    }
}
