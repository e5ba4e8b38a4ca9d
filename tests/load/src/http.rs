//! A plain HTTP/1.1 connection that is kept alive: the measuring side should cost as little as it can.

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
    pub(crate) async fn send(&mut self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the connection was closed");
            if let Some(answer) = parse(&self.buffer) {
                return answer;
            }
        }
    }
}

impl Connection {
    /// One POST whose answer may come in chunks: the status.
    pub(crate) async fn exchange(&mut self, path: &str, token: &str, body: &Value) -> u16 {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the connection was closed");
            let is_chunked =
                self.buffer.windows(26).any(|part| part.eq_ignore_ascii_case(b"transfer-encoding: chunked"));
            if is_chunked {
                if self.buffer.ends_with(b"0\r\n\r\n") {
                    let status = std::str::from_utf8(&self.buffer[9..12]).unwrap();
                    return status.parse().unwrap();
                }
            } else if let Some((status, _)) = parse(&self.buffer) {
                return status;
            }
        }
    }
}

/// The whole answer, once it is there.
fn parse(buffer: &[u8]) -> Option<(u16, Value)> {
    let text = std::str::from_utf8(buffer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.unwrap_or(0);
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() >= length).then(|| (status, serde_json::from_str(body).unwrap_or_default()))
}
