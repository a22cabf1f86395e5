//! Configuration files with a mistake. A snapshot has the message about each file.

/// A file with a mistake.
pub(crate) struct Bad {
    /// The description of the mistake.
    pub(crate) title: &'static str,
    /// The part of the file that has the mistake.
    pub(crate) shown: &'static str,
    /// The text of the whole file, with the parts that `shown` needs around it.
    pub(crate) text: String,
}

/// Returns all bad files. `cluster` is a good `[[clusters]]`, with which the shown parts become whole files.
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
