//! Recency as a part of the score.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::{
    filter::{Filter, Instant},
    query::Query,
    view::{Candidate, View, ids_of},
    weights::MAX_WEIGHT,
};
use crate::{
    Error, Result, Timestamp,
    format::settings_text::{json_text, milliseconds},
};

/// Preference for recent articles: a part of the score that halves with each half-life.
///
/// The part is `weight * unit * freshness`, with `freshness = 2^(-age / half_life)`. The age is the
/// time from the article's date, or timestamp, to `now`; a date counts from its first instant in UTC,
/// and of a list the latest time counts. The freshness of a time in the future is 1, and that of an
/// article without a time 0. `unit` makes a weight mean the same in all modes: the spread, by which
/// [`Mode::Hybrid`](crate::Mode::Hybrid) scales its parts, also in
/// [`Mode::Dense`](crate::Mode::Dense); and the highest BM25 that the question allows in
/// [`Mode::Lexical`](crate::Mode::Lexical). A weight of 0.1 lets an article of today overtake an old
/// one that is better by a tenth of the unit.
///
/// Recency orders the candidates that the rest of the score finds: first the 50 best passages of each
/// arm, and further ones if more hits are wanted. It never brings in a passage of another topic.
/// [`min_score`](Query::min_score) compares the score without recency, and
/// [`mmr`](Query::mmr) the score with it. A [reranker](Query::rerank) receives the passages in the
/// order with recency, and orders them by its own scores.
///
/// # JSON
///
/// `{"name": "published", "half_life_ms": 604800000, "weight": 0.1, "now": "2026-06-03T00:00:00Z"}`;
/// `now` may be left out.
///
/// # Source
///
/// The exponential decay is the time-based prior of Li & Croft (2003), *Time-Based Language Models*,
/// with the rate `ln 2 / half_life`; it is the decay function `exp` of Elasticsearch with `decay`
/// 0.5. Both multiply. Here it is added, as the other parts are, since a score may be negative.
///
/// # Examples
///
/// ```
/// use passim::{Article, Date, Query, Recency, Retriever};
/// use std::time::Duration;
///
/// let text = "Moore speichern viel Kohlenstoff.";
/// let day = |text: &str| text.parse::<Date>();
/// let mut retriever = Retriever::in_memory()?;
/// retriever.add([
///     Article::new("alt", text).metadata("published", day("2019-05-01")?),
///     Article::new("neu", text).metadata("published", day("2026-05-01")?),
/// ])?;
/// let week = Duration::from_hours(7 * 24);
/// let query = Query::new("Moor").recency(Recency::new("published", week, 0.1));
/// assert_eq!(retriever.search(query)?[0].article, "neu");
/// # Ok::<(), passim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recency {
    /// Name of the metadata with the time of an article.
    pub name: String,
    /// Age at which the part of the score is halved, `> 0`.
    pub half_life: Duration,
    /// Weight of the part, in `0.0..=1000.0`; 0 for no recency.
    pub weight: f32,
    /// Instant that ages are measured from; `None` for the start of the search.
    pub now: Option<Timestamp>,
}

json_text!(Recency, "recency");

/// The written form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecencyForm {
    name: String,
    #[serde(with = "milliseconds")]
    half_life_ms: Option<Duration>,
    weight: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
}

impl Recency {
    /// Prefers articles whose time under the metadata `name` is recent. Ages are measured from the
    /// start of the search.
    pub fn new(name: impl Into<String>, half_life: Duration, weight: f32) -> Self {
        Self { name: name.into(), half_life, weight, now: None }
    }

    /// Measures ages from `now`. A search can then be repeated with equal scores, and the pages of one
    /// query join.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Checks the ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let nanoseconds = usize::from(!self.half_life.is_zero());
        Error::check_setting("half_life", nanoseconds, 1.., "more than 0")?;
        if (0.0..=MAX_WEIGHT).contains(&self.weight) {
            return Ok(());
        }
        let got = self.weight;
        Err(Error::Fraction { name: "weight of recency", got, allowed: "0 to 1000" })
    }
}

/// Writes the JSON form. A half-life that is not in whole milliseconds is an error, and so is a weight
/// that is not finite.
impl Serialize for Recency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.weight.is_finite() {
            let weight = self.weight;
            let error = format!("the weight of recency is {weight}, which JSON does not have");
            return Err(ser::Error::custom(error));
        }
        let Self { name, half_life, weight, now } = self.clone();
        RecencyForm { name, half_life_ms: Some(half_life), weight, now }.serialize(serializer)
    }
}

/// Reads the JSON form, without checking ranges.
impl<'de> Deserialize<'de> for Recency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RecencyForm { name, half_life_ms, weight, now } =
            RecencyForm::deserialize(deserializer)?;
        let half_life = half_life_ms.ok_or_else(|| de::Error::missing_field("half_life_ms"))?;
        Ok(Self { name, half_life, weight, now })
    }
}

/// Recency in one search.
#[derive(Clone, Debug)]
pub(super) struct RecencyScale {
    name: String,
    half_life: f64,
    weight: f32,
    now: Instant,
}

impl RecencyScale {
    /// The recency of `query` for a search of `view` that starts now; `None` if it changes no score.
    ///
    /// # Errors
    ///
    /// [`Error::FilterType`] if articles have values of the name, but none is a time.
    pub(super) fn of<V: View>(query: &Query, view: &V) -> Result<Option<Self>> {
        let Some(recency) = query.recency.as_ref().filter(|recency| recency.weight > 0.0) else {
            return Ok(None);
        };
        let now = match recency.now {
            Some(now) => now,
            None => SystemTime::now().try_into()?,
        };
        view.check_types(&Filter::range(&recency.name, now..))?;
        Ok(Some(Self {
            name: recency.name.clone(),
            half_life: recency.half_life.as_secs_f64(),
            weight: recency.weight,
            now: Instant::of(now),
        }))
    }

    /// Adds the part of recency, in multiples of `unit`, to the scores of `candidates`.
    pub(super) fn add_to<V: View>(
        &self,
        candidates: &mut [Candidate],
        unit: f32,
        view: &V,
    ) -> Result<()> {
        let times = view.latest_times(&self.name, &ids_of(candidates))?;
        for (candidate, time) in candidates.iter_mut().zip(times) {
            let freshness = time.map_or(0.0, |time| self.freshness(time));
            candidate.freshness = Some(freshness);
            candidate.recency = self.weight * unit * freshness;
            candidate.score += candidate.recency;
        }
        Ok(())
    }

    /// Returns 1 at age 0, and half of it with each half-life.
    #[expect(clippy::cast_possible_truncation, reason = "a part of a score")]
    fn freshness(&self, time: Instant) -> f32 {
        let age = self.now.seconds_since(time).max(0.0);
        (-age / self.half_life).exp2() as f32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The scale of a half-life in nanoseconds, from the year 2001.
    fn scale(half_life: u64, now: Instant) -> RecencyScale {
        let half_life = Duration::from_nanos(half_life).as_secs_f64();
        RecencyScale { name: String::new(), half_life, weight: 1.0, now }
    }

    fn instant(seconds: i64, nanoseconds: u32) -> Instant {
        Instant::of(Timestamp::from_unix(seconds, nanoseconds).unwrap())
    }

    proptest! {
        #[test]
        fn freshness_falls_with_age(
            half_life in 1_u64..u64::MAX,
            now in -62_000_000_000_i64..253_000_000_000,
            ages in prop::array::uniform2(-60_000_000_000_i64..60_000_000_000),
            nanoseconds in 0_u32..1_000_000_000,
        ) {
            let scale = scale(half_life, instant(now, 0));
            let [young, old] = if ages[0] < ages[1] { ages } else { [ages[1], ages[0]] };
            let times = [young, old].map(|age| (now - age).clamp(-62_000_000_000, 253_000_000_000));
            let [young, old] = times.map(|time| scale.freshness(instant(time, nanoseconds)));
            prop_assert!((0.0..=1.0).contains(&old) && old <= young && young <= 1.0);
        }

        #[test]
        fn a_half_life_halves_the_freshness(seconds in 1_u32..1_000_000_000, halvings in 0_u8..20) {
            let now = instant(1_000_000_000, 0);
            let scale = scale(u64::from(seconds) * 1_000_000_000, now);
            let age = i64::from(seconds) * i64::from(halvings);
            let freshness = scale.freshness(instant(1_000_000_000 - age, 0));
            prop_assert_eq!(freshness.to_bits(), 0.5_f32.powi(halvings.into()).to_bits());
        }
    }

    #[test]
    fn the_json_form_is_read_and_written() {
        let json =
            r#"{"name":"day","half_life_ms":1500,"weight":0.25,"now":"2026-06-03T00:00:00Z"}"#;
        let recency: Recency = json.parse().unwrap();
        let now: Timestamp = "2026-06-03T00:00:00Z".parse().unwrap();
        assert_eq!(recency, Recency::new("day", Duration::from_millis(1500), 0.25).now(now));
        assert_eq!(recency.to_string(), json);
        let fails = |json: &str| json.parse::<Recency>().unwrap_err();
        for (json, fault) in [
            (r#"{"name":"day","half_life_ms":0,"weight":1}"#, "half_life"),
            (r#"{"name":"day","half_life_ms":1,"weight":-1}"#, "weight of recency"),
            (r#"{"name":"day","half_life_ms":1,"weight":1001}"#, "weight of recency"),
        ] {
            assert!(fails(json).to_string().contains(fault), "{json}");
        }
        for json in [
            r#"{"name":"day","weight":1}"#,
            r#"{"name":"day","half_life_ms":null,"weight":1}"#,
            r#"{"name":"day","half_life_ms":1}"#,
            r#"{"half_life_ms":1,"weight":1}"#,
            r#"{"name":"day","half_life_ms":1,"weight":1,"unit":2}"#,
            r#"{"name":"day","half_life_ms":1,"weight":1,"now":"2026-06-03"}"#,
        ] {
            assert!(matches!(fails(json), Error::InvalidSettings { .. }), "{json}");
        }
        let nanosecond = Recency::new("day", Duration::from_nanos(1), 1.0);
        nanosecond.check().unwrap();
        assert!(nanosecond.to_string().contains("no JSON form"));
        let infinite = Recency::new("day", Duration::from_secs(1), f32::INFINITY);
        assert!(infinite.check().is_err());
        assert!(infinite.to_string().contains("no JSON form"));
    }
}
