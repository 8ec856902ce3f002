//! Answers to valid requests.

use serde_json::json;

use crate::support::{RunningService, slice};

const BOG: &str = "Moore bedecken drei Prozent der Erde. Sie speichern mehr Kohlenstoff als alle \
                   Wälder zusammen.";
const TRAIN: &str = "The night train leaves Vienna at eight. It reaches Paris before ten.";

/// A service of two articles.
fn service(folder: &std::path::Path) -> RunningService {
    let service = RunningService::start(folder, &[]);
    let report = service.client.post(
        "/articles",
        &json!({ "articles": [
            { "key": "natur/moor.txt", "text": BOG, "title": "Moore", "language": "de",
              "metadata": { "year": 2023, "tags": ["Klima", "Boden"] } },
            { "key": "train.txt", "text": TRAIN, "metadata": { "year": 2024 } },
        ]}),
    );
    assert_eq!(report["added"], 2);
    service.client.commit();
    service
}

#[test]
fn a_search_answers_with_ranges_and_highlights() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let body = json!({ "question": "What do peat bogs store?", "k": 1, "highlights": true });
    let answer = service.client.post("/search", &body);
    let hit = &answer["hits"][0];
    assert_eq!(hit["article"], "natur/moor.txt");
    assert_eq!(hit["text"], slice(BOG, &hit["range"]));
    let sentences = hit["highlights"]["sentences"].as_array().unwrap();
    let of_sentences: Vec<_> = sentences.iter().map(|found| slice(BOG, &found["range"])).collect();
    assert_eq!(of_sentences.len(), 2);
    assert!(of_sentences[1].starts_with("Sie speichern"));
    assert_eq!(answer["generation"], service.stop());
}

#[test]
fn conditions_restrict_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    for (condition, expected) in [
        (json!({ "equals": { "name": "year", "value": 2024 } }), "train.txt"),
        (json!({ "has": { "name": "tags", "value": "Klima" } }), "natur/moor.txt"),
        (json!({ "between": { "name": "year", "from": 2020, "to": 2023 } }), "natur/moor.txt"),
        (json!({ "language": "de" }), "natur/moor.txt"),
        (json!({ "key": "train.txt" }), "train.txt"),
        (json!({ "not": { "key_prefix": "natur/" } }), "train.txt"),
        (
            json!({ "all": [{ "language": "en" }, { "any": [{ "key": "train.txt" }] }] }),
            "train.txt",
        ),
    ] {
        let body = json!({ "question": "Wann fährt der Zug?", "filter": condition });
        let hits = &service.client.post("/search", &body)["hits"];
        let keys: Vec<_> = hits.as_array().unwrap().iter().map(|hit| &hit["article"]).collect();
        assert_eq!(keys, [expected], "{condition}");
    }
    service.stop();
}

#[test]
fn a_context_has_numbered_excerpts_in_a_budget() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let body = json!({ "question": "Wann fährt der Nachtzug?", "budget": 100 });
    let context = service.client.post("/context", &body);
    let text = context["text"].as_str().unwrap();
    assert!(text.starts_with("[1] train.txt\nThe night train"), "{text}");
    assert!(context["tokens"].as_u64().unwrap() <= 100);
    let excerpt = &context["excerpts"][0];
    assert_eq!(excerpt["text"], slice(TRAIN, &excerpt["range"]));
    service.stop();
}

#[test]
fn a_removed_article_is_found_until_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let service = RunningService::start(folder.path(), &["--commit-millis", "3600000"]);
    let client = &service.client;
    client.add("natur/moor.txt", BOG);
    let found = || {
        let answer = client.post("/search", &json!({ "question": "Moore" }));
        answer["hits"].as_array().unwrap().len()
    };
    assert_eq!(found(), 0, "not committed");
    client.commit();
    assert_eq!(found(), 1);
    assert!(client.remove("natur/moor.txt"));
    assert!(!client.remove("natur/moor.txt"));
    assert_eq!(found(), 1);
    client.commit();
    assert_eq!(found(), 0);
    service.stop();
}

#[test]
fn health_and_metrics_name_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path());
    let client = &service.client;
    assert_eq!(
        client.get("/health"),
        (200, r#"{"generation":1,"articles":2,"passages":2}"#.into())
    );
    let (status, text) = client.get("/metrics");
    assert_eq!(status, 200);
    for line in [
        r#"passim_request_seconds_count{route="/articles",status="200"} 1"#,
        r#"passim_request_seconds_bucket{route="/commit",status="200",le="+Inf"} 1"#,
        "passim_requests_in_progress 0",
        "passim_generation 1",
        "passim_articles 2",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
    service.stop();
}
