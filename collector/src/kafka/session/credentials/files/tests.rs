use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::*;

/// A folder of a test, which is deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("klag-credentials-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Replaces all files of a mounted Secret as the kubelet does: they are links into `..data`, which is replaced by a rename.
    fn swap(&self, version: &str, files: &[(&str, &str)]) {
        fs::create_dir(self.0.join(version)).unwrap();
        for (name, content) in files {
            self.write(&format!("{version}/{name}"), content);
            symlink(format!("..data/{name}"), self.0.join(name)).ok();
        }
        symlink(version, self.0.join("..tmp")).unwrap();
        fs::rename(self.0.join("..tmp"), self.0.join("..data")).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

const PROPERTIES: [&str; 3] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
];

fn files(paths: &[PathBuf]) -> CredentialFiles {
    let named = PROPERTIES.into_iter().zip(paths);
    let file = |(property, path): (_, &PathBuf)| CredentialFile {
        property,
        path: path.clone(),
    };
    CredentialFiles::new(named.map(file).collect())
}

#[test]
fn a_file_is_changed_when_its_content_is() {
    let folder = Folder::new("content");
    let path = folder.write("ca", "one");
    let files = files(&[path]);
    let one = files.look();
    assert_eq!(files.look(), one);
    folder.write("ca", "two");
    assert_ne!(files.look(), one);
    folder.write("new", "one");
    fs::rename(folder.0.join("new"), folder.0.join("ca")).unwrap();
    assert_eq!(files.look(), one, "the content is what counts");
}

#[test]
fn the_swap_of_a_link_changes_all_files_at_once() {
    let folder = Folder::new("swap");
    let names = ["ca.crt", "tls.crt", "tls.key"];
    folder.swap("..1", &names.map(|name| (name, "old")));
    let files = files(&names.map(|name| folder.0.join(name)));
    let old = files.look();
    folder.swap("..2", &names.map(|name| (name, "new")));
    let new = files.look();
    assert_eq!(files.changed_properties(&old, &new), PROPERTIES.join(", "));
    assert_eq!(files.look(), new, "the swap is one change");
    folder.swap(
        "..3",
        &[
            ("ca.crt", "new"),
            ("tls.crt", "newer"),
            ("tls.key", "newer"),
        ],
    );
    let newer = files.look();
    assert_eq!(
        files.changed_properties(&new, &newer),
        "ssl.certificate.location, ssl.key.location"
    );
    folder.swap("..4", &names.map(|name| (name, "old")));
    assert_eq!(files.look(), old);
}

#[test]
fn a_directory_is_changed_when_an_entry_is() {
    let folder = Folder::new("directory");
    fs::create_dir(folder.0.join("ca")).unwrap();
    folder.write("ca/a.0", "one");
    let files = files(&[folder.0.join("ca")]);
    let one = files.look();
    assert_eq!(files.look(), one);
    folder.write("ca/b.0", "two");
    let two = files.look();
    assert_ne!(two, one);
    folder.write("new", "one");
    fs::rename(folder.0.join("new"), folder.0.join("ca/a.0")).unwrap();
    assert_ne!(files.look(), two);
}

#[test]
fn a_large_file_is_compared_without_being_read() {
    let folder = Folder::new("large");
    let path = folder.write("ca", "");
    let size = |n| {
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(n)
            .unwrap();
    };
    let files = files(std::slice::from_ref(&path));
    // Such a file has no blocks, and reading it would take long.
    size(1 << 32);
    let large = files.look();
    assert_eq!(files.look(), large);
    size((1 << 32) + 1);
    assert_ne!(files.look(), large);
}

#[test]
fn what_cannot_be_read_is_a_problem_that_names_property_and_file() {
    let folder = Folder::new("unreadable");
    let paths = ["ca", "cert", "key"].map(|name| folder.write(name, name));
    let files = files(&paths);
    let all = files.look();
    assert_eq!(files.unreadable(&all, &all), None);
    assert!(files.require_readable(&all).is_ok());
    fs::remove_file(&paths[1]).unwrap();
    let error = files
        .require_readable(&files.look())
        .unwrap_err()
        .to_string();
    let path = paths[1].display();
    let expected = format!("\"ssl.certificate.location\": {path}: there is no such file; ");
    assert!(error.starts_with(&expected), "{error}");
    let problem = files.unreadable(&all, &files.look()).unwrap();
    assert_eq!(problem.properties, "ssl.certificate.location");
    assert_eq!(problem.paths, paths[1].display().to_string());
    assert_eq!(problem.reason, "there is no such file");
    let _socket = UnixListener::bind(&paths[1]).unwrap();
    let problem = files.unreadable(&all, &files.look()).unwrap();
    assert!(problem.reason.contains("it is a socket"), "{problem:?}");
}

#[test]
fn a_refusal_is_about_the_property_that_it_names_and_else_about_all_that_have_changed() {
    let folder = Folder::new("refusal");
    let paths = ["ca", "cert", "key"].map(|name| folder.write(name, name));
    let files = files(&paths);
    let old = files.look();
    folder.write("ca", "new");
    folder.write("cert", "new");
    let new = files.look();
    let reason = "ssl.key.location failed: key values mismatch".to_owned();
    let problem = files.unusable(&old, &new, reason);
    assert_eq!(problem.properties, "ssl.key.location");
    let problem = files.unusable(&old, &new, "no answer".to_owned());
    assert_eq!(
        problem.properties,
        "ssl.ca.location, ssl.certificate.location"
    );
    assert_eq!(
        problem.paths,
        format!("{}, {}", paths[0].display(), paths[1].display())
    );
}
