use std::time::Duration;

use tokio::time::Instant;

use super::stuck::{CHECK_INTERVAL, MAX_UNCHANGED_CHECKS};
use super::*;

const GRACE: Duration = Duration::from_millis(1500);

/// Returns a starter of tasks on the test's runtime, its supervisor, a sender of signals, and the function that receives them.
fn supervised_tasks() -> (
    Tasks,
    Supervisor,
    mpsc::UnboundedSender<Signal>,
    impl AsyncFnMut() -> Signal,
) {
    let (tasks, supervisor) = supervise(Handle::current());
    let (sender, mut signals) = mpsc::unbounded_channel();
    let next = async move || match signals.recv().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    };
    (tasks, supervisor, sender, next)
}

/// Waits until shutdown begins, as a task has to.
async fn obedient(shutdown: CancellationToken) {
    shutdown.cancelled().await;
}

fn panic_with(message: String) {
    std::panic::panic_any(message);
}

#[tokio::test(start_paused = true)]
async fn a_signal_cancels_every_task_and_nothing_is_waited_for_after_the_last() {
    let (tasks, supervisor, sender, next) = supervised_tasks();
    tasks.spawn("one", obedient(tasks.shutdown()));
    tasks.spawn("two", obedient(tasks.shutdown()));
    sender.send(Signal::Terminate).unwrap();
    let began = Instant::now();
    supervisor.run(next, GRACE).await.unwrap();
    assert!(tasks.shutdown().is_cancelled());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_before_shutdown_stops_the_process_under_its_name() {
    let (tasks, supervisor, _sender, next) = supervised_tasks();
    tasks.spawn("steady", obedient(tasks.shutdown()));
    tasks.spawn("deserter", async {});
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "task deserter ended although nothing had asked it to"
    );
    assert!(
        tasks.shutdown().is_cancelled(),
        "the others are asked to end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_the_process_under_the_name_of_the_task_and_with_its_message() {
    let (tasks, supervisor, _sender, next) = supervised_tasks();
    tasks.spawn("steady", obedient(tasks.shutdown()));
    tasks.spawn("broken", async {
        panic_with("a byte is missing".to_owned());
    });
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "task broken panicked: a byte is missing"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_task_stops_the_process_and_is_kept_as_the_source() {
    let (tasks, supervisor, _sender, next) = supervised_tasks();
    tasks.spawn("wedged", async {
        Err(anyhow::anyhow!("thread did not come back"))
    });
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    let message = format!("{:#}", anyhow::Error::from(failure));
    assert_eq!(message, "task wedged failed: thread did not come back");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ignores_shutdown_is_left_behind_when_the_grace_is_over() {
    let (tasks, supervisor, sender, next) = supervised_tasks();
    tasks.spawn("deaf", std::future::pending::<()>());
    tasks.spawn("obedient", obedient(tasks.shutdown()));
    sender.send(Signal::Terminate).unwrap();
    let began = Instant::now();
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    assert_eq!(began.elapsed(), GRACE);
    assert_eq!(
        failure.to_string(),
        "still running 1.5s after shutdown began: deaf"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_leaves_at_once() {
    let (tasks, supervisor, sender, next) = supervised_tasks();
    tasks.spawn("deaf", std::future::pending::<()>());
    sender.send(Signal::Terminate).unwrap();
    sender.send(Signal::Interrupt).unwrap();
    let began = Instant::now();
    supervisor.run(next, GRACE).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_panic_during_shutdown_is_not_lost() {
    let (tasks, supervisor, sender, next) = supervised_tasks();
    let shutdown = tasks.shutdown();
    tasks.spawn("late", async move {
        shutdown.cancelled().await;
        panic_with("no farewell".to_owned());
    });
    sender.send(Signal::Terminate).unwrap();
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    assert_eq!(failure.to_string(), "task late panicked: no farewell");
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_the_one_reported() {
    let (tasks, supervisor, _sender, next) = supervised_tasks();
    tasks.spawn("deaf", std::future::pending::<()>());
    tasks.spawn("deserter", async {});
    let failure = supervisor.run(next, GRACE).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "task deserter ended although nothing had asked it to"
    );
}

#[test]
fn the_bound_holds_though_every_worker_thread_is_blocked() {
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let main = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (tasks, supervisor) = supervise(workers.handle().clone());
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    tasks.spawn("blocking", async move {
        blocked.recv().unwrap_err();
    });
    let failure = main.block_on(async {
        let once = std::cell::Cell::new(Some(Signal::Terminate));
        let next = async || match once.take() {
            Some(signal) => signal,
            None => std::future::pending().await,
        };
        supervisor
            .run(next, Duration::from_millis(50))
            .await
            .unwrap_err()
    });
    assert_eq!(
        failure.to_string(),
        "still running 50ms after shutdown began: blocking"
    );
    drop(release);
    workers.shutdown_background();
}

#[test]
fn a_task_that_blocks_its_thread_stops_the_process_under_its_name_though_others_go_on() {
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // Time is paused on the supervisor's runtime, so its checks follow each other without waiting.
    let main = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (tasks, supervisor) = supervise(workers.handle().clone());
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel();
    tasks.spawn("steady", obedient(tasks.shutdown()));
    tasks.spawn("blocking", async move {
        begin.send(()).unwrap();
        blocked.recv().unwrap_err();
    });
    begun.recv().unwrap();
    let failure = main.block_on(async {
        let began = Instant::now();
        let failure = supervisor.run(std::future::pending, GRACE).await;
        assert!(
            began.elapsed() >= CHECK_INTERVAL * MAX_UNCHANGED_CHECKS,
            "{:?}",
            began.elapsed()
        );
        failure.unwrap_err()
    });
    assert_eq!(
        failure.to_string(),
        "task blocking has blocked its thread for 30s"
    );
    drop(release);
    workers.shutdown_background();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_is_not_stuck_however_long() {
    let (tasks, supervisor, sender, next) = supervised_tasks();
    tasks.spawn("patient", obedient(tasks.shutdown()));
    let shutdown = tasks.shutdown();
    let waiter = tasks.clone();
    waiter.spawn("signal", async move {
        tokio::time::sleep(CHECK_INTERVAL * MAX_UNCHANGED_CHECKS * 10).await;
        sender.send(Signal::Terminate).unwrap();
        shutdown.cancelled().await;
    });
    supervisor.run(next, GRACE).await.unwrap();
}
