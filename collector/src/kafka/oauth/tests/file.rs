//! Tests of tokens in a file, with a clock that the test moves.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::super::fetcher::Fetcher;
use super::super::jwt::unsigned;
use super::super::login::TokenReport;
use super::super::token_file::TokenFile;
use super::*;
use crate::gate::client_slot::ClientGuard;
use crate::kafka::native::TokenHandover;

/// A folder with a file that has a token, and the loop that reads the file.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("klag-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    fn write(&self, text: &str) {
        fs::write(self.path.join("token"), text).unwrap();
    }

    fn fetcher(&self) -> (Fetcher, Receiver<TokenReport>) {
        let url = format!("file://{}/token", self.path.display());
        let (login, mask) = login(&url);
        let (sender, reports) = channel();
        let fetcher = Fetcher {
            handover: Arc::new(TokenHandover::new(&login.extensions)),
            login,
            mask,
            fence: Fence::new(ClientGuard::without_election().permit_check()),
            ended: CancellationToken::new(),
            refused: Arc::default(),
            reports: sender,
            token_file: TokenFile::new(),
        };
        (fetcher, reports)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).unwrap();
    }
}

/// Returns a token that lives for so many seconds from now by the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the life of a token is told in wall clock time"
)]
fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap();
    unsigned(&format!("{{\"sub\":\"me\",\"exp\":{}}}", now + seconds))
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_before_its_token_ends_and_a_broken_one_keeps_the_token() {
    let folder = Folder::new("token-file");
    folder.write(&token(1000));
    let (fetcher, reports) = folder.fetcher();
    let began = Instant::now();
    let change = async {
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(reports.try_iter().count(), 1);
        folder.write("");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let report = reports.try_iter().next().unwrap();
        assert_eq!(report.outcome.unwrap_err().kind, TokenTroubleKind::Unusable);
        fs::remove_file(folder.path.join("token")).unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let last = reports.try_iter().last().unwrap();
        let trouble = last.outcome.unwrap_err();
        assert_eq!(trouble.kind, TokenTroubleKind::File);
        assert!(trouble.text.contains("/token: cannot be read"), "{trouble}");
        folder.write(&token(-7));
        tokio::time::sleep(Duration::from_secs(20)).await;
        let last = reports.try_iter().last().unwrap();
        assert_eq!(last.outcome.unwrap_err().reason(), Reason::TokenExpired);
        folder.write(&token(1000));
        tokio::time::sleep(Duration::from_secs(20)).await;
        let renewed = reports.try_iter().last().unwrap().outcome.unwrap();
        assert!(renewed > began + Duration::from_secs(900));
    };
    tokio::select! { biased;
    () = change => {}
    () = fetcher.run() => panic!("the loop has ended") }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_brokers_refuse_is_replaced_early_and_then_less_often() {
    let folder = Folder::new("refused-token");
    folder.write(&token(1000));
    let (fetcher, reports) = folder.fetcher();
    let refused = Arc::clone(&fetcher.refused);
    let refuse_all = async {
        let mut counts = Vec::new();
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            refused.notify_one();
            counts.push(reports.try_iter().count());
        }
        counts
    };
    let counts = tokio::select! { biased;
    counts = refuse_all => counts,
    () = fetcher.run() => panic!("the loop has ended") };
    let asked_after: Vec<_> = (0..40).filter(|n| counts[*n] > 0).collect();
    // The file is read at once, ten seconds later after the first refusal, and 20 seconds later after the second one.
    let gaps: Vec<_> = asked_after
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert_eq!(asked_after[0], 0, "{asked_after:?}");
    assert_eq!(gaps, [10, 20], "{asked_after:?}");
}
