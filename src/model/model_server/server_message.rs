//! The message of a server about a refused request.

use serde_json::Value;

/// Maximum length of a quotation from an answer, in characters.
const MAX_CHARS: usize = 300;

/// Places of the message in the JSON of common servers.
const PLACES: [&str; 5] = ["/error/message", "/message", "/detail", "/error", "/title"];

/// Returns the beginning of the message in the body of a refusal, or of the body.
pub(super) fn server_message(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let message = json.as_ref().and_then(|json| {
        PLACES.iter().find_map(|place| json.pointer(place).and_then(Value::as_str))
    });
    beginning(message.unwrap_or(body))
}

/// Returns the beginning of `text` on one line.
pub(super) fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_common_forms() {
        for (body, message) in [
            (r#"{"error":{"message":"no such model","type":"x"}}"#, "no such model"),
            (r#"{"error":"Input is too\n long","error_type":"Validation"}"#, "Input is too long"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("<html>\n<b>Bad gateway</b>", "<html> <b>Bad gateway</b>"),
            (r#"{"code":7}"#, r#"{"code":7}"#),
            ("", ""),
        ] {
            assert_eq!(server_message(body), message);
        }
        let long = server_message(&"ä".repeat(1_000));
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
    }
}
