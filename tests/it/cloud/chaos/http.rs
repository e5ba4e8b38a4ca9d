//! A hand-written HTTP/1.1 server, because no library offers one that breaks connections before it
//! answers.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A request as it was received.
pub(super) struct Request {
    /// The request line without the version, such as `POST /v1/responses`.
    pub(super) line: String,
    pub(super) body: Vec<u8>,
}

/// Status and JSON of an answer; `None` breaks the connection.
pub(super) type Reply = Option<(u16, String)>;

/// Serves on a port of its own until the process ends; returns `http://host:port`.
pub(super) async fn serve<F: Future<Output = Reply> + Send>(
    answer: impl Fn(Request) -> F + Clone + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move { converse(stream, answer).await });
        }
    });
    url
}

/// Serves one connection until its end or until a reply breaks it.
async fn converse<F: Future<Output = Reply>>(
    mut stream: TcpStream,
    answer: impl Fn(Request) -> F,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let request = loop {
            if let Some((request, length)) = parse(&buffer) {
                buffer.drain(..length);
                break request;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let (status, body) = answer(request).await?;
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    }
}

/// The first request in the buffer, and its length.
fn parse(buffer: &[u8]) -> Option<(Request, usize)> {
    let end = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..end]).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())
        .unwrap_or(0);
    let body = buffer.get(end..end + length)?.to_vec();
    let line = std::str::from_utf8(&buffer[..end]).unwrap().lines().next()?;
    Some((Request { line: line.trim_end_matches(" HTTP/1.1").into(), body }, end + length))
}
