//! The least privileges of docs/SCALING.md suffice for what it says, and not for more.

use passim::{Article, Error, postgres::Corpus};
use postgres::error::SqlState;

use super::{articles::articles, chunker, client, servers, unused_schema};

/// Roles of one test, without any rights of their own.
struct Roles {
    superuser: postgres::Client,
    url: String,
}

impl Roles {
    /// Creates the role and returns the URL with which it connects.
    fn create(&mut self, name: &str) -> String {
        let name = format!("{name}_{}", std::process::id());
        self.superuser.batch_execute(&format!("CREATE ROLE {name} LOGIN")).unwrap();
        self.url.replace("//passim@", &format!("//{name}@"))
    }

    fn grant(&mut self, rights: &str, name: &str) {
        let grant = format!("GRANT {rights} TO {name}_{}", std::process::id());
        self.superuser.batch_execute(&grant).unwrap();
    }
}

/// Asserts that the server denied a right.
fn assert_denied<T: std::fmt::Debug>(outcome: passim::Result<T>) {
    let Err(Error::Shard { shard: 0, source }) = outcome else { panic!("{outcome:?}") };
    let source: &postgres::Error = source.downcast_ref().unwrap();
    assert_eq!(source.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{source}");
}

#[test]
fn roles_need_the_documented_rights_and_no_more() {
    let Some(servers) = servers() else { return };
    let schema = unused_schema();
    let quoted = format!("\"{schema}\"");
    let mut roles = Roles { superuser: client(&servers[0]), url: servers[0].clone() };
    // Another test may create it at the same time.
    _ = roles.superuser.batch_execute("CREATE EXTENSION vector");
    let [owner, writer, reader] = ["owner", "writer", "reader"].map(|name| roles.create(name));
    let builder = |url: &str| Corpus::builder().shards([url]).schema(&schema);

    assert_denied(builder(&owner).create());
    roles.grant("CREATE ON DATABASE postgres", "owner");
    let created = builder(&owner).chunker(chunker()).create().unwrap();
    created.add(articles()).unwrap();
    let expected = created.search("Wer repariert die Turmuhr?").unwrap();

    for (url, name, rights) in
        [(&reader, "reader", "SELECT"), (&writer, "writer", "SELECT, INSERT, UPDATE, DELETE")]
    {
        assert_denied(builder(url).open());
        roles.grant(&format!("USAGE ON SCHEMA {quoted}"), name);
        assert_denied(builder(url).open());
        roles.grant(&format!("{rights} ON ALL TABLES IN SCHEMA {quoted}"), name);
        let corpus = builder(url).open().unwrap();
        assert_eq!(corpus.search("Wer repariert die Turmuhr?").unwrap(), expected);
        assert_eq!(corpus.keys().unwrap().len(), articles().len());
        assert!(corpus.article("de/3").unwrap().is_some());
        assert!(corpus.stats().unwrap().shards[0].bytes_on_disk > 0);
        corpus.verify().unwrap();
        let other = Corpus::builder().shards([url.clone()]).schema(unused_schema());
        assert_denied(other.create());
        let mut session = client(url);
        for statement in
            ["DROP TABLE {s}.passages", "TRUNCATE {s}.passages", "DROP SCHEMA {s} CASCADE"]
        {
            let error = session.batch_execute(&statement.replace("{s}", &quoted)).unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        }
    }
    let reading = builder(&reader).open().unwrap();
    assert_denied(reading.add([Article::new("x", "Text")]));
    assert_denied(reading.upsert([Article::new("x", "Text")]));
    assert_denied(reading.remove("de/3"));
    let writing = builder(&writer).open().unwrap();
    writing.add([Article::new("x", "Ein Deich.")]).unwrap();
    assert_eq!(writing.upsert([Article::new("x", "Zwei Deiche.")]).unwrap().changed, 1);
    assert!(writing.remove("x").unwrap());
    writing.verify().unwrap();
    assert_eq!(reading.search("Wer repariert die Turmuhr?").unwrap(), expected);
}
