//! Reading a table and answering about it. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use openclaw_sdk::ToolError;

use crate::{Comparison, Filter, QueryArgs};

/// Separators that are tried, in this order.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows of an answer.
const MAX_ROWS: u16 = 1000;

struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Answers about the table in these bytes.
pub fn answer(bytes: &[u8], asked: &QueryArgs) -> Result<String, ToolError> {
    let limit = asked.limit.unwrap_or(50);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(ToolError::invalid(format!("`limit` is {limit}; it can be 1 to {MAX_ROWS}")));
    }
    let mut table = read(bytes, separator(bytes, asked.separator)?)?;
    for filter in &asked.filter {
        let column = table.column(&filter.column)?;
        table.rows.retain(|row| holds(&row[column], filter));
    }
    let mut table = match (&asked.group_by, asked.sums.as_slice()) {
        (None, []) => table,
        (group, sums) => table.grouped(group.as_deref(), sums)?,
    };
    if let Some(sort) = &asked.sort {
        let (name, descending) = sort.strip_prefix('-').map_or((sort.as_str(), false), |name| (name, true));
        let column = table.column(name)?;
        table.rows.sort_by(|a, b| {
            let order = compare(&a[column], &b[column]);
            if descending { order.reverse() } else { order }
        });
    }
    let columns = match asked.columns.as_slice() {
        [] => (0..table.columns.len()).collect(),
        names => names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?,
    };
    Ok(table.show(&columns, usize::from(limit)))
}

/// The separator that is named, or the one that the first line has most of.
fn separator(bytes: &[u8], named: Option<char>) -> Result<u8, ToolError> {
    if let Some(named) = named {
        let ascii = u8::try_from(named).ok().filter(u8::is_ascii);
        return ascii.ok_or_else(|| ToolError::invalid(format!("`{named}` cannot separate columns")));
    }
    let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| head.iter().filter(|byte| **byte == separator).count();
    Ok(SEPARATORS.into_iter().rev().max_by_key(|separator| count(*separator)).expect("table: there are separators"))
}

fn read(bytes: &[u8], separator: u8) -> Result<Table, ToolError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let odd = |err: csv_reader::Error| ToolError::invalid(format!("this is no table in CSV: {err}"));
    let mut reader = csv_reader::ReaderBuilder::new().delimiter(separator).from_reader(bytes);
    let columns: Vec<_> = reader.headers().map_err(odd)?.iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| Ok(row.map_err(odd)?.iter().map(str::to_owned).collect()));
    Ok(Table { columns, rows: rows.collect::<Result<_, ToolError>>()? })
}

impl Table {
    fn column(&self, name: &str) -> Result<usize, ToolError> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| {
            ToolError::invalid(format!("there is no column `{name}`; there are: {}", self.columns.join(", ")))
        })
    }

    /// A row for each value of a column, or one for all, with how many there are and what they add up to.
    fn grouped(&self, by: Option<&str>, sums: &[String]) -> Result<Table, ToolError> {
        let by = by.map(|name| self.column(name)).transpose()?;
        let summed = sums.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let mut groups: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
        for row in &self.rows {
            let group = groups.entry(by.map_or("", |by| &row[by])).or_insert_with(|| (0, vec![0.0; summed.len()]));
            group.0 += 1;
            for (sum, column) in group.1.iter_mut().zip(&summed) {
                let name = &self.columns[*column];
                *sum += number(&row[*column])
                    .or_else(|| row[*column].trim().is_empty().then_some(0.0))
                    .ok_or_else(|| ToolError::invalid(format!("`{}` in column `{name}` is no number", row[*column])))?;
            }
        }
        let head = by.map(|by| self.columns[by].clone());
        let columns =
            head.into_iter().chain(["count".to_owned()]).chain(sums.iter().map(|name| format!("sum of {name}")));
        let rows = groups.into_iter().map(|(group, (count, sums))| {
            let sums = sums.into_iter().map(|sum| format!("{}", (sum * 1e6).round() / 1e6));
            by.map(|_| group.to_owned()).into_iter().chain([count.to_string()]).chain(sums).collect()
        });
        Ok(Table { columns: columns.collect(), rows: rows.collect() })
    }

    fn show(&self, columns: &[usize], limit: usize) -> String {
        let line = |row: &[String]| columns.iter().map(|column| row[*column].trim()).collect::<Vec<_>>().join(" | ");
        let mut text = format!("{}\n", line(&self.columns));
        self.rows.iter().take(limit).for_each(|row| text.push_str(&format!("{}\n", line(row))));
        if self.rows.len() > limit {
            text.push_str(&format!("... and {} more rows\n", self.rows.len() - limit));
        }
        text
    }
}

fn holds(value: &str, Filter { is, value: wanted, .. }: &Filter) -> bool {
    match is {
        Comparison::Equal => compare(value, wanted) == Ordering::Equal,
        Comparison::NotEqual => compare(value, wanted) != Ordering::Equal,
        Comparison::Less => compare(value, wanted) == Ordering::Less,
        Comparison::More => compare(value, wanted) == Ordering::Greater,
        Comparison::Contains => value.to_lowercase().contains(&wanted.to_lowercase()),
    }
}

/// Numbers by their value, everything else by its letters.
fn compare(a: &str, b: &str) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.trim().cmp(b.trim()),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::serde_json;

    use super::*;

    const SALES: &str =
        "city,product,amount\nLeipzig,tea,9\nBerlin,tea,10.5\nLeipzig,\"coffee, black\",2\nBerlin,water,\n";

    fn ask(text: &str, asked: &str) -> String {
        let asked: QueryArgs = serde_json::from_str(asked).unwrap();
        match answer(text.as_bytes(), &asked) {
            Ok(text) => text,
            Err(ToolError::InvalidArguments(why)) => why,
            Err(err) => panic!("{err:?}"),
        }
    }

    #[test]
    fn rows_are_filtered_sorted_and_counted_as_what_they_are() {
        let more =
            r#"{"path":"x","filter":[{"column":"amount","is":"more","value":"9"}],"columns":["product","city"]}"#;
        assert_eq!(ask(SALES, more), "product | city\ntea | Berlin\n");
        let sorted = r#"{"path":"x","sort":"-amount","columns":["amount"],"limit":2}"#;
        assert_eq!(ask(SALES, sorted), "amount\n10.5\n9\n... and 2 more rows\n");
        let contains = r#"{"path":"x","filter":[{"column":"product","is":"contains","value":"BLACK"}]}"#;
        assert_eq!(ask(SALES, contains), "city | product | amount\nLeipzig | coffee, black | 2\n");
    }

    #[test]
    fn groups_have_their_count_and_sums() {
        let grouped = r#"{"path":"x","group_by":"city","sums":["amount"]}"#;
        assert_eq!(ask(SALES, grouped), "city | count | sum of amount\nBerlin | 2 | 10.5\nLeipzig | 2 | 11\n");
        assert_eq!(ask(SALES, r#"{"path":"x","sums":["amount"]}"#), "count | sum of amount\n4 | 21.5\n");
        assert!(ask(SALES, r#"{"path":"x","sums":["city"]}"#).contains("`Leipzig` in column `city` is no number"));
    }

    #[test]
    fn tables_come_in_several_shapes() {
        let columns = r#"{"path":"x"}"#;
        for text in ["a;b\n1;2\n", "a\tb\r\n1\t2\r\n", "\u{feff}a,b\n1,2", "a|b\n1|2"] {
            assert_eq!(ask(text, columns), "a | b\n1 | 2\n", "{text:?}");
        }
        assert!(ask("a,b\n1\n", columns).contains("no table"));
        assert!(ask(SALES, r#"{"path":"x","columns":["town"]}"#).contains("there are: city, product, amount"));
        assert!(ask(SALES, r#"{"path":"x","limit":0}"#).contains("1 to 1000"));
    }
}
