use futures_util::future::join_all;

use super::*;
use crate::web::credentials::Credentials;
use crate::web::tests::users;
use crate::web::users::Users;

fn attempt(user: &str, password: &str, users: &Users) -> Attempt {
    let credentials = Credentials {
        user: user.to_owned(),
        password: password.as_bytes().to_vec(),
    };
    Attempt::new(credentials, users).unwrap()
}

fn peer(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// Does `client` while the task runs.
async fn during<T>(client: impl AsyncFnOnce(PasswordChecker) -> T) -> T {
    let (checker, task) = authenticator();
    let shutdown = CancellationToken::new();
    let client = async {
        let seen = client(checker).await;
        shutdown.cancel();
        seen
    };
    tokio::join!(client, task.run(shutdown.clone())).0
}

#[tokio::test]
async fn the_right_password_is_accepted_and_others_are_not() {
    let users = users(&[("prom", "hunter2")]);
    during(async |checker| {
        for _ in 0..2 {
            let asked = attempt("prom", "hunter2", &users);
            assert_eq!(checker.check(asked, peer(1)).await, Answer::Accepted);
            let asked = attempt("prom", "hunter3", &users);
            assert_eq!(checker.check(asked, peer(1)).await, Answer::Rejected);
            let asked = attempt("eve", "hunter2", &users);
            assert_eq!(checker.check(asked, peer(1)).await, Answer::Rejected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_turned_away_and_others_have_their_turn() {
    let users = users(&[("prom", "hunter2"), ("eve", "x")]);
    during(async |checker| {
        let asked = attempt("prom", "hunter2", &users);
        assert_eq!(checker.check(asked, peer(1)).await, Answer::Accepted);
        let wrong: Vec<_> = (0..100).map(|i| i.to_string()).collect();
        let flood = wrong
            .iter()
            .map(|wrong| checker.check(attempt("prom", wrong, &users), peer(2)));
        let known = checker.check(attempt("prom", "hunter2", &users), peer(2));
        let new = checker.check(attempt("eve", "x", &users), peer(3));
        let (flood, known, new) = tokio::join!(join_all(flood), known, new);
        assert_eq!(known, Answer::Accepted);
        assert_eq!(new, Answer::Accepted);
        let n_busy = flood
            .iter()
            .filter(|answer| **answer == Answer::Busy)
            .count();
        assert!((90..100).contains(&n_busy), "{n_busy}");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_compared() {
    let users = users(&[("prom", "hunter2")]);
    let (checker, mut task) = authenticator();
    let asked = attempt("prom", "hunter2", &users);
    drop(tokio::time::timeout(Duration::ZERO, checker.check(asked, peer(1))).await);
    let question = task.questions.recv().await.unwrap();
    task.ask(question);
    task.begin_next();
    assert!(matches!(task.work, Work::Idle));
}

#[tokio::test]
async fn the_task_rests_after_a_wrong_password_only() {
    let users = users(&[("prom", "hunter2")]);
    let (_checker, mut task) = authenticator();
    for (password, is_resting) in [("hunter2", false), ("hunter3", true)] {
        let (reply, _answer) = oneshot::channel();
        task.ask(Question {
            attempt: Arc::new(attempt("prom", password, &users)),
            peer: peer(1),
            reply,
        });
        task.begin_next();
        let verdict = work_ended(&mut task.work).await;
        task.end_work(verdict, Instant::now());
        assert_eq!(
            matches!(task.work, Work::Resting(_)),
            is_resting,
            "{password}"
        );
    }
    assert_eq!(rest(Duration::from_millis(50)), Duration::from_millis(200));
}

#[tokio::test]
async fn after_the_end_of_the_task_nobody_is_let_in() {
    let users = users(&[("prom", "hunter2")]);
    let (checker, task) = authenticator();
    drop(task);
    let asked = attempt("prom", "hunter2", &users);
    assert_eq!(checker.check(asked, peer(1)).await, Answer::Busy);
}
