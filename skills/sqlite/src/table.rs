//! Tables in CSV. Pure.

use openclaw_sdk::ToolError;

/// Separators that are tried, in this order.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A table in CSV: its columns, and which of them are of numbers.
#[derive(Debug)]
pub struct Table<'a> {
    pub columns: Vec<String>,
    numeric: Vec<bool>,
    bytes: &'a [u8],
    separator: u8,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Empty,
    Integer(i64),
    Real(f64),
    Text(String),
}

impl<'a> Table<'a> {
    /// Reads a table. A column is of numbers if all that stands in it are numbers.
    ///
    /// # Errors
    /// If it is no table in CSV.
    pub fn read(bytes: &'a [u8]) -> Result<Table<'a>, ToolError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let separator = separator(bytes);
        let mut reader = reader(bytes, separator);
        let columns = names(reader.headers().map_err(|err| odd(&err))?);
        if columns.is_empty() {
            return Err(ToolError::invalid("this is no table in CSV: it has no columns"));
        }
        let mut numeric = vec![true; columns.len()];
        for row in reader.records() {
            let row = row.map_err(|err| odd(&err))?;
            numeric.iter_mut().zip(&row).for_each(|(numeric, text)| *numeric &= is_number_or_empty(text));
        }
        Ok(Table { columns, numeric, bytes, separator })
    }

    /// Its rows, one by one: they take several times the memory of their text.
    pub fn rows(&self) -> impl Iterator<Item = Result<Vec<Cell>, ToolError>> {
        let cell = |(text, numeric): (&str, &bool)| if *numeric { number(text) } else { word(text) };
        let rows = reader(self.bytes, self.separator).into_records();
        rows.map(move |row| Ok(row.map_err(|err| odd(&err))?.iter().zip(&self.numeric).map(cell).collect()))
    }
}

fn reader(bytes: &[u8], separator: u8) -> csv_reader::Reader<&[u8]> {
    csv_reader::ReaderBuilder::new().delimiter(separator).from_reader(bytes)
}

fn odd(err: &csv_reader::Error) -> ToolError {
    ToolError::invalid(format!("this is no table in CSV: {err}"))
}

/// The separator that the first line has most of.
fn separator(bytes: &[u8]) -> u8 {
    let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| head.iter().filter(|byte| **byte == separator).count();
    SEPARATORS.into_iter().rev().max_by_key(|separator| count(*separator)).expect("table: there are separators")
}

/// The columns' names; those that are missing or there twice get a number.
fn names(head: &csv_reader::StringRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in head.iter().map(str::trim).enumerate() {
        let is_free = |name: &str| !names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let numbered = || (at + 1..).map(|number| format!("{name}_{number}")).find(|name| is_free(name));
        let name = if name.is_empty() { None } else { Some(name.to_owned()).filter(|name| is_free(name)) };
        names.extend(name.or_else(numbered));
    }
    names
}

/// `007` is no number but a name: as a number it would lose its zeros.
fn is_number_or_empty(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_name = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let starts_well = digits.starts_with(|letter: char| letter.is_ascii_digit());
    text.is_empty() || (starts_well && !is_name && text.parse::<f64>().is_ok_and(f64::is_finite) && digits.len() < 18)
}

fn number(text: &str) -> Cell {
    let text = text.trim();
    let real = || text.parse().map_or(Cell::Empty, Cell::Real);
    text.parse().map_or_else(|_| real(), Cell::Integer)
}

fn word(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_are_numbers_and_others_stay_as_they_are() {
        let table = Table::read(b"\xef\xbb\xbfcode;n;x\n007;1;1.5\n12;-20;\n").unwrap();
        let rows: Vec<_> = table.rows().map(Result::unwrap).collect();
        assert_eq!(table.columns, ["code", "n", "x"]);
        assert_eq!(rows[0], [Cell::Text("007".into()), Cell::Integer(1), Cell::Real(1.5)]);
        assert_eq!(rows[1], [Cell::Text("12".into()), Cell::Integer(-20), Cell::Empty]);
        for text in ["+49", "0x1f", "1e999", "12345678901234567890", "inf", "nan", "1,5", "-"] {
            assert!(!is_number_or_empty(text), "{text}");
        }
        for text in ["0", "-0.5", " 7 ", "1e3"] {
            assert!(is_number_or_empty(text), "{text}");
        }
    }

    #[test]
    fn columns_without_a_name_of_their_own_get_one() {
        assert_eq!(Table::read(b"a,,A,a_3\n").unwrap().columns, ["a", "_2", "A_3", "a_3_4"]);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for bytes in [&b""[..], b"a,b\n1\n", b"a\n\xff\xfe\n"] {
            assert!(matches!(Table::read(bytes), Err(ToolError::InvalidArguments(why)) if why.contains("no table")));
        }
    }
}
