//! Files with something wrong. A snapshot has the message about each.

/// A file with something wrong.
pub(crate) struct Bad {
    /// The words about what is wrong.
    pub(crate) title: &'static str,
    /// The part of the file that has the mistake.
    pub(crate) shown: &'static str,
    /// The text of the whole file.
    pub(crate) text: String,
}

/// All bad files.
pub(crate) fn files(cluster: &str) -> Vec<Bad> {
    let lists = [
        (include_str!("bad-exporter.txt"), "", cluster),
        (include_str!("bad-cluster.txt"), cluster, ""),
        (include_str!("bad-whole.txt"), "", ""),
    ];
    let cases = lists.iter().flat_map(|(list, before, after)| {
        let cases = list.split("=== ").skip(1);
        cases.map(move |case| {
            let (title, shown) = case.split_once('\n').expect("a case has a title");
            Bad {
                title,
                shown,
                text: format!("{before}{shown}{after}"),
            }
        })
    });
    cases.collect()
}
