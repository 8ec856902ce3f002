//! The map as it is drawn.

use maud::{Markup, html};
use passim::{Hit, Language};

use super::{
    answer::{Answer, Shown},
    log::class,
    map::{Map, Point},
    text::{grouped, name, shortened},
};

/// Width of the drawing in its own units; the page scales it.
const WIDTH: f32 = 1_000.0;
/// Maximum height of the drawing.
const HEIGHT: f32 = 800.0;
const MARGIN: f32 = 30.0;
/// Characters shown of a passage.
const EXCERPT_CHARS: usize = 120;
/// Distance in the corpus between points drawn in succession.
const DRAWING_STRIDE: usize = 97;
/// Number of points from which they are drawn small.
const MANY: usize = 2_000;

/// Transforms map coordinates to drawing coordinates with one scale for both axes.
struct Frame {
    least: [f32; 2],
    most: [f32; 2],
    scale: f32,
}

impl Frame {
    /// Returns the frame around `places`.
    fn around(places: impl Iterator<Item = [f32; 2]>) -> Self {
        let mut least = [f32::MAX; 2];
        let mut most = [f32::MIN; 2];
        for place in places {
            for at in 0..2 {
                least[at] = least[at].min(place[at]);
                most[at] = most[at].max(place[at]);
            }
        }
        let room = [WIDTH - 2.0 * MARGIN, HEIGHT - 2.0 * MARGIN];
        let scale = |at: usize| room[at] / (most[at] - least[at]).max(1e-6);
        Self { least, most, scale: scale(0).min(scale(1)) }
    }

    fn height(&self) -> f32 {
        (self.most[1] - self.least[1]) * self.scale + 2.0 * MARGIN
    }

    /// Returns SVG coordinates (right and down), rounded to a tenth of a unit.
    fn at(&self, place: [f32; 2]) -> [f32; 2] {
        let width = (self.most[0] - self.least[0]) * self.scale;
        let x = (WIDTH - width) / 2.0 + (place[0] - self.least[0]) * self.scale;
        let y = MARGIN + (self.most[1] - place[1]) * self.scale;
        [x, y].map(|value| (value * 10.0).round() / 10.0)
    }
}

/// Renders the map and a menu of questions whose hits it marks.
pub fn atlas(map: &Map, answers: &[Answer]) -> Markup {
    let places = map.points.iter().map(|point| point.place);
    let frame = Frame::around(places.chain(answers.iter().map(|answer| answer.place)));
    html! {
        div.atlas {
            div.plane {
                svg #map.many[map.points.len() >= MANY] viewBox={ "0 0 " (WIDTH) " " (frame.height().round()) } role="img"
                    aria-label="All passages by the two main axes of their vectors" {
                    g #points { @for drawn in drawn(map) { (dot(&frame, &drawn)) } }
                    g #marks {}
                }
                (legend(map))
            }
            div.beside {
                label for="question" { "Hits of the question" }
                select #question {
                    option value="" { "none" }
                    @for (number, answer) in answers.iter().enumerate() {
                        (choice(&frame, number, answer))
                    }
                }
                ol #found {}
                p #about aria-live="polite" { "Point at a passage to read it here and to highlight the \
                    others of its article." }
            }
        }
        (caption(map))
    }
}

fn choice(frame: &Frame, number: usize, answer: &Answer) -> Markup {
    let [x, y] = frame.at(answer.place);
    let of_hits =
        |of: fn(&Shown) -> String| answer.hits.iter().map(of).collect::<Vec<String>>().join(" ");
    let numbers = of_hits(|shown| shown.number.map_or("-".to_owned(), |at| at.to_string()));
    html! {
        option value=(number) data-x=(x) data-y=(y) data-hits=(numbers)
            data-classes=(of_hits(|shown| class(shown).to_owned()))
            lang=[answer.asked.language.as_ref().map(Language::code)] { (answer.question()) }
    }
}

/// A point with its index and the index of its article.
struct Drawn<'a> {
    number: usize,
    article: usize,
    point: &'a Point,
}

/// Returns the points in an order in which no article or language covers the others.
fn drawn(map: &Map) -> Vec<Drawn<'_>> {
    let articles = map.points.chunk_by(|a, b| a.passage.article == b.passage.article).enumerate();
    let points =
        articles.flat_map(|(article, points)| points.iter().map(move |point| (article, point)));
    let numbered = points.enumerate();
    let mut drawn: Vec<Drawn> =
        numbered.map(|(number, (article, point))| Drawn { number, article, point }).collect();
    drawn.sort_by_key(|drawn| drawn.number % DRAWING_STRIDE);
    drawn
}

fn dot(frame: &Frame, drawn: &Drawn) -> Markup {
    let Hit { language, text, .. } = &drawn.point.passage;
    let [x, y] = frame.at(drawn.point.place);
    let lang = language.as_ref().map(Language::code);
    html! {
        path.(lang.unwrap_or("other")) #{ "p" (drawn.number) } d={ "M" (x) "," (y) "h0" }
            data-a=(drawn.article) lang=[lang] {
            title { (place(&drawn.point.passage)) "\n" (shortened(text, EXCERPT_CHARS)) }
        }
    }
}

/// Formats the title or key of the article, and the heading.
fn place(passage: &Hit) -> String {
    let article = name(passage);
    match &passage.heading {
        Some(heading) => format!("{article} · {heading}"),
        None => article.to_owned(),
    }
}

fn legend(map: &Map) -> Markup {
    let of =
        |language| map.points.iter().filter(|point| point.passage.language == language).count();
    let kinds = [
        ("de", "German", of(Some(Language::German))),
        ("en", "English", of(Some(Language::English))),
        ("other", "language unknown", of(None)),
    ];
    html! {
        ul.legend {
            @for (class, name, count) in kinds.into_iter().filter(|(.., count)| *count > 0) {
                li {
                    svg.key viewBox="0 0 10 10" aria-hidden="true" {
                        path.(class) d="M5,5h0" {}
                    }
                    (name) ", " (grouped(count))
                }
            }
            li { svg.key viewBox="0 0 10 10" aria-hidden="true" { path.star d="M5,5h0" {} }
                "the question" }
        }
    }
}

fn caption(map: &Map) -> Markup {
    let [first, second] = map.axes.shares.map(|share| format!("{:.1} %", share * 100.0));
    html! {
        p.note {
            "Each point is a passage. Passages with similar vectors are near each other; the \
             converse need not hold. The two axes (principal components) explain " (first) " and "
            (second) " of the variance of the vectors."
        }
    }
}
