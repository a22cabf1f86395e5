//! A directory that changes as the volume of a Kubernetes Secret does.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::host::TempDir;

/// The directory. Its files are links to files behind the link `..data`, which is replaced as a whole.
#[derive(Debug)]
pub struct SecretVolume {
    folder: PathBuf,
    n_swaps: u32,
}

// === impl SecretVolume ===

impl SecretVolume {
    /// Makes a directory of this name in `scratch`, with these files and their contents.
    pub fn new(scratch: &TempDir, name: &str, files: &[(&str, String)]) -> Result<Self> {
        let folder = scratch.path().join(name);
        fs::create_dir(&folder)?;
        let mut volume = Self { folder, n_swaps: 0 };
        volume.swap(files)?;
        for (file, _) in files {
            symlink(Path::new("..data").join(file), volume.file(file))?;
        }
        Ok(volume)
    }

    /// Returns the path of the directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces all files at once.
    pub fn swap(&mut self, files: &[(&str, String)]) -> Result<()> {
        let before = self.folder.join(format!("..{}", self.n_swaps));
        self.n_swaps += 1;
        let name = format!("..{}", self.n_swaps);
        fs::create_dir(self.folder.join(&name))?;
        for (file, content) in files {
            fs::write(self.folder.join(&name).join(file), content)?;
        }
        let next = self.folder.join("..data_tmp");
        symlink(&name, &next)?;
        fs::rename(next, self.folder.join("..data"))?;
        if before.is_dir() {
            fs::remove_dir_all(before)?;
        }
        Ok(())
    }
}
