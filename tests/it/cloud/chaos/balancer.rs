//! A load balancer for several instances of a service: connections go to each in turn, and skip one
//! that does not answer.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use tokio::net::{TcpListener, TcpStream};

/// A balancer whose instances are set later.
#[derive(Clone, Default)]
pub(super) struct Balancer {
    instances: Arc<OnceLock<Vec<String>>>,
    next: Arc<AtomicUsize>,
}

impl Balancer {
    /// Listens until the process ends; returns its URL.
    pub(super) async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let this = this.clone();
                tokio::spawn(async move { this.join(client).await });
            }
        });
        url
    }

    /// Sets the instances by their URLs.
    pub(super) fn stand_before(&self, urls: &[String]) {
        let hosts = urls.iter().map(|url| url.trim_start_matches("http://").to_owned()).collect();
        self.instances.set(hosts).unwrap();
    }

    async fn join(&self, mut client: TcpStream) {
        let instances = self.instances.get().unwrap();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..instances.len() {
            if let Ok(mut instance) =
                TcpStream::connect(&instances[(first + turn) % instances.len()]).await
            {
                // When one side closes, both are closed.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut instance).await;
                return;
            }
        }
    }
}
