use super::*;

/// Returns a reporter on two clusters without a live line, and the senders of their progress.
fn two_clusters(began: Instant) -> (ProgressReporter, [watch::Sender<Progress>; 2]) {
    let channels = ["orders", "payments"].map(|name| (name, watch::channel(Progress::default())));
    let clusters = channels
        .iter()
        .map(|(name, (_, seen))| (Name::from(*name), seen.clone()))
        .collect();
    (
        ProgressReporter::new(clusters, None, began),
        channels.map(|(_, (sender, _))| sender),
    )
}

fn in_step(step: Step) -> Progress {
    Progress {
        step,
        brokers: 3,
        groups: 400,
        partitions: 9000,
    }
}

#[test]
fn one_cluster_fills_the_line() {
    let offsets = Step::Offsets {
        done: 120,
        total: 400,
    };
    let line = text::line(&[("orders", in_step(offsets))], Duration::from_secs(4));
    assert_eq!(
        line,
        "orders: committed offsets, 120 of 400 groups · 3 brokers · 400 groups · 9000 partitions · 4 s"
    );
}

#[test]
fn several_clusters_share_the_line() {
    let connecting = Progress {
        step: Step::Connecting,
        ..Progress::default()
    };
    let clusters = [
        ("orders", in_step(Step::Published)),
        ("payments", connecting),
    ];
    let line = text::line(&clusters, Duration::from_secs(61));
    assert_eq!(
        line,
        "1 of 2 clusters collected · payments: connecting · 61 s"
    );
}

#[test]
fn a_step_is_logged_once_and_again_while_it_lasts() {
    let began = Instant::now();
    let (mut reporter, [orders, payments]) = two_clusters(began);
    assert_eq!(reporter.due_notices(began), []);
    orders.send_replace(in_step(Step::Connecting));
    payments.send_replace(in_step(Step::Connecting));
    let both = [(0, Notice::UnderWay), (1, Notice::UnderWay)];
    assert_eq!(reporter.due_notices(began), both);

    let mut told = Vec::new();
    for second in 1..=20 {
        let notices = reporter.due_notices(began + Duration::from_secs(second));
        told.extend(notices.into_iter().map(|(index, _)| (second, index)));
    }
    assert_eq!(
        told,
        [(5, 0), (10, 1), (15, 0), (20, 1)],
        "one line every five seconds, in turns"
    );
}

#[test]
fn a_collection_that_begins_late_is_timed_from_its_beginning() {
    let began = Instant::now();
    let (mut reporter, [orders, _payments]) = two_clusters(began);
    let at = |second| began + Duration::from_secs(second);
    reporter.due_notices(at(100));
    assert_eq!(reporter.elapsed(at(100)), Duration::from_secs(100));
    orders.send_replace(in_step(Step::Connecting));
    reporter.due_notices(at(600));
    reporter.due_notices(at(605));
    assert_eq!(reporter.elapsed(at(607)), Duration::from_secs(7));
}

#[test]
fn nothing_is_logged_after_the_last_cluster_is_published() {
    let began = Instant::now();
    let (mut reporter, [orders, payments]) = two_clusters(began);
    orders.send_replace(in_step(Step::Published));
    assert_eq!(reporter.due_notices(began), [(0, Notice::Published)]);
    assert_eq!(reporter.report(began), Remaining::Some);
    payments.send_replace(in_step(Step::Published));
    assert_eq!(reporter.report(began), Remaining::None);
    assert_eq!(reporter.due_notices(began + Duration::from_secs(60)), []);
}

#[tokio::test(start_paused = true)]
async fn the_reporter_runs_until_shutdown_with_nothing_left_to_show() {
    let (reporter, [orders, payments]) = two_clusters(Instant::now());
    orders.send_replace(in_step(Step::Published));
    payments.send_replace(in_step(Step::Published));
    let shutdown = CancellationToken::new();
    let run = reporter.run(shutdown.clone());
    let minute = tokio::time::timeout(Duration::from_secs(60), run).await;
    assert!(minute.is_err(), "a task that ends would stop the process");
}
