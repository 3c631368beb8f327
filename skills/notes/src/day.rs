//! Dates, and how a note looks. Pure.

use openclaw_sdk::ToolError;

/// `2026-11-21` and `14:05` of seconds since 1970, in UTC.
pub fn date_and_time(seconds: u64) -> (String, String) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days from the start of March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}", rest / 3600, rest / 60 % 60))
}

/// A note as it stands in its file.
pub fn note(time: &str, text: &str, tags: &[String]) -> Result<String, ToolError> {
    let is_word = |tag: &String| !tag.is_empty() && tag.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    if let Some(odd) = tags.iter().find(|tag| !is_word(tag)) {
        return Err(ToolError::invalid(format!("`{odd}` is no tag: use letters, digits, `-` and `_`")));
    }
    let tags: String = tags.iter().map(|tag| format!(" #{tag}")).collect();
    Ok(format!("\n- {time}{tags} {}\n", text.replace('\n', "\n  ")))
}

/// A regular expression for these words in their order, whatever stands between them.
pub fn pattern(words: &str) -> String {
    let escaped = |word: &str| {
        let escape = |c: char| if c.is_alphanumeric() { c.to_string() } else { format!("\\{c}") };
        word.chars().map(escape).collect::<String>()
    };
    format!("(?i){}", words.split_whitespace().map(escaped).collect::<Vec<_>>().join(".*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date, time) in [
            (0, "1970-01-01", "00:00"),
            (951_782_399, "2000-02-28", "23:59"),
            (951_782_400, "2000-02-29", "00:00"),
            (951_868_800, "2000-03-01", "00:00"),
            (1_795_269_900, "2026-11-21", "14:05"),
            (4_107_542_400, "2100-03-01", "00:00"),
        ] {
            assert_eq!(date_and_time(seconds), (date.to_owned(), time.to_owned()), "{seconds}");
        }
    }

    #[test]
    fn a_note_is_one_item_of_a_list_whatever_it_says() {
        let tags = ["home".to_owned(), "to-do".to_owned()];
        assert_eq!(note("14:05", "Water\nthe plants", &tags).unwrap(), "\n- 14:05 #home #to-do Water\n  the plants\n");
        assert!(note("14:05", "x", &["a b".to_owned()]).is_err() && note("14:05", "x", &[String::new()]).is_err());
    }

    #[test]
    fn words_are_searched_for_as_they_are() {
        assert_eq!(pattern("#to-do  (plants)"), r"(?i)\#to\-do.*\(plants\)");
    }
}
