//! The file with a token, which another program renews.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::file::{self, FileErrorCause};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::answer::MAX_BYTES;
use super::trouble::TokenTroubleKind;

/// The longest time for reading the file, which may be on a file system that hangs.
const LIMIT: Duration = Duration::from_secs(5);

/// A reader of the file.
#[derive(Debug)]
pub(super) struct TokenFile {
    /// Has one permit, which the thread that reads holds for as long as the file system takes. So there is one such thread at most.
    turn: Arc<Semaphore>,
}

// === impl TokenFile ===

impl TokenFile {
    pub(super) fn new() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Reads the file at `path` on a thread that may block.
    ///
    /// # Errors
    /// The file cannot be read, or not within [`LIMIT`]; it is too long or no text. The text says why, without the path and without
    /// anything of the file.
    pub(super) async fn read(&self, path: &Path) -> Result<String, (TokenTroubleKind, String)> {
        let path = path.to_owned();
        let reading = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let read = spawn_blocking(move || {
                let read = file::read(&path, MAX_BYTES);
                drop(turn);
                read
            });
            read.await
        };
        let unreadable = |kind, words: &dyn std::fmt::Display| {
            let text = format!("cannot be read: {words}");
            Err((kind, text))
        };
        let bytes = match timeout(LIMIT, reading).await {
            Ok(Ok(Ok(bytes))) => bytes,
            Ok(Ok(Err(error))) => {
                let kind = match error.cause {
                    FileErrorCause::TooLong(_) => TokenTroubleKind::Unusable,
                    _ => TokenTroubleKind::File,
                };
                return unreadable(kind, &error.cause);
            }
            Ok(Err(panicked)) => return unreadable(TokenTroubleKind::File, &panicked),
            Err(_) => {
                let words = format!("it takes more than {} s", LIMIT.as_secs());
                return unreadable(TokenTroubleKind::File, &words);
            }
        };
        // The error of the conversion is dropped, because it has the bytes of the file.
        String::from_utf8(bytes).map_err(|_| (TokenTroubleKind::Unusable, "is no text".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_system_that_hangs_holds_one_thread_and_is_reported() {
        let file = TokenFile::new();
        // The thread of an earlier reading still holds the permit.
        let hanging = Arc::clone(&file.turn).acquire_owned().await.unwrap();
        let told = file.read(Path::new("/nowhere/token")).await.unwrap_err();
        let words = "cannot be read: it takes more than 5 s";
        assert_eq!(told, (TokenTroubleKind::File, words.to_owned()));
        drop(hanging);
        let told = file.read(Path::new("/nowhere/token")).await.unwrap_err();
        let words = "cannot be read: there is no such file";
        assert_eq!(told, (TokenTroubleKind::File, words.to_owned()));
    }

    #[tokio::test]
    async fn a_file_that_cannot_have_a_token_is_not_shown() {
        let path = std::env::temp_dir().join(format!("klag-token-{}", std::process::id()));
        for (content, words) in [
            (&b"hunter2\xff"[..], "is no text"),
            (&b"x".repeat(MAX_BYTES + 1), "it has more than 256 KiB"),
        ] {
            std::fs::write(&path, content).unwrap();
            let (kind, text) = TokenFile::new().read(&path).await.unwrap_err();
            assert_eq!(kind, TokenTroubleKind::Unusable);
            assert!(text.ends_with(words), "{text}");
        }
        std::fs::remove_file(path).unwrap();
        let (kind, text) = TokenFile::new()
            .read(Path::new("/dev/zero"))
            .await
            .unwrap_err();
        assert_eq!(kind, TokenTroubleKind::File);
        assert!(text.contains("it is a device"), "{text}");
    }
}
