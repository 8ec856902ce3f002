//! Encrypted connections are verified.

use std::{fs, io::Write, net::TcpListener, path::PathBuf, sync::Arc, thread, time::Duration};

use passim::{Error, HttpEmbedder};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    embed,
    server::{Answer, DIM, embeddings, read_request, write_answer},
};

/// A file in the folder `tls`: `root.pem` has signed `server.pem` for `localhost` and `127.0.0.1`.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/http/tls").join(name)
}

/// Starts a server with the certificate of the tests; returns its port.
fn start() -> u16 {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, tcp);
            // A client that does not trust the certificate sends no request.
            let Some(request) = read_request(&mut stream) else { continue };
            let Answer::Json(json) = embeddings(&request) else { continue };
            _ = write_answer(&mut stream, 200, "", &json.to_string());
            stream.conn.send_close_notify();
            _ = stream.flush();
        }
    });
    port
}

#[test]
fn only_a_verified_server_receives_texts() {
    let port = start();
    let builder = |host: &str| {
        HttpEmbedder::builder(format!("https://{host}:{port}/v1"), "m", DIM)
            .retries(3)
            .retry_wait(Duration::from_millis(1))
    };
    let trusting = builder("127.0.0.1").root_certificates(file("root.pem")).build().unwrap();
    assert_eq!(embed(&trusting, &["Moor"]).unwrap().len(), 1);

    // Mozilla's roots have not signed it.
    let error = embed(&builder("127.0.0.1").build().unwrap(), &["Moor"]).unwrap_err();
    let Error::ModelServer { attempts: 1, remedy, .. } = &error else { panic!("{error:?}") };
    assert!(remedy.contains("root_certificates"), "{remedy}");

    // The certificate is not for this name of the same machine.
    let other = builder("127.0.0.2").root_certificates(file("root.pem")).build().unwrap();
    let error = embed(&other, &["Moor"]).unwrap_err();
    assert!(matches!(error, Error::ModelServer { .. }), "{error:?}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.pem");
    fs::write(&path, "no certificate").unwrap();
    let builder = HttpEmbedder::builder("https://localhost/v1", "m", DIM).root_certificates(path);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, Error::Certificates { .. }), "{error}");
}
