//! Tests of live progress over a real socket.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use simulation::{Faults, Simulated};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::app::{TestApp, brief};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the app on a port and returns its address.
async fn serve(app: &TestApp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = app.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn connect(address: &str, path: &str, headers: &[(&str, String)]) -> Socket {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    connect_async(request).await.unwrap().0
}

async fn ticket(app: &TestApp, task: &str) -> String {
    let answer = app.post(&format!("/v1/tasks/{task}/ticket"), "pro", &json!({})).await.ok();
    answer["ticket"].as_str().unwrap().into()
}

fn protocol(ticket: &str) -> [(&'static str, String); 1] {
    [("sec-websocket-protocol", format!("raptorflow, ticket.{ticket}"))]
}

/// Reads until the close frame: the events and the close code.
async fn drain(socket: &mut Socket) -> (Vec<Value>, u16) {
    let mut events = Vec::new();
    let read = async {
        while let Some(message) = socket.next().await {
            match message.unwrap() {
                Message::Text(text) => events.push(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => return u16::from(frame.unwrap().code),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        panic!("the socket ended without a close frame");
    };
    let code = tokio::time::timeout(Duration::from_mins(1), read).await.unwrap();
    (events, code)
}

#[tokio::test]
async fn a_viewer_gets_the_whole_log_and_close() {
    let app = TestApp::new().await;
    let address = serve(&app).await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    let mut socket =
        connect(&address, &format!("/ws/task/{task}"), &protocol(&ticket(&app, &task).await)).await;
    let (events, code) = drain(&mut socket).await;
    assert_eq!(code, 1000);
    assert_eq!(
        (&events[0]["event"], &events[0]["data"]["recovered"]),
        (&json!("hello"), &json!(false))
    );
    let seqs: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["event"], "task_completed");
    // A viewer that reconnects gets the rest and nothing twice.
    let middle = seqs.len() as u64 / 2;
    let path = format!("/ws/task/{task}?after={middle}&ticket={}", ticket(&app, &task).await);
    let (rest, code) = drain(&mut connect(&address, &path, &[]).await).await;
    assert_eq!((code, &rest[0]["data"]["recovered"]), (1000, &json!(true)));
    let rest: Vec<u64> = rest.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(rest, (middle + 1..=seqs.len() as u64).collect::<Vec<_>>());
    // A viewer that has all events gets the close frame at once.
    let path = format!("/ws/task/{task}?after={}&ticket={}", seqs.len(), ticket(&app, &task).await);
    let (nothing, code) = drain(&mut connect(&address, &path, &[]).await).await;
    assert_eq!((nothing.len(), code), (1, 1000));
}

#[tokio::test]
async fn a_viewer_may_ping_resume_and_cancel() {
    let slow = Arc::new(Simulated::new("openai", Duration::from_secs(30), 0, Faults::default()));
    let app = TestApp::builder().provider(slow).start().await;
    let address = serve(&app).await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    let bearer = [("authorization", format!("Bearer {}", app.token("pro")))];
    let mut socket = connect(&address, &format!("/ws/task/{task}"), &bearer).await;
    let mut seen = Vec::new();
    while !seen.iter().any(|event: &Value| event["event"] == "task_started") {
        seen.push(
            serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap(),
        );
    }
    for command in [
        json!({ "type": "ping" }),
        json!({ "type": "resume", "after": 0 }),
        json!({ "type": "cancel" }),
    ] {
        socket.send(Message::text(command.to_string())).await.unwrap();
    }
    let (events, code) = drain(&mut socket).await;
    assert_eq!(code, 1000);
    assert!(events.iter().any(|event| event["event"] == "pong"));
    assert!(
        events.iter().any(|event| event["event"] == "task_started"),
        "resumed from the start: {events:#?}"
    );
    assert_eq!(events.last().unwrap()["event"], "task_cancelled");
}

#[tokio::test]
async fn a_refused_viewer_gets_a_close_code() {
    let app = TestApp::new().await;
    let address = serve(&app).await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    let other = app.submit("pro", &brief("local_service.json", "pro")).await;
    let check = async |path: String, headers: &[(&str, String)], expect: u16| {
        let (events, code) = drain(&mut connect(&address, &path, headers).await).await;
        assert_eq!((code, events.len()), (expect, 0), "{path} {headers:?}");
    };
    let path = format!("/ws/task/{task}");
    let bearer = |token: String| [("authorization", format!("Bearer {token}"))];
    check(path.clone(), &[], 4401).await;
    check(path.clone(), &bearer("abc".into()), 4401).await;
    check(path.clone(), &protocol(&ticket(&app, &other).await), 4401).await;
    check(path.clone(), &protocol(&app.token("pro")), 4401).await;
    check(path.clone(), &bearer(app.token("other")), 4404).await;
    check("/ws/task/unknown".into(), &bearer(app.token("pro")), 4404).await;
    let [bearer] = bearer(app.token("pro"));
    check(path, &[bearer, ("origin", "https://evil.example".into())], 4403).await;
}

#[tokio::test]
async fn an_unknown_message_closes_the_socket() {
    let slow = Arc::new(Simulated::new("openai", Duration::from_secs(30), 0, Faults::default()));
    let app = TestApp::builder().provider(slow).start().await;
    let address = serve(&app).await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    let bearer = [("authorization", format!("Bearer {}", app.token("pro")))];
    for nonsense in
        ["hello", "{\"type\":\"dance\"}", "{\"type\":\"resume\"}", "{\"type\":\"ping\",\"x\":1}"]
    {
        let mut socket = connect(&address, &format!("/ws/task/{task}"), &bearer).await;
        socket.send(Message::text(nonsense)).await.unwrap();
        assert_eq!(drain(&mut socket).await.1, 4400, "{nonsense}");
    }
    app.delete(&format!("/v1/tasks/{task}"), "pro").await;
}

#[tokio::test]
async fn a_stopping_instance_closes_its_sockets() {
    let slow = Arc::new(Simulated::new("openai", Duration::from_secs(30), 0, Faults::default()));
    let app = TestApp::builder().provider(slow).start().await;
    let address = serve(&app).await;
    let task = app.submit("pro", &brief("local_service.json", "pro")).await;
    let bearer = [("authorization", format!("Bearer {}", app.token("pro")))];
    let mut socket = connect(&address, &format!("/ws/task/{task}"), &bearer).await;
    socket.next().await.unwrap().unwrap();
    app.shutdown.cancel();
    assert_eq!(drain(&mut socket).await.1, 1012);
}
