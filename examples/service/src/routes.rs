//! The routes, their limits, and the calls of passim behind them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, MatchedPath, Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use passim::{Article, Cancel, SharedRetriever, SyncReport};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    Settings,
    api::{
        Answer, Body, Committed, ContextAnswer, Health, HighlightedHit, NewArticles, QueryBody,
        Removed,
    },
    blocking::BlockingCalls,
    metrics::Metrics,
    problem::Problem,
};

/// The parts that all requests share.
struct Service {
    shared: SharedRetriever,
    searches: BlockingCalls,
    /// Apart from the searches, which must not wait for writes. passim runs writes one at a time, so
    /// they wait here, without a thread.
    writes: BlockingCalls,
    metrics: Metrics,
    /// One permit for each request in progress.
    requests: Semaphore,
    max_requests: usize,
    request_limit: Duration,
}

type Shared = State<Arc<Service>>;

pub(crate) fn router(shared: SharedRetriever, settings: &Settings) -> Router {
    let service = Arc::new(Service {
        shared,
        searches: BlockingCalls::new(settings.searches()),
        writes: BlockingCalls::new(1),
        metrics: Metrics::default(),
        requests: Semaphore::new(settings.max_requests),
        max_requests: settings.max_requests,
        request_limit: settings.request_limit(),
    });
    let limited = Router::new()
        .route("/articles", post(add))
        .route("/articles/{*key}", delete(remove))
        .route("/commit", post(commit))
        .route("/search", post(search))
        .route("/context", post(context))
        .layer(DefaultBodyLimit::max(settings.max_body_bytes))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&service), limit));
    // A busy service still says that it lives.
    let unlimited = Router::new().route("/health", get(health)).route("/metrics", get(metrics));
    limited.merge(unlimited).with_state(service)
}

/// Bounds the number and the time of requests, and measures them.
///
/// The time includes that of receiving the body, so a slow client cannot hold a request open.
async fn limit(
    State(service): Shared,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let response = match service.requests.try_acquire() {
        Ok(_permit) => match timeout(service.request_limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::TooSlow.into_response(),
        },
        Err(_) => Problem::Busy.into_response(),
    };
    service.metrics.record(route.as_str(), response.status().as_u16(), started.elapsed());
    response
}

async fn add(
    State(service): Shared,
    Body(new): Body<NewArticles>,
) -> Result<Json<SyncReport>, Problem> {
    let articles = new.articles.into_iter().map(Article::from);
    let shared = service.shared.clone();
    Ok(Json(service.writes.run(move || shared.upsert(articles)).await?))
}

async fn remove(State(service): Shared, Path(key): Path<String>) -> Result<Json<Removed>, Problem> {
    let shared = service.shared.clone();
    let removed = service.writes.run(move || shared.remove(&key)).await?;
    Ok(Json(Removed { removed }))
}

async fn commit(State(service): Shared) -> Result<Json<Committed>, Problem> {
    let shared = service.shared.clone();
    let generation = service.writes.run(move || shared.commit()).await?;
    Ok(Json(Committed { generation }))
}

async fn search(
    State(service): Shared,
    Body(question): Body<QueryBody>,
) -> Result<Json<Answer>, Problem> {
    let cancel = CancelOnDrop::default();
    let query = question.query()?.cancel(&cancel.0);
    // One state for the search and its highlights.
    let searcher = service.shared.searcher();
    let answer = service.searches.run(move || {
        let hits = searcher.search(&query)?;
        let highlighted = |hit| {
            let wanted = question.highlights.then(|| searcher.highlights(&query, &hit));
            Ok(HighlightedHit { highlights: wanted.transpose()?, hit })
        };
        let hits = hits.into_iter().map(highlighted).collect::<passim::Result<_>>()?;
        Ok(Answer { generation: searcher.generation(), hits })
    });
    Ok(Json(answer.await?))
}

async fn context(
    State(service): Shared,
    Body(question): Body<QueryBody>,
) -> Result<Json<ContextAnswer>, Problem> {
    let cancel = CancelOnDrop::default();
    let query = question.query()?.cancel(&cancel.0);
    let searcher = service.shared.searcher();
    let answer = service.searches.run(move || {
        let hits = searcher.search(query)?;
        let context = searcher.context(&hits, question.budget)?;
        Ok(ContextAnswer {
            generation: searcher.generation(),
            text: context.to_string(),
            tokens: context.tokens,
            excerpts: context.excerpts,
        })
    });
    Ok(Json(answer.await?))
}

async fn health(State(service): Shared) -> Json<Health> {
    let searcher = service.shared.searcher();
    Json(Health {
        generation: searcher.generation(),
        articles: searcher.articles(),
        passages: searcher.passages(),
    })
}

async fn metrics(State(service): Shared) -> String {
    let requests = service.max_requests - service.requests.available_permits();
    service.metrics.text(&service.shared.searcher(), requests)
}

/// Ends the search of a request that is dropped: its client hung up, or its time is over.
#[derive(Default)]
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
