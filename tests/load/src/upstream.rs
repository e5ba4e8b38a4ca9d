//! A stub provider that answers at once, so that only the gateway is measured.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::http::is_whole;

/// How a request asks for a streamed answer.
const STREAMED: &[u8] = br#""stream":true"#;
const WHOLE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5-nano","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Harbours plan berths on whiteboards, and lose hours to it."}}],"usage":{"prompt_tokens":20,"completion_tokens":12}}"#;
const WORDS: [&str; 8] =
    ["Harbours", " plan", " berths", " on", " whiteboards", ", and", " lose", " hours."];

/// Serves until the process ends; returns the base URL.
pub(crate) async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream));
        }
    });
    url
}

async fn answer(mut stream: TcpStream) {
    let (whole, streamed) =
        (response("application/json", WHOLE), response("text/event-stream", &events()));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        loop {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if is_whole(&buffer) => break,
                Ok(_) => {}
            }
        }
        let is_streamed = buffer.windows(STREAMED.len()).any(|part| part == STREAMED);
        if stream.write_all(if is_streamed { &streamed } else { &whole }).await.is_err() {
            return;
        }
    }
}

fn response(kind: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn events() -> String {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-5-nano\",{rest}}}\n\n"
        )
    };
    let words = WORDS.iter().map(|word| {
        chunk(&format!(
            r#""choices":[{{"index":0,"finish_reason":null,"delta":{{"content":"{word}"}}}}]"#
        ))
    });
    let end = chunk(r#""choices":[{"index":0,"finish_reason":"stop","delta":{}}]"#);
    let usage = chunk(r#""choices":[],"usage":{"prompt_tokens":20,"completion_tokens":12}"#);
    words.chain([end, usage, "data: [DONE]\n\n".into()]).collect()
}
