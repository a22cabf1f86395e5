//! Reading the file, which has to be text of a bounded length.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::problem::ConfigProblem;

/// The greatest length of the file in bytes. A configuration has a few thousand bytes; a longer file is most likely the wrong
/// one, or a device without an end.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads the file at `path`.
///
/// # Errors
/// Returns the problem if the file cannot be read, is too long or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, ConfigProblem> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
            file.take(limit).read_to_end(&mut bytes)
        })
        .map_err(|error| {
            ConfigProblem::of_file(format!(
                "cannot be read: {error}; name the file with --config"
            ))
        })?;
    if bytes.len() > MAX_BYTES {
        let message =
            "has more than 4 MiB, so it is no configuration; name the right file with --config";
        return Err(ConfigProblem::of_file(message.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigProblem {
            line: Some(before.split(|&byte| byte == b'\n').count()),
            path: String::new(),
            message: "not UTF-8; save the file in that encoding".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file of these bytes. Returns the problem that reading it gives.
    fn problem_with(name: &str, bytes: &[u8]) -> ConfigProblem {
        let path =
            std::env::temp_dir().join(format!("klag-exporter-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let problem = read(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        problem
    }

    #[test]
    fn a_file_without_an_end_is_a_problem_and_is_not_read_for_ever() {
        let problem = read(Path::new("/dev/zero")).unwrap_err();
        assert!(problem.message.starts_with("has more than 4 MiB"));
    }

    #[test]
    fn the_longest_file_is_read() {
        let problem = problem_with("long", &vec![b'#'; MAX_BYTES + 1]);
        assert!(problem.message.starts_with("has more than 4 MiB"));
        let path =
            std::env::temp_dir().join(format!("klag-exporter-{}-longest", std::process::id()));
        std::fs::write(&path, vec![b'#'; MAX_BYTES]).unwrap();
        assert_eq!(read(&path).unwrap().len(), MAX_BYTES);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn another_encoding_is_a_problem_with_its_line() {
        let problem = problem_with("latin", b"a = 1\nb = \"f\xfcr\"\n");
        assert_eq!(problem.line, Some(2));
        assert_eq!(problem.message, "not UTF-8; save the file in that encoding");
    }

    #[test]
    fn a_file_that_does_not_exist_is_a_problem() {
        let problem = read(Path::new("/nowhere/config.toml")).unwrap_err();
        assert!(problem.message.starts_with("cannot be read: No such file"));
    }
}
