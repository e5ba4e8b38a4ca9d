//! Starts every function of the topology as its own process and calls them as users, Pub/Sub and
//! Scheduler do.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::BusinessId;
use gcp::{Firestore, FirestoreTarget};
use ports::{Documents, Secret};
use reqwest::Method;
use serde_json::{Value, json};
use service::{CallerRole, Signer, WallClock};
use tempfile::TempDir;
use testkit::free_port;
use tokio::process::{Child, Command};

use super::{
    google::{self, PushSigner, Secrets, account, id_token},
    topology::Topology,
};
use crate::process::program;

pub(crate) const JWT_SECRET: &str = "a secret that only these tests know: 0123456789";
/// The longest wait, for any machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);

/// A running deployment; dropping it kills its processes.
pub(crate) struct Deployment {
    pub(crate) topology: Topology,
    project: String,
    processes: Mutex<BTreeMap<String, Child>>,
    pub(crate) urls: BTreeMap<String, String>,
    /// The function and the environment of each instance.
    instances: Mutex<BTreeMap<String, (String, Environment)>>,
    pub(crate) push: PushSigner,
    pub(crate) secrets: Secrets,
    pub(crate) client: reqwest::Client,
    signer: Signer,
    home: TempDir,
}

type Environment = Vec<(String, String)>;

/// A setting of one function besides those from the topology: function, variable, value.
pub(crate) type Extra<'a> = (&'a str, &'a str, &'a str);

/// The address of an emulator, as `tests/with-emulators.sh` sets it.
pub(crate) fn emulator(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests read where the emulators are")]
    let host = std::env::var(name);
    host.unwrap_or_else(|_| {
        panic!("{name} is not set: run this by `make test` or `tests/with-emulators.sh`")
    })
}

/// The audience of Google's tokens for a function.
pub(crate) fn audience(function: &str) -> String {
    format!("https://{function}.test")
}

impl Deployment {
    /// Starts everything in the topology, with `(function, variable, value)` settings added.
    pub(crate) async fn start(extra: &[Extra<'_>]) -> Self {
        let this = Self::prepare(extra).await;
        for name in this.urls.keys() {
            this.spawn(name);
        }
        for name in this.urls.keys() {
            this.until_healthy(name).await;
        }
        this
    }

    /// Prepares the project and the settings of each function; nothing runs yet.
    pub(crate) async fn prepare(extra: &[Extra<'_>]) -> Self {
        let topology = Topology::read();
        let names: Vec<String> = topology.services().map(|(name, _)| name.clone()).collect();
        let urls: BTreeMap<String, String> = names
            .iter()
            .map(|name| (name.clone(), format!("http://127.0.0.1:{}", free_port())))
            .collect();
        let project = format!("cloud-{}", uuid::Uuid::new_v4().simple());
        let client = reqwest::Client::new();
        let push = PushSigner {
            routes: Arc::default(),
            deliveries: Arc::default(),
            client: client.clone(),
        };
        let readers = topology.services().map(|(name, function)| {
            (format!("access-of-{name}"), function.secrets.iter().cloned().collect())
        });
        let values = BTreeMap::from([("jwt_secret".into(), JWT_SECRET.into())]);
        let secrets = Secrets {
            values: Arc::new(values),
            readers: Arc::new(readers.collect()),
            refused: Arc::default(),
        };
        let signer = Signer::new(Secret::new(JWT_SECRET), "raptorflow", Arc::new(WallClock));
        let home = tempfile::tempdir().unwrap();
        let processes = Mutex::default();
        let instances = Mutex::default();
        let this = Self {
            topology,
            project,
            processes,
            urls,
            instances,
            push,
            secrets,
            client,
            signer,
            home,
        };
        this.make_bucket().await;
        this.describe(extra).await;
        this.make_topics().await;
        this
    }

    /// The deployment's database.
    pub(crate) fn documents(&self) -> Arc<dyn Documents> {
        let target = FirestoreTarget {
            project: self.project.clone(),
            database: "(default)".into(),
            emulator: Some(emulator("FIRESTORE_EMULATOR_HOST")),
        };
        Arc::new(Firestore::new(target, None).unwrap())
    }

    /// The environment of each function, as Terraform would set it.
    async fn describe(&self, extra: &[Extra<'_>]) {
        let keys = google::serve(google::keys()).await;
        let manager = google::serve(self.secrets.clone().router()).await;
        for (name, function) in self.topology.services() {
            let callers =
                self.topology.services().filter(|(_, caller)| caller.calls.contains(name));
            let callers = callers.map(|(caller, _)| account(caller));
            let callers: Vec<_> =
                callers.chain(function.schedule.iter().map(|_| account("scheduler"))).collect();
            let metadata = google::serve(google::metadata(name)).await;
            let port = self.urls[name].rsplit_once(':').unwrap().1.to_owned();
            // Only the gateway runs in local mode, because only it uses the simulation.
            let mode = if name == "route-execute" { "local" } else { "staging" };
            let mut settings: Vec<(&str, String)> = vec![
                ("APP_MODE", mode.into()),
                ("PORT", port),
                ("GCP_PROJECT_ID", self.project.clone()),
                ("FIRESTORE_EMULATOR_HOST", emulator("FIRESTORE_EMULATOR_HOST")),
                ("PUBSUB_EMULATOR_HOST", emulator("PUBSUB_EMULATOR_HOST")),
                ("STORAGE_EMULATOR_HOST", emulator("STORAGE_EMULATOR_HOST")),
                ("GCE_METADATA_HOST", metadata),
                ("SECRET_MANAGER_BASE_URL", format!("http://{manager}")),
                ("GOOGLE_JWKS_URL", format!("http://{keys}/certs")),
                ("PUSH_AUDIENCE", audience(name)),
                ("CALLER_SERVICE_ACCOUNTS", callers.join(",")),
                ("RELAY_URL", self.urls["ws-relay"].replace("http", "ws")),
                ("HOME", self.home.path().display().to_string()),
            ];
            if !function.listens.is_empty() {
                settings.push(("PUSH_SERVICE_ACCOUNT", account("push")));
            }
            for (called, url, audience_of) in [
                ("route-execute", "ROUTE_EXECUTE_URL", "ROUTE_EXECUTE_AUDIENCE"),
                ("vector-search", "VECTOR_SEARCH_URL", "VECTOR_SEARCH_AUDIENCE"),
            ] {
                if function.calls.iter().any(|it| it == called) {
                    settings.push((url, self.urls[called].clone()));
                    settings.push((audience_of, audience(called)));
                }
            }
            if function.stores.iter().any(|store| store == "artifacts") {
                settings.push(("ARTIFACT_BUCKET", self.project.clone()));
            }
            if mode == "local" {
                settings.push(("JWT_SECRET", JWT_SECRET.into()));
            }
            let mut settings: Environment =
                settings.into_iter().map(|(name, value)| (name.into(), value)).collect();
            for (_, variable, value) in extra.iter().filter(|(function, ..)| function == name) {
                settings.retain(|(name, _)| name != variable);
                settings.push(((*variable).into(), (*value).into()));
            }
            self.instances.lock().unwrap().insert(name.clone(), (name.clone(), settings));
        }
    }

    async fn make_bucket(&self) {
        let url = format!("http://{}/storage/v1/b?project=p", emulator("STORAGE_EMULATOR_HOST"));
        let made =
            self.client.post(url).json(&json!({ "name": self.project })).send().await.unwrap();
        assert!(made.status().is_success());
    }

    /// Creates the topics, and for each with a deadline the push subscription of its subscriber.
    async fn make_topics(&self) {
        let signer = google::serve(self.push.clone().router()).await;
        let pubsub =
            format!("http://{}/v1/projects/{}", emulator("PUBSUB_EMULATOR_HOST"), self.project);
        let put = async |url: String, body: Value| {
            let answer = self.client.put(url).json(&body).send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        };
        for (topic, described) in &self.topology.topics {
            put(format!("{pubsub}/topics/{topic}"), json!({})).await;
            let Some(deadline) = described.ack_deadline_seconds else { continue };
            let mut listeners =
                self.topology.services().filter(|(_, function)| function.listens.contains(topic));
            let (listener, _) =
                listeners.next().unwrap_or_else(|| panic!("nobody listens to {topic}"));
            let route = (audience(listener), vec![self.urls[listener].clone()]);
            self.push.routes.lock().unwrap().insert(topic.clone(), route);
            let subscription = json!({
                "topic": format!("projects/{}/topics/{topic}", self.project),
                "ackDeadlineSeconds": deadline,
                "pushConfig": { "pushEndpoint": format!("http://{signer}/push/{topic}") },
            });
            put(format!("{pubsub}/subscriptions/{topic}-push"), subscription).await;
        }
    }

    /// Stores a document that analyses may quote.
    pub(crate) async fn store_document(&self, business: &str) -> Value {
        let body = json!({ "business_id": business, "title": "Interviews", "content_type": "text/plain",
            "text": "Harbour masters told us that assigning berths by telephone takes two hours of every day." });
        let token = self.token(business);
        let (status, stored) =
            self.call(Method::POST, "vector-upsert", "/v1/documents", &token, Some(&body)).await;
        assert_eq!(status, 200, "{stored}");
        stored
    }

    /// Starts or restarts an instance's process.
    pub(crate) fn spawn(&self, instance: &str) {
        let (function, environment) = self.instances.lock().unwrap()[instance].clone();
        let mut command = Command::new(program(&function));
        command.env_clear().envs(environment).env("RUST_LOG", "info").kill_on_drop(true);
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join(&function))
            .unwrap();
        command
            .current_dir(self.home.path())
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log));
        self.processes.lock().unwrap().insert(instance.into(), command.spawn().unwrap());
    }

    /// Starts another instance of a function, possibly of another revision, and returns its name
    /// and URL.
    pub(crate) async fn another(&self, function: &str, extra: &[(&str, &str)]) -> (String, String) {
        let port = free_port().to_string();
        let (_, mut environment) = self.instances.lock().unwrap()[function].clone();
        for (variable, value) in extra.iter().chain(&[("PORT", port.as_str())]) {
            environment.retain(|(name, _)| name != variable);
            environment.push(((*variable).into(), (*value).into()));
        }
        let (instance, url) = (format!("{function}-{port}"), format!("http://127.0.0.1:{port}"));
        self.instances.lock().unwrap().insert(instance.clone(), (function.into(), environment));
        self.spawn(&instance);
        self.healthy(function, &url).await;
        (instance, url)
    }

    /// Kills a process with SIGKILL, as a machine failure would.
    pub(crate) async fn kill(&self, name: &str) {
        let mut child = self.processes.lock().unwrap().remove(name).unwrap();
        child.kill().await.unwrap();
    }

    pub(crate) async fn until_healthy(&self, name: &str) {
        self.healthy(name, &self.urls[name]).await;
    }

    async fn healthy(&self, name: &str, url: &str) {
        let answers = async {
            while !self
                .client
                .get(format!("{url}/health"))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let started = tokio::time::timeout(Duration::from_mins(1), answers).await;
        assert!(started.is_ok(), "{name} did not start: {}", self.log(name));
    }

    /// The log of a function.
    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).unwrap_or_default()
    }

    pub(crate) fn token(&self, business: &str) -> String {
        self.signer.sign(
            "tester",
            Some(&BusinessId::new(business).unwrap()),
            CallerRole::Member,
            3600,
        )
    }

    /// Sends a request with a bearer token; returns the answer's status and JSON.
    pub(crate) async fn call(
        &self,
        method: Method,
        function: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.urls[function]))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, function: &str, path: &str, business: &str) -> Value {
        let (status, body) =
            self.call(Method::GET, function, path, &self.token(business), None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Gives a business its tier, as an admin does.
    pub(crate) async fn subscribe(&self, business: &str, tier: &str) {
        let admin = self.signer.sign("admin", None, CallerRole::Admin, 600);
        let body = json!({ "tier": tier, "status": "active" });
        let path = format!("/v1/subscriptions/{business}");
        let (status, answer) =
            self.call(Method::PUT, "budget-check", &path, &admin, Some(&body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn submit(&self, business: &str) -> String {
        let brief = crate::app::brief("software.json", business);
        let (status, answer) = self
            .call(Method::POST, "tasks", "/v1/tasks", &self.token(business), Some(&brief))
            .await;
        assert_eq!(status, 202, "{answer}\n{}", self.log("tasks"));
        answer["task_id"].as_str().unwrap().into()
    }

    /// Runs the sweep, as Scheduler does each minute.
    pub(crate) async fn sweep(&self) {
        let token = id_token(&account("scheduler"), &audience("sweeper"), 60);
        let (status, swept) = self.call(Method::POST, "sweeper", "/sweep", &token, None).await;
        assert_eq!(status, 200, "{swept}");
    }

    /// Waits for a state of a task while the scheduler goes on.
    pub(crate) async fn until(
        &self,
        business: &str,
        task: &str,
        reached: impl Fn(&Value) -> bool,
    ) -> Value {
        let poll = async {
            loop {
                let state = self.get("tasks", &format!("/v1/tasks/{task}"), business).await;
                if reached(&state) {
                    return state;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                self.sweep().await;
            }
        };
        if let Ok(state) = tokio::time::timeout(PATIENCE, poll).await {
            return state;
        }
        let state = self.get("tasks", &format!("/v1/tasks/{task}"), business).await;
        let deliveries = self.push.deliveries.lock().unwrap().clone();
        panic!(
            "the task stays {state}\ndeliveries: {deliveries:?}\n{}",
            self.log("phase-research")
        );
    }
}
