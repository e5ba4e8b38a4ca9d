//! A plain HTTP/1.1 connection with keep-alive, because the measuring side should cost as little as
//! possible.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// One exchange: the status and the JSON of the answer.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        loop {
            assert_ne!(
                self.stream.read_buf(&mut self.buffer).await.unwrap(),
                0,
                "the connection was closed"
            );
            if let Some(answer) = parse(&self.buffer) {
                return answer;
            }
        }
    }
}

/// A POST request in wire form, built once for all its exchanges.
pub(crate) fn post(path: &str, token: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    /// One exchange whose answer may be chunked and is not parsed: the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            assert_ne!(
                self.stream.read_buf(&mut self.buffer).await.unwrap(),
                0,
                "the connection was closed"
            );
            if is_whole(&self.buffer) {
                let status =
                    self.buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
                return status.and_then(|digits| digits.parse().ok()).unwrap();
            }
        }
    }
}

/// Whether the request or answer is complete. Header names are matched in lower case, as hyper
/// writes them.
pub(crate) fn is_whole(message: &[u8]) -> bool {
    const END: &[u8] = b"\r\n\r\n";
    const LENGTH: &[u8] = b"\ncontent-length: ";
    let Some(head) = message.windows(END.len()).position(|part| part == END) else { return false };
    let (head, body) = message.split_at(head + 2);
    match head.windows(LENGTH.len()).position(|part| part == LENGTH) {
        Some(at) => {
            let digits = head[at + LENGTH.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
            body.len() >= length + 2
        }
        // Chunked encoding.
        None => body.ends_with(b"0\r\n\r\n"),
    }
}

/// The answer, once it is complete.
fn parse(buffer: &[u8]) -> Option<(u16, Value)> {
    let text = std::str::from_utf8(buffer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.unwrap_or(0);
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() >= length).then(|| (status, serde_json::from_str(body).unwrap_or_default()))
}
