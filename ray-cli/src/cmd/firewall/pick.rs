//! Lets a user on a terminal choose rows of a numbered table.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Read},
};

use ray_ipc::control::ErrorCode;

use crate::{error::Failure, escape::escape, output::Output};

/// Some hundred numbers.
const ANSWER_LEN_MAX: u64 = 1024;

/// The rows that the user names, counted from 0, each once; none when there is nothing to choose from.
pub(super) fn pick(output: &Output, question: &str, rows: usize) -> Result<Vec<usize>, Failure> {
    if rows == 0 {
        return Ok(vec![]);
    }
    output.error_text(&escape(question));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(ANSWER_LEN_MAX)
        .read_line(&mut answer)
        .map_err(|cause| Failure::new(ErrorCode::Other, "reading the answer").caused_by(cause))?;
    chosen(&answer, rows).map_err(|word| {
        Failure::new(ErrorCode::Usage, format!("choosing suggestions: {word:?} is no number of the table"))
            .hint("nothing changed; numbers stand one space or comma apart")
    })
}

fn chosen(answer: &str, rows: usize) -> Result<Vec<usize>, &str> {
    if answer.trim().eq_ignore_ascii_case("all") {
        return Ok((0..rows).collect());
    }
    let words = answer.split([' ', ',', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    let numbers: Result<BTreeSet<usize>, &str> = words.map(|word| row(word, rows).ok_or(word)).collect();
    Ok(numbers?.into_iter().collect())
}

/// From the number that is shown.
fn row(word: &str, rows: usize) -> Option<usize> {
    let number: usize = word.parse().ok().filter(|number| *number <= rows)?;
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_numbers_in_any_order_and_each_once() {
        assert_eq!(chosen("3, 1 3\n", 3), Ok(vec![0, 2]));
    }

    #[test]
    fn takes_all_and_nothing() {
        assert_eq!(chosen("All\r\n", 2), Ok(vec![0, 1]));
        assert_eq!(chosen("\n", 2), Ok(vec![]));
        assert_eq!(chosen("", 2), Ok(vec![]));
    }

    #[test]
    fn refuses_what_is_not_in_the_table() {
        for (answer, word) in [("0", "0"), ("1 4", "4"), ("y", "y"), ("1 all", "all"), ("-1", "-1"), ("1-2", "1-2")] {
            assert_eq!(chosen(answer, 3), Err(word));
        }
    }
}
