//! Files with something wrong. The snapshot beside this file has what the user is told of each.

/// A file with something wrong.
pub(crate) struct Bad {
    /// What is wrong.
    pub(crate) title: &'static str,
    /// The part of the file that has it.
    pub(crate) shown: &'static str,
    /// The file.
    pub(crate) text: String,
}

/// All of them.
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
