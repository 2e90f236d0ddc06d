#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// The exit code when a server answers `status` to a health check.
async fn code(status: &'static str) -> u8 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let global = Global { quiet: true, ..Global::default() };
    let end = run(&global, &HealthcheckArgs { url: Some(url) }).await;
    assert!(serving.await.unwrap().starts_with("GET /readyz "));
    end.map_or_else(|exit| exit.code(), |()| 0)
}

#[tokio::test]
async fn ready_is_0_and_all_else_69() {
    assert_eq!(code("200 OK").await, 0);
    assert_eq!(code("503 Service Unavailable").await, 69);
    assert_eq!(code("404 Not Found").await, 69);
    assert_eq!(code("garbage").await, 69);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let args = HealthcheckArgs { url: Some(format!("http://{gone}")) };
    assert!(run(&Global::default(), &args).await.is_err_and(|exit| exit.code() == 69));
}

#[tokio::test]
async fn the_server_of_the_configuration_is_asked_on_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.toml");
    std::fs::write(&file, format!("[server]\ndata_dir = {:?}\n", folder.path())).unwrap();
    let global = Global { config: Some(file), quiet: true, ..Global::default() };
    let args = HealthcheckArgs { url: None };
    assert!(run(&global, &args).await.is_err_and(|exit| exit.code() == 69));
    let socket = tokio::net::UnixListener::bind(socket_path(folder.path())).unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    assert!(run(&global, &args).await.is_ok());
    assert!(serving.await.unwrap().starts_with("GET /readyz "));
}
