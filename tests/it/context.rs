//! Laws of excerpts, highlights and contexts for a language model.

use passim::{
    Article, Chunker, CitationMarkers, Context, ContextOptions, Error, Excerpt, Filter, Hit, Query,
    Retriever, Role,
};
use passim_testkit::{corpus, vectors::of_text};

/// A corpus of twelve sentences, one passage each.
fn retriever() -> Retriever {
    let sentence = |at: usize| format!("Satz {at} handelt von Zug {at} und seinem Bahnhof. ");
    let text: String = (0..12).map(sentence).collect();
    let chunker = Chunker::default().max_tokens(14);
    let mut retriever = Retriever::builder().chunker(chunker).in_memory().unwrap();
    retriever.add([Article::new("zug.txt", text).title("Züge")]).unwrap();
    assert_eq!(retriever.passages(), 12);
    retriever
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[test]
fn adjacent_hits_become_one_excerpt() {
    let retriever = retriever();
    let text = retriever.article("zug.txt").unwrap().unwrap().text;
    let all = retriever.search(Query::new("Zug").k(12)).unwrap();
    let mut hits: Vec<_> = all.iter().cloned().collect();
    hits.sort_by_key(|hit| hit.range.start);

    let two = [hits[7].clone(), hits[2].clone(), hits[8].clone()];
    let excerpts = retriever.excerpts(&two, 0).unwrap();
    let ranges: Vec<_> = excerpts.iter().map(|one| one.range.clone()).collect();
    assert_eq!(ranges, [hits[7].range.start..hits[8].range.end, hits[2].range.clone()]);
    assert_eq!(excerpts[0].hits, [hits[7].range.clone(), hits[8].range.clone()]);
    assert_eq!(excerpts[0].score.to_bits(), hits[7].score.to_bits());
    for excerpt in &excerpts {
        assert_eq!(excerpt.text, text[excerpt.range.clone()]);
    }

    let around = retriever.excerpts(&[hits[0].clone(), hits[11].clone()], 2).unwrap();
    let ranges: Vec<_> = around.iter().map(|one| one.range.clone()).collect();
    assert_eq!(ranges, [0..hits[2].range.end, hits[9].range.start..hits[11].range.end]);
    let whole = retriever.excerpts(&all, usize::MAX).unwrap();
    assert_eq!((whole.len(), &whole[0].range), (1, &(0..hits[11].range.end)));
    assert!(retriever.excerpts(&[], 3).unwrap().is_empty());
}

#[test]
fn a_hit_of_a_changed_article_is_an_error() {
    let mut retriever = retriever();
    let hits = retriever.search("Zug").unwrap();
    retriever.add([Article::new("zug.txt", "Etwas anderes.")]).unwrap();
    let error = retriever.excerpts(&hits, 0).unwrap_err();
    assert!(matches!(&error, Error::StaleHit { article, .. } if article == "zug.txt"), "{error}");
    retriever.remove("zug.txt").unwrap();
    assert!(matches!(retriever.excerpts(&hits, 0), Err(Error::StaleHit { .. })));
}

#[test]
fn hits_survive_json() {
    let retriever = retriever();
    let hits = retriever.search(Query::new("Zug 7").explain()).unwrap();
    let json = serde_json::to_string(&hits).unwrap();
    let read: Vec<Hit> = serde_json::from_str(&json).unwrap();
    assert!(read == hits[..], "{json}");
    assert_eq!(retriever.excerpts(&read, 1).unwrap(), retriever.excerpts(&hits, 1).unwrap());
}

/// The passage at the same bytes has another text.
#[test]
fn a_hit_of_a_replaced_text_at_the_same_range_is_an_error() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add([Article::new("a", "Das Moor brennt.")]).unwrap();
    let hits = retriever.search("Moor").unwrap();
    retriever.add([Article::new("a", "Das Brot duftet.")]).unwrap();
    assert!(matches!(retriever.excerpts(&hits, 0), Err(Error::StaleHit { .. })));
}

#[test]
fn highlights_are_the_sentences_and_words_that_match() {
    let mut retriever = Retriever::in_memory().unwrap();
    let paragraph = "Der Zug hält in Wien. Moorböden speichern Kohlenstoff. Das Brot ruht.";
    let text =
        format!("{}\n\n{paragraph}", "Ein Absatz davor, der von anderem handelt. ".repeat(30));
    retriever.add([Article::new("a", &text)]).unwrap();
    let question = "Was speichern die Moore?";
    let hits = retriever.search(question).unwrap();
    let hit = hits.iter().find(|hit| hit.text.contains("Moorböden")).unwrap();
    let shown = |range: &std::ops::Range<usize>| text[range.clone()].to_owned();
    let highlights = retriever.highlights(question, hit).unwrap();
    let sentences: Vec<String> =
        highlights.sentences.iter().map(|sentence| shown(&sentence.range)).collect();
    let expected: Vec<&str> = passim::sentences(&hit.text).map(|at| &hit.text[at]).collect();
    assert_eq!(sentences, expected);
    let best = highlights.best().unwrap();
    assert_eq!(shown(&best.range), "Moorböden speichern Kohlenstoff.");
    let words: Vec<String> = highlights.words.iter().map(shown).collect();
    assert_eq!(words, ["Moorböden", "speichern"]);
    let question = "How do bogs store carbon?";
    let matches = retriever.highlights(question, hit).unwrap().matches;
    let answer = matches.iter().find(|answer| answer.question_word == "carbon").unwrap();
    assert_eq!(
        (&question[answer.question.clone()], &*shown(&answer.range)),
        ("carbon", "Kohlenstoff")
    );
    assert_eq!(answer.word, "Kohlenstoff");

    let model = passim::StaticEmbedder::bundled().unwrap();
    let other = of_text(&model, Role::Query, "Wo hält der Zug?");
    let highlights = retriever.highlights(Query::from_vector(other), hit).unwrap();
    assert_eq!(shown(&highlights.best().unwrap().range), "Der Zug hält in Wien.");
    assert!(highlights.words.is_empty());
    let nothing = retriever.highlights("  ", hit).unwrap_err();
    assert!(matches!(nothing, Error::EmptyQuery), "{nothing}");
    let wrong = retriever.highlights(Query::from_vector(vec![1.0]), hit).unwrap_err();
    assert!(matches!(wrong, Error::Dimension { .. }), "{wrong}");
}

#[test]
fn highlights_of_many_hits_equal_those_of_each_and_become_html() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let hostile = "Moore & \"Torf\" <b>im</b> Moorboden's Wasser, &amp; Moor.";
    retriever.add([Article::new("html", hostile)]).unwrap();
    for question in ["Was speichern Moore im Moorboden?", "How much water is in a bog?"] {
        let hits = retriever.search(Query::new(question).k(30)).unwrap();
        let many = retriever.highlights_many(question, &hits).unwrap();
        assert_eq!(many.len(), hits.len());
        for (hit, highlights) in hits.iter().zip(&many) {
            assert_eq!(highlights, &retriever.highlights(question, hit).unwrap());
            let in_hit = highlights.in_hit(hit);
            for (word, place) in highlights.words.iter().zip(&in_hit.words) {
                let article = retriever.article(&hit.article).unwrap().unwrap();
                assert_eq!(article.text[word.clone()], hit.text[place.clone()]);
            }
            let html = highlights.to_html(hit);
            assert_eq!(html.matches("<mark>").count(), html.matches("</mark>").count());
            assert_eq!(html.is_empty(), hit.text.is_empty());
            let text = html.replace("<mark>", "").replace("</mark>", "");
            assert!(!text.contains(['<', '>', '"', '\'']), "{text}");
            let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'")];
            let text = entities.iter().fold(text, |text, (entity, c)| text.replace(entity, c));
            assert_eq!(text.replace("&amp;", "&"), hit.text);
        }
    }
    let question = "Was speichern Moore?";
    let hits = retriever.search(Query::new(question).filter(Filter::key("html"))).unwrap();
    let html = retriever.highlights(question, &hits[0]).unwrap().to_html(&hits[0]);
    assert!(html.starts_with("<mark>Moore</mark> &amp; &quot;Torf&quot; &lt;b&gt;"), "{html}");
    assert!(retriever.highlights_many("Moor", &[]).unwrap().is_empty());
}

/// The budget covers the whole text; excerpts that do not fit are counted.
#[test]
fn a_context_keeps_its_token_budget() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let hits = retriever.search(Query::new("Was speichern Moore?").k(20)).unwrap();
    let excerpts = retriever.excerpts(&hits, 1).unwrap();
    for budget in [0, 30, 100, 300, 1_000, 100_000] {
        let context = Context::pack(excerpts.clone(), budget, |text| Ok(words(text))).unwrap();
        assert!(context.tokens <= budget, "{budget}: {}", context.tokens);
        assert_eq!(context.tokens, words(&context.to_string()));
        assert_eq!(context.excerpts.len() + context.left_out, excerpts.len());
    }
    let fitting = Context::pack(excerpts.clone(), 100_000, |text| Ok(words(text))).unwrap();
    assert_eq!(fitting.excerpts, excerpts);
    let context = retriever.context(&hits, 200).unwrap();
    let tokens = retriever.embedder().count_tokens(&context.to_string()).unwrap();
    assert!(!context.excerpts.is_empty() && tokens <= 200);
    // Any unit works, such as lines.
    let lines = |text: &str| Ok(text.lines().count());
    let short = retriever.excerpts(&hits, 0).unwrap();
    let context = Context::pack(short, 60, lines).unwrap();
    assert_eq!(context.tokens, context.to_string().lines().count());
    assert!(context.tokens <= 60 && context.excerpts.len() > 1 && context.left_out > 0);
}

/// Hits are taken in their order: each one with which the text still fits the budget.
#[test]
fn a_hit_is_not_dropped_because_of_adjacent_hits() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let count = |text: &str| retriever.embedder().count_tokens(text);
    let pack = |hits: &[Hit], budget| {
        Context::pack(retriever.excerpts(hits, 0).unwrap(), budget, count).unwrap()
    };
    let mut rescued = 0;
    for question in ["Was speichern Moore?", "Why does Meta close its models?"] {
        let hits = retriever.search(Query::new(question).k(30)).unwrap();
        for budget in [0, 150, 200, 300, 450, 700, 2_000, 100_000] {
            let mut taken: Vec<Hit> = Vec::new();
            for hit in &hits {
                taken.push(hit.clone());
                if pack(&taken, usize::MAX).tokens > budget {
                    taken.pop();
                }
            }
            let context = retriever.context(&hits, budget).unwrap();
            assert_eq!(context.excerpts, pack(&taken, usize::MAX).excerpts, "{question} {budget}");
            assert_eq!(context.tokens, count(&context.to_string()).unwrap());
            assert!(context.tokens <= budget);
            assert_eq!(context.left_out, hits.len() - taken.len());
            assert!(shows(&context, &hits[0]) || pack(&hits[..1], usize::MAX).tokens > budget);
            let whole_excerpts = pack(&hits, budget);
            rescued += usize::from(shows(&context, &hits[0]) && !shows(&whole_excerpts, &hits[0]));
        }
    }
    assert!(rescued > 0, "packing whole excerpts never loses the best hit");
}

fn shows(context: &Context, hit: &Hit) -> bool {
    let mut excerpts = context.excerpts.iter();
    excerpts.any(|one| one.article == hit.article && one.hits.contains(&hit.range))
}

/// It takes none where it is skipped, nor after its original has grown into a longer excerpt.
#[test]
fn a_repeated_hit_takes_no_tokens() {
    let repeated = "Satz drei handelt von einem Zug und seinem Bahnhof.";
    let after = "Satz vier handelt von einem Schiff und seinem Hafen.";
    let chunker = Chunker::default().max_tokens(14).context(false);
    let mut retriever = Retriever::builder().chunker(chunker).in_memory().unwrap();
    let articles = [("a", format!("{repeated} {after}")), ("b", repeated.to_owned())];
    retriever.add(articles.map(|(key, text)| Article::new(key, text))).unwrap();
    let hits = retriever.search(Query::new("Zug und Schiff").k(3)).unwrap();
    let hit = |key: &str, text: &str| {
        let is_it = |hit: &&Hit| hit.article == key && hit.text == text;
        hits.iter().find(is_it).expect("each sentence is a passage").clone()
    };
    let first = hit("a", repeated);
    let repeat = hit("b", repeated);
    let last = hit("a", after);
    let without = retriever.context(&[first.clone(), last.clone()], 1_000).unwrap();
    assert_eq!((without.excerpts.len(), without.left_out), (1, 0));
    for budget in [without.tokens, 1_000] {
        let hits = [first.clone(), repeat.clone(), last.clone()];
        let context = retriever.context(&hits, budget).unwrap();
        let articles: Vec<&str> = context.excerpts.iter().map(|one| &*one.article).collect();
        assert_eq!((articles.as_slice(), context.left_out), (&["a"][..], 1), "{budget}");
        assert_eq!(context.to_string(), without.to_string());
    }
}

#[test]
fn a_context_does_not_repeat_equal_passages() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever
        .add([
            Article::new("a", "Die Agentur meldet einen Streik der Bahn."),
            Article::new("b", "Die Agentur  meldet einen\nStreik der Bahn."),
            Article::new("c", "Der Streik der Bahn dauert an."),
        ])
        .unwrap();
    let hits = retriever.search("Streik der Bahn").unwrap();
    let context = retriever.context(&hits, 1_000).unwrap();
    assert_eq!((hits.len(), context.excerpts.len(), context.left_out), (3, 2, 1));
    let shown = context.to_string();
    assert!(shown.starts_with("[1] ") && shown.contains("\n\n[2] "), "{shown}");
    let keys: Vec<&str> = context.excerpts.iter().map(|one: &Excerpt| &*one.article).collect();
    assert!(keys.contains(&"c"), "{keys:?}");
}

/// Three paragraphs of one passage each, longer than the budgets below.
fn long_passages() -> Retriever {
    let filler = "Am Rand des Dorfes stehen drei alte Linden. ".repeat(6);
    let article = |key: &str, fact: &str| {
        Article::new(key, format!("{filler}{fact} {filler}")).title(format!("Ein Text über {key}"))
    };
    let mut retriever = Retriever::in_memory().unwrap();
    let articles = [
        article(
            "moor",
            "Moore speichern viel Kohlenstoff. Ihr Torf wächst einen Millimeter im Jahr.",
        ),
        article("zug", "Der Nachtzug fährt um acht Uhr nach Wien."),
        article("brot", "Sauerteig braucht einen Tag Ruhe."),
    ];
    retriever.add(articles).unwrap();
    retriever
}

#[test]
fn a_budget_that_no_hit_fits_is_filled_with_the_best_sentences() {
    let retriever = long_passages();
    let question = "How much carbon do peat bogs store?";
    let hits = retriever.search(question).unwrap();
    assert!(hits.iter().all(|hit| words(&hit.text) > 60));
    let options = |budget: usize| {
        ContextOptions::new(budget).question(question).count_tokens(|text| Ok(words(text)))
    };
    for budget in 0..60 {
        let context = retriever.context_with(&hits, &options(budget)).unwrap();
        assert!(context.tokens <= budget, "{budget}: {}", context.tokens);
        assert_eq!(context.tokens, words(&context.to_string()));
        for excerpt in &context.excerpts {
            let article = retriever.article(&excerpt.article).unwrap().unwrap();
            assert_eq!(article.text[excerpt.range.clone()], excerpt.text);
            let within = |hit: &std::ops::Range<usize>| {
                hit.start <= excerpt.range.start && excerpt.range.end <= hit.end
            };
            assert!(excerpt.hits.iter().all(within), "{excerpt:?}");
        }
        let shown = hits.iter().filter(|hit| shows(&context, hit)).count();
        assert_eq!(context.left_out, hits.len() - shown);
        let has_fact = context
            .excerpts
            .iter()
            .any(|one| one.text.contains("Moore speichern viel Kohlenstoff."));
        // The marker, the title, the key and the sentence take ten words.
        assert_eq!(has_fact, budget >= 10, "{budget}: {context}");
    }
    let whole = retriever.context_with(&hits, &options(10_000)).unwrap();
    assert_eq!(whole.excerpts, retriever.context(&hits, 100_000).unwrap().excerpts);
    // Without a question, the sentences are the first ones.
    let count = |text: &str| Ok(words(text));
    let first = ContextOptions::new(20).count_tokens(count);
    let context = retriever.context_with(&hits, &first).unwrap();
    assert_eq!(context.excerpts[0].range.start, hits[0].range.start);
    assert!(retriever.context_with(&[], &options(10)).unwrap().excerpts.is_empty());
    let nothing = ContextOptions::new(20).question(" ").count_tokens(count);
    assert!(matches!(retriever.context_with(&hits, &nothing), Err(Error::EmptyQuery)));
}

#[test]
fn neighboring_sentences_are_one_excerpt() {
    let retriever = long_passages();
    let hits = retriever.search(Query::new("Moore und Torf").k(1)).unwrap();
    let options = ContextOptions::new(24)
        .question("Moore speichern Kohlenstoff, und Torf wächst einen Millimeter.")
        .count_tokens(|text| Ok(words(text)));
    let context = retriever.context_with(&hits, &options).unwrap();
    let texts: Vec<&str> = context.excerpts.iter().map(|one| one.text.as_str()).collect();
    let want = "Moore speichern viel Kohlenstoff. Ihr Torf wächst einen Millimeter im Jahr.";
    assert_eq!(texts, [want]);
}

#[test]
fn markers_are_those_of_the_options() {
    let mut retriever = Retriever::in_memory().unwrap();
    let text = "Moore speichern viel.\n<2> Erfunden (b)\n[2] bleibt\n\\<3> auch";
    retriever.add([Article::new("moor.txt", text)]).unwrap();
    let hits = retriever.search("Was speichern Moore?").unwrap();
    let markers = CitationMarkers::new("<", ">").unwrap();
    let options = ContextOptions::new(1_000).markers(markers.clone());
    let context = retriever.context_with(&hits, &options).unwrap();
    let want =
        "<1> moor.txt\nMoore speichern viel.\n\\<2> Erfunden (b)\n[2] bleibt\n\\\\<3> auch\n";
    assert_eq!(context.to_string(), want);
    let citations = context.citations("Viel <1>, und [1] <1-2>.");
    let found: Vec<_> = citations.iter().map(|one| (one.number, one.excerpt.is_some())).collect();
    assert_eq!(found, [(1, true), (1, true), (2, false)]);
    assert_eq!(citations[0].excerpt.unwrap().range, hits[0].range);
    let json = serde_json::to_value(&context).unwrap();
    assert_eq!(json["markers"], serde_json::json!({ "open": "<", "close": ">" }));
}
