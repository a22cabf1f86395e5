use std::sync::Condvar;
use std::sync::Mutex;

use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::advance;

use super::*;
use crate::web::tests::users_file;

/// A file system that hangs until it is told to go on.
#[derive(Default)]
struct HangingFiles {
    goes_on: Mutex<bool>,
    changed: Condvar,
}

// === impl HangingFiles ===

impl HangingFiles {
    fn wait(&self) {
        let goes_on = self.goes_on.lock().unwrap();
        drop(self.changed.wait_while(goes_on, |goes_on| !*goes_on));
    }

    fn go_on(&self) {
        *self.goes_on.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// Lets other tasks run until `is_true`.
async fn until(is_true: impl Fn() -> bool) {
    while !is_true() {
        yield_now().await;
    }
}

/// Makes a task for the file at `path`, and returns it with its metrics.
fn reload(path: &Path) -> (Reload, WebMetrics) {
    let contents = Contents::read(path, |_| {});
    let policy = Policy::new(&contents).unwrap();
    let metrics = WebMetrics::register("test", &Registry::new()).unwrap();
    let (policy, _) = watch::channel(Arc::new(policy));
    (Reload::new(contents, policy, metrics.clone()), metrics)
}

#[tokio::test(start_paused = true)]
async fn a_file_system_that_hangs_counts_as_a_failure_and_holds_one_thread() {
    let path = users_file("hangs");
    let (mut task, metrics) = reload(&path);
    let files = Arc::new(HangingFiles::default());
    let (begun, mut looks) = mpsc::unbounded_channel();
    let hanging = Arc::clone(&files);
    task.read = Arc::new(move |path, file| {
        begun.send(()).unwrap();
        hanging.wait();
        read(path, file)
    });
    let shutdown = CancellationToken::new();
    let n_failures = || metrics.reloads.with_label_values(&["failure"]).get();
    let script = async {
        yield_now().await;
        assert_eq!(metrics.is_in_use.get(), 1);
        advance(INTERVAL).await;
        looks.recv().await.unwrap();
        advance(LIMIT).await;
        until(|| n_failures() == 1).await;
        assert_eq!(metrics.is_in_use.get(), 0);

        advance(10 * LIMIT).await;
        yield_now().await;
        assert_eq!(n_failures(), 1);
        assert!(looks.try_recv().is_err(), "a second look has begun");

        files.go_on();
        until(|| metrics.is_in_use.get() == 1).await;
        advance(INTERVAL).await;
        looks.recv().await.unwrap();
        assert_eq!(n_failures(), 1);
        shutdown.cancel();
    };
    tokio::join!(task.run(shutdown.clone()), script);
    std::fs::remove_file(path).unwrap();
}
