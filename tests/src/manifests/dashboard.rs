//! The dashboard as Grafana reads it: its panels, including those in collapsed rows, and its queries with variables replaced.

use anyhow::{Context, Result};
use regex::Regex;
use serde_json::Value;

/// The path of the dashboard in `manifests/`.
pub const FILE: &str = "components/dashboard/klag-exporter.json";

/// The dashboard, as the JSON that Grafana imports.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard(Value);

/// A query of a panel, ready for Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The title of the panel.
    pub panel: String,
    /// The title of the row that the panel is in.
    pub row: String,
    /// The text of the query.
    pub expr: String,
    /// The span for which the query is run.
    pub span: QuerySpan,
}

/// The span for which a query is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuerySpan {
    /// An instant query, about the last moment only.
    Instant,
    /// A range query, about each step of the time range that is shown.
    Range,
}

// === impl Dashboard ===

impl Dashboard {
    /// Reads the dashboard from `manifests/`.
    pub fn read() -> Result<Self> {
        Ok(Self(serde_json::from_str(&super::read(FILE)?)?))
    }

    /// Returns the JSON of the dashboard.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Returns the panels that show data, each with the title of its row.
    pub fn panels(&self) -> Vec<(String, &Value)> {
        let mut row = String::new();
        let mut panels = Vec::new();
        for panel in list(&self.0["panels"]) {
            if panel["type"] == "row" {
                row = text(&panel["title"]);
            } else {
                panels.push((row.clone(), panel));
            }
            panels.extend(list(&panel["panels"]).map(|panel| (row.clone(), panel)));
        }
        panels
    }

    /// Returns the queries of all panels. Variables have the values that they have when the dashboard is opened, except for
    /// `chosen` ones.
    pub fn queries(&self, chosen: &[(&str, &str)]) -> Result<Vec<Query>> {
        let mut queries = Vec::new();
        for (row, panel) in self.panels() {
            for target in list(&panel["targets"]) {
                let span = match target["instant"].as_bool() {
                    Some(true) => QuerySpan::Instant,
                    _ => QuerySpan::Range,
                };
                queries.push(Query {
                    panel: text(&panel["title"]),
                    row: row.clone(),
                    expr: self.replaced(&text(&target["expr"]), chosen)?,
                    span,
                });
            }
        }
        Ok(queries)
    }

    /// Returns the queries of variables and annotations, including selectors whose label values are listed.
    pub fn lists(&self) -> Result<Vec<String>> {
        let of_labels = Regex::new(r"^label_values\((.*), \w+\)$")?;
        let variables = list(&self.0["templating"]["list"]);
        let selectors = variables.filter_map(|it| it["definition"].as_str());
        let selectors = selectors.map(|it| of_labels.replace(it, "$1").into_owned());
        let annotations = list(&self.0["annotations"]["list"]).map(|it| text(&it["expr"]));
        let asked = selectors.chain(annotations);
        asked.map(|query| self.replaced(&query, &[])).collect()
    }

    /// Returns a query with its variables replaced by the `chosen` values, else by those that they have when the dashboard is
    /// opened.
    fn replaced(&self, query: &str, chosen: &[(&str, &str)]) -> Result<String> {
        let name = Regex::new(r"\$(?:\{(\w+)\}|(\w+))")?;
        let mut out = String::new();
        let mut from = 0;
        for found in name.captures_iter(query) {
            let whole = found.get(0).context("no match")?;
            let name = found.get(1).or(found.get(2)).context("no name")?.as_str();
            out.push_str(&query[from..whole.start()]);
            out.push_str(&match chosen.iter().find(|(it, _)| *it == name) {
                Some((_, value)) => (*value).to_owned(),
                None => self.at_first(name)?,
            });
            from = whole.end();
        }
        Ok(out + &query[from..])
    }

    /// Returns a variable's value when the dashboard is opened.
    fn at_first(&self, name: &str) -> Result<String> {
        // Grafana's `$__rate_interval` is four times the shortest step, which is the initial value of `min_step`, one minute.
        if name == "__rate_interval" {
            return Ok("4m".to_owned());
        }
        let mut variables = list(&self.0["templating"]["list"]);
        let variable = variables.find(|it| it["name"] == name);
        let variable = variable.with_context(|| format!("there is no variable {name}"))?;
        let current = &variable["current"]["value"];
        let value = match current[0].as_str() {
            Some("$__all") => variable["allValue"].as_str(),
            _ => current.as_str(),
        };
        Ok(value
            .with_context(|| format!("{name} has no value"))?
            .to_owned())
    }
}

/// Returns the color of a panel whose query returns nothing, by Grafana's rules: that of the mapping of null, else that of the
/// lowest threshold.
pub fn color_without_data(panel: &Value) -> Option<&str> {
    let defaults = &panel["fieldConfig"]["defaults"];
    let mapped = list(&defaults["mappings"]).find(|it| {
        let special = it["options"]["match"].as_str().unwrap_or_default();
        it["type"] == "special" && special.split('+').any(|it| it == "null")
    });
    let mapped = mapped.and_then(|it| it["options"]["result"]["color"].as_str());
    let lowest = defaults["thresholds"]["steps"][0]["color"].as_str();
    mapped.or(lowest)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_replaced_as_grafana_does() {
        let all = json!({"name": "job", "allValue": ".*", "current": {"value": ["$__all"]}});
        let one = json!({"name": "top", "current": {"value": "10"}});
        let dashboard = Dashboard(json!({"templating": {"list": [all, one]}}));
        let replaced = |query, chosen: &[(&str, &str)]| dashboard.replaced(query, chosen).unwrap();
        assert_eq!(
            replaced(r#"topk($top, x{job=~"$job(-a)?"}[$__rate_interval])"#, &[]),
            r#"topk(10, x{job=~".*(-a)?"}[4m])"#
        );
        assert_eq!(replaced("${job}_x", &[("job", "a")]), "a_x");
        assert!(dashboard.replaced("$nobody", &[]).is_err());
    }

    #[test]
    fn the_mapping_of_null_comes_before_the_lowest_threshold() {
        let steps = json!([{"color": "green", "value": null}]);
        let mapping = json!({"type": "special", "options": {"match": "null+nan", "result": {"color": "text"}}});
        let panel = |mappings| json!({"fieldConfig": {"defaults": {"thresholds": {"steps": steps}, "mappings": mappings}}});
        assert_eq!(color_without_data(&panel(json!([]))), Some("green"));
        assert_eq!(color_without_data(&panel(json!([mapping]))), Some("text"));
    }
}
