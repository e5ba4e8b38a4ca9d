//! Tests of the rollout scripts with stubs for `gcloud`, `curl` and `terraform` that record their
//! calls, and of the smoke test against the real program.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::topology::{root, topology};

/// A project of stubs.
struct Project {
    state: tempfile::TempDir,
}

/// The output of a script and its exit code.
struct ScriptResult {
    code: Option<i32>,
    text: String,
}

impl Project {
    /// Every function serves revision 1 and has a newer revision 2 without traffic.
    fn new() -> Self {
        let project = Self { state: tempfile::tempdir().unwrap() };
        for file in ["unready", "stuck", "down", "calls"] {
            project.write(file, "");
        }
        project.write("logs", "[]");
        let mut few = topology();
        few["functions"]
            .as_object_mut()
            .unwrap()
            .retain(|name, _| FUNCTIONS.contains(&name.as_str()));
        project.write("topology.json", &few.to_string());
        for name in names() {
            let traffic = json!([
                { "revisionName": format!("{name}-1"), "percent": 100 },
                { "revisionName": format!("{name}-2"), "tag": "next", "url": format!("https://next---{name}.test") },
            ]);
            project.service(&name, 2, "image:old", &traffic);
        }
        project
    }

    fn service(&self, name: &str, revisions: u32, image: &str, traffic: &Value) {
        let service = json!({
            "revisions": revisions,
            "spec": { "traffic": traffic, "template": { "spec": { "containers": [{ "image": image }] } } },
            "status": {
                "url": format!("https://{name}.test"),
                "latestCreatedRevisionName": format!("{name}-{revisions}"),
                "traffic": traffic,
            },
        });
        self.write(&format!("{name}.json"), &service.to_string());
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.state.path().join(file), text).unwrap();
    }

    /// Runs a script with the stubs first on the path.
    fn run(&self, script: &str, settings: &[(&str, &str)]) -> ScriptResult {
        let stubs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("stubs");
        let mut command = Command::new("bash");
        command.args(["-c", "PATH=\"$STUBS:$PATH\" exec \"$0\""]);
        command.arg(root().join("terraform/rollout").join(script));
        command.env("STUBS", stubs).env("STATE", self.state.path());
        command.env("TOPOLOGY", self.state.path().join("topology.json"));
        command
            .env("PROJECT", "demo")
            .env("WATCH_SECONDS", "0")
            .env("RETRY_SECONDS", "0")
            .env_remove("TOKEN");
        ended(&command.envs(settings.iter().copied()).output().unwrap())
    }

    /// Recorded calls that contain `part`.
    fn calls(&self, part: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.state.path().join("calls")).unwrap();
        calls.lines().filter(|line| line.contains(part)).map(Into::into).collect()
    }

    /// Functions whose traffic was moved, in order.
    fn moved(&self) -> Vec<String> {
        let calls = self.calls("run services update-traffic");
        calls.iter().map(|call| call.split(' ').nth(4).unwrap().to_owned()).collect()
    }

    /// Calls that change something.
    fn changes(&self) -> Vec<String> {
        let reads = ["describe", "logging read", "curl "];
        let calls = self.calls("");
        calls.into_iter().filter(|call| !reads.iter().any(|read| call.contains(read))).collect()
    }

    /// The traffic shares of a function, by revision number.
    fn shares(&self, name: &str) -> BTreeMap<String, u64> {
        let service = fs::read_to_string(self.state.path().join(format!("{name}.json"))).unwrap();
        let service: Value = serde_json::from_str(&service).unwrap();
        let traffic = service["status"]["traffic"].as_array().unwrap().clone();
        let shared = traffic
            .iter()
            .filter_map(|it| Some((it["revisionName"].as_str()?, it["percent"].as_u64()?)));
        shared
            .map(|(revision, percent)| (revision.rsplit('-').next().unwrap().to_owned(), percent))
            .collect()
    }

    fn all_share(&self, expected: &[(&str, u64)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(revision, percent)| ((*revision).to_owned(), *percent)).collect();
        for name in names() {
            assert_eq!(self.shares(&name), expected, "{name}");
        }
    }
}

fn ended(output: &Output) -> ScriptResult {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    ScriptResult { code: output.status.code(), text: String::from_utf8(text).unwrap() }
}

impl ScriptResult {
    fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }

    fn badly(self) -> String {
        assert_eq!(self.code, Some(1), "{}", self.text);
        self.text
    }
}

/// The functions that these tests roll out: one or two of each kind, because every step starts
/// processes.
const FUNCTIONS: [&str; 6] =
    ["estimate", "phase-campaign", "route-execute", "sweeper", "tasks", "ws-relay"];

fn names() -> Vec<String> {
    FUNCTIONS.map(Into::into).into()
}

#[test]
fn traffic_moves_in_three_steps() {
    let project = Project::new();
    let text = project.run("rollout.sh", &[("PERCENT", "10")]).well();
    assert!(text.contains("tasks: tasks-2 from 0 to 10 %, the rest to tasks-1"), "{text}");
    project.all_share(&[("1", 90), ("2", 10)]);
    project.run("rollout.sh", &[("PERCENT", "50")]).well();
    project.all_share(&[("1", 50), ("2", 50)]);
    project.run("rollout.sh", &[("PERCENT", "100")]).well();
    project.all_share(&[("2", 100)]);
    let calls = project.calls("run services update-traffic estimate ");
    assert!(
        calls.iter().all(|call| call.contains("--set-tags next=estimate-2,previous=estimate-1")),
        "{calls:?}"
    );
    let before = project.changes().len();
    let text = project.run("rollout.sh", &[("PERCENT", "50")]).well();
    assert!(text.contains("Nothing to move."), "{text}");
    assert_eq!(project.changes().len(), before, "traffic never goes back by a rollout");
}

#[test]
fn callees_move_before_their_callers() {
    let project = Project::new();
    project.run("rollout.sh", &[("PERCENT", "10")]).well();
    let moved = project.moved();
    assert_eq!(moved.len(), names().len());
    let position = |name: &str| moved.iter().position(|it| it == name).unwrap();
    assert_eq!(position("route-execute"), 0);
    for woken in ["phase-campaign", "sweeper"] {
        assert!(position(woken) < position("tasks"), "{moved:?}");
    }
}

#[test]
fn an_unready_revision_gets_no_traffic() {
    let project = Project::new();
    project.write("unready", "ws-relay-2\n");
    let text = project.run("rollout.sh", &[("PERCENT", "10")]).badly();
    assert!(
        text.contains("ws-relay-2 is not ready") && text.contains("No traffic was moved."),
        "{text}"
    );
    assert_eq!(project.moved(), Vec::<String>::new());
}

#[test]
fn an_unhealthy_tagged_revision_gets_no_traffic() {
    let project = Project::new();
    project.write("down", "https://next---tasks.test/health\n");
    let text = project.run("rollout.sh", &[("PERCENT", "10")]).badly();
    assert!(text.contains("https://next---tasks.test/health does not answer 200"), "{text}");
    assert_eq!(project.moved(), Vec::<String>::new());
    assert_eq!(
        project.calls("curl https://next---tasks.test/health").len(),
        3,
        "asked three times"
    );
}

#[test]
fn a_failed_check_stops_and_names_the_rollback() {
    let project = Project::new();
    project.write("down", "https://estimate.test\n");
    let text = project.run("rollout.sh", &[("PERCENT", "50")]).badly();
    let moved = project.moved();
    assert_eq!(moved.last().unwrap(), "estimate", "nothing moves after the failure: {moved:?}");
    assert!(moved.len() < names().len());
    assert!(
        text.contains("make rollback PROJECT=demo") && text.contains(&moved.join(" ")),
        "{text}"
    );
    // That traffic is what the rollback moves back.
    project.write("down", "");
    project.run("rollback.sh", &[]).well();
    project.all_share(&[("1", 100)]);
}

#[test]
fn errors_in_the_logs_stop_a_rollout() {
    let project = Project::new();
    project.write("logs", r#"[{"severity": "ERROR"}]"#);
    let text = project.run("rollout.sh", &[("PERCENT", "10")]).badly();
    assert!(text.contains("logged 1 errors") && text.contains("make rollback"), "{text}");
    project.run("rollout.sh", &[("PERCENT", "50"), ("MAX_ERRORS", "1")]).well();
}

#[test]
fn a_refused_move_stops_a_rollout() {
    let project = Project::new();
    project.write("stuck", "phase-campaign\n");
    let text = project.run("rollout.sh", &[("PERCENT", "10")]).badly();
    assert!(text.contains("phase-campaign could not be moved"), "{text}");
}

#[test]
fn a_rollback_sends_everything_to_the_previous_revision() {
    let project = Project::new();
    for percent in ["10", "100"] {
        project.run("rollout.sh", &[("PERCENT", percent)]).well();
    }
    let moved = project.moved().len();
    let text = project.run("rollback.sh", &[]).well();
    assert!(
        text.contains("tasks: all traffic to tasks-1, nothing to tasks-2 (now 100 %)"),
        "{text}"
    );
    project.all_share(&[("1", 100)]);
    assert_eq!(
        project.moved()[moved..].last().unwrap(),
        "route-execute",
        "who asks goes back first"
    );
    let changes = project.changes().len();
    assert!(project.run("rollback.sh", &[]).well().contains("has all traffic already"));
    assert_eq!(project.changes().len(), changes, "a second one changes nothing");
}

#[test]
fn a_rollback_goes_on_past_a_function_that_fails() {
    let project = Project::new();
    project.run("rollout.sh", &[("PERCENT", "100")]).well();
    project.write("down", "https://tasks.test\n");
    let text = project.run("rollback.sh", &[]).badly();
    assert!(text.contains("not healthy after going back: tasks"), "{text}");
    project.all_share(&[("1", 100)]);
}

#[test]
fn a_function_with_one_revision_stays_as_it_is() {
    let project = Project::new();
    for name in names() {
        project.service(
            &name,
            1,
            "image:old",
            &json!([{ "revisionName": format!("{name}-1"), "percent": 100, "latestRevision": true }]),
        );
    }
    assert!(project.run("rollback.sh", &[]).well().contains("has served with tasks-1 only"));
    assert!(project.run("rollout.sh", &[("PERCENT", "10")]).well().contains("Nothing to move."));
    assert_eq!(project.changes(), Vec::<String>::new());
}

#[test]
fn a_dry_run_changes_nothing() {
    let project = Project::new();
    for (script, percent) in [
        ("rollout.sh", "10"),
        ("rollback.sh", ""),
        ("deploy.sh", ""),
        ("setup.sh", ""),
        ("token.sh", ""),
    ] {
        let settings =
            [("DRY_RUN", "1"), ("PERCENT", percent), ("ENVIRONMENT", "staging"), ("TAG", "abc")];
        project.run(script, &settings).well();
        assert_eq!(project.changes(), Vec::<String>::new(), "{script}");
    }
    let shown = project.run("rollout.sh", &[("DRY_RUN", "1"), ("PERCENT", "10")]).well();
    assert!(shown.contains("--to-revisions tasks-2=10\\,tasks-1=90"), "{shown}");
    let shown = project.run("smoke.sh", &[("DRY_RUN", "1"), ("URL", "https://x.test")]).well();
    assert!(shown.contains("Would ask"), "{shown}");
}

/// A function's settings as Cloud Run describes them.
fn with_settings(settings: &[(&str, &str)]) -> String {
    let settings: Vec<Value> =
        settings.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "spec": { "template": { "spec": { "containers": [{ "env": settings }] } } } })
        .to_string()
}

#[test]
fn vector_state_is_shown_for_both_stores() {
    let project = Project::new();
    let vertex = [
        ("VECTOR_BACKEND", "vertex"),
        ("VECTOR_INDEX", "projects/1/locations/r/indexes/2"),
        ("VECTOR_INDEX_ENDPOINT", "projects/1/locations/r/indexEndpoints/3"),
        ("VECTOR_DEPLOYED_INDEX_ID", "raptorflow"),
    ];
    project.write("vector-search.json", &with_settings(&vertex));
    let index = json!({ "displayName": "raptorflow", "indexUpdateMethod": "STREAM_UPDATE",
        "metadata": { "config": { "dimensions": 1536 } }, "indexStats": { "vectorsCount": "1234" } });
    project.write("index.json", &index.to_string());
    let deployed = json!({ "id": "raptorflow",
        "dedicatedResources": { "minReplicaCount": 1, "machineSpec": { "machineType": "e2-standard-2" } } });
    let endpoint =
        json!({ "publicEndpointDomainName": "3.vdb.vertexai.goog", "deployedIndexes": [deployed] });
    project.write("endpoint.json", &endpoint.to_string());
    assert_eq!(
        project.run("vectors-status.sh", &[]).well(),
        "backend    vertex\nindex      raptorflow, 1536 dimensions, STREAM_UPDATE\nvectors    1234\n\
        address    3.vdb.vertexai.goog\ndeployed   1 of e2-standard-2, billed by the hour\n"
    );
    project.write("endpoint.json", "{}");
    let undeployed = project.run("vectors-status.sh", &[]).badly();
    assert!(
        undeployed.contains("deployed   no: `raptorflow` is not on the endpoint"),
        "{undeployed}"
    );

    project.write("vector-search.json", &with_settings(&[("FIRESTORE_DATABASE", "(default)")]));
    for (state, is_ready) in [("READY", true), ("CREATING", false)] {
        let fields = json!([{ "fieldPath": "business" }, { "fieldPath": "vector", "vectorConfig": { "dimension": 1536 } }]);
        project.write("composite.json", &json!([{ "state": state, "fields": fields }]).to_string());
        let ended = project.run("vectors-status.sh", &[]);
        let text = if is_ready { ended.well() } else { ended.badly() };
        assert_eq!(text, format!("backend    firestore\nindex      {state}, 1536 dimensions\n"));
    }
    assert_eq!(
        project.changes(),
        ["gcloud firestore indexes composite list --project demo --database (default) --format json";
            2]
    );
}

#[test]
fn a_wrong_call_says_what_is_missing() {
    let project = Project::new();
    let check = |script: &str, settings: &[(&str, &str)], said: &str| {
        let text = project.run(script, settings).badly();
        assert!(text.contains(said), "{script}: {text}");
    };
    check("rollout.sh", &[("PERCENT", "25")], "PERCENT=10");
    check("rollout.sh", &[("PROJECT", ""), ("PERCENT", "10")], "PROJECT=my-project");
    check("rollback.sh", &[("PROJECT", "")], "PROJECT=my-project");
    check("deploy.sh", &[("ENVIRONMENT", "local")], "ENVIRONMENT=staging or ENVIRONMENT=prod");
    check("setup.sh", &[], "ENVIRONMENT=staging or ENVIRONMENT=prod");
    check("smoke.sh", &[], "URL=https://");
    assert_eq!(project.calls(""), Vec::<String>::new());
}

#[test]
fn a_missing_program_is_named_at_the_start() {
    let bare = tempfile::tempdir().unwrap();
    for (name, target) in
        [("bash", "/bin/bash"), ("dirname", "/usr/bin/dirname"), ("basename", "/usr/bin/basename")]
    {
        std::os::unix::fs::symlink(target, bare.path().join(name)).unwrap();
    }
    let mut command = Command::new("/bin/bash");
    command
        .arg(root().join("terraform/rollout/rollout.sh"))
        .env("PATH", bare.path())
        .env("PROJECT", "demo");
    let text = ended(&command.env("PERCENT", "10").output().unwrap()).badly();
    assert!(text.contains("not installed: gcloud jq curl"), "{text}");
}

#[test]
fn setup_creates_only_what_is_missing() {
    let project = Project::new();
    let text = project.run("setup.sh", &[("ENVIRONMENT", "prod")]).well();
    assert!(
        project.calls("storage buckets create gs://demo-tfstate")[0]
            .contains("--public-access-prevention")
    );
    let applied = project.calls("terraform").pop().unwrap();
    assert!(
        applied.contains("environments/prod.tfvars")
            && applied.contains("-target google_secret_manager_secret.secret")
    );
    assert!(!applied.contains("-auto-approve"), "Terraform asks first");
    for secret in topology()["secrets"].as_object().unwrap().keys() {
        assert!(
            text.contains(&format!(
                "gcloud secrets versions add {secret} --project demo --data-file=-"
            )),
            "{text}"
        );
    }
    project.run("setup.sh", &[("ENVIRONMENT", "prod")]).well();
    assert_eq!(project.calls("storage buckets create").len(), 1, "a second run finds the bucket");
}

#[test]
fn a_deployment_goes_from_images_to_all_traffic() {
    let project = Project::new();
    let text = project.run("deploy.sh", &[("ENVIRONMENT", "staging"), ("TAG", "abc")]).well();
    let changes = project.changes();
    assert!(
        changes[0].starts_with("gcloud builds submit .")
            && changes[0].contains("builder@demo.iam.gserviceaccount.com")
    );
    assert!(names().iter().all(|name| changes[0].contains(name.as_str())), "{}", changes[0]);
    assert!(
        changes[1].starts_with("terraform -chdir=terraform init")
            && changes[2].contains("image_tag=abc"),
        "{changes:?}"
    );
    let updates = project.calls("run services update ");
    assert_eq!(updates.len(), names().len());
    assert!(
        updates
            .iter()
            .all(|call| call.contains("--no-traffic --tag next") && call.contains(":abc")),
        "{updates:?}"
    );
    let smoke = project.calls("curl https://next---tasks-123456789012.europe-west1.run.app/health");
    assert_eq!(smoke.len(), 1, "the new revisions are tried before they get traffic");
    assert!(
        text.contains("pass  a stranger is refused") && text.contains("pass  socket: 101"),
        "{text}"
    );
    project.all_share(&[("3", 100)]);
    assert_eq!(project.moved().len(), 3 * names().len());
    // A second run: images, revisions and traffic are already in place.
    let before = project.changes().len();
    project.run("deploy.sh", &[("ENVIRONMENT", "staging"), ("TAG", "abc")]).well();
    let changes = project.changes().split_off(before);
    assert!(
        changes
            .iter()
            .all(|call| call.starts_with("terraform") || call.contains("--update-tags next=")),
        "{changes:?}"
    );
    project.all_share(&[("3", 100)]);
}

#[test]
fn a_failed_smoke_test_leaves_the_traffic_alone() {
    let project = Project::new();
    project.write("down", "https://next---estimate-123456789012\n");
    let text = project.run("deploy.sh", &[("ENVIRONMENT", "staging"), ("TAG", "abc")]).badly();
    assert!(
        text.contains("FAIL  health of estimate: 503") && text.contains("no traffic was moved"),
        "{text}"
    );
    assert_eq!(project.moved(), Vec::<String>::new());
    project.all_share(&[("1", 100)]);
}

#[test]
fn the_first_deployment_pins_its_traffic() {
    let project = Project::new();
    for name in names() {
        let image = format!("europe-west1-docker.pkg.dev/demo/raptorflow/{name}:abc");
        project.service(
            &name,
            1,
            &image,
            &json!([{ "revisionName": format!("{name}-1"), "percent": 100, "latestRevision": true }]),
        );
    }
    project.run("deploy.sh", &[("ENVIRONMENT", "staging"), ("TAG", "abc")]).well();
    let pinned = project.calls("run services update-traffic");
    assert_eq!(pinned.len(), names().len());
    assert!(pinned.iter().all(|call| call.contains("=100 --update-tags next=")), "{pinned:?}");
    project.all_share(&[("1", 100)]);
}

/// Runs the smoke test with the real curl.
async fn smoke(settings: Vec<(&'static str, String)>) -> ScriptResult {
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(root().join("terraform/rollout/smoke.sh"));
        command.env_remove("TOKEN").envs(settings).output().unwrap()
    });
    ended(&output.await.unwrap())
}

#[tokio::test]
async fn the_smoke_test_finds_faults() {
    let dir = tempfile::tempdir().unwrap();
    let running = crate::process::start(dir.path(), &[]).await;
    let url = format!("http://{}", running.address);

    // The stub's secret is the one that the program is started with.
    let signed = Project::new().run("token.sh", &[("BUSINESS", "demo"), ("ROLE", "admin")]).well();
    let token = signed.trim().to_owned();
    let text = smoke(vec![("URL", url.clone()), ("TOKEN", token)]).await.well();
    for passed in ["health of", "estimate:", "execute:", "socket: 101"] {
        assert!(text.contains(&format!("pass  {passed}")), "{text}");
    }
    assert!(text.ends_with("All passed.\n"), "{text}");

    let text = smoke(vec![("URL", url.clone())]).await.well();
    assert!(
        text.contains("pass  a stranger is refused") && text.contains("skip  estimate and execute"),
        "{text}"
    );

    let text = smoke(vec![("URL", url), ("TOKEN", "not.a.token".into())]).await.badly();
    assert!(text.contains("FAIL  estimate: 401") && text.contains("2 failed"), "{text}");

    let text = smoke(vec![("URL", "http://127.0.0.1:9".into())]).await.badly();
    assert!(
        text.contains("FAIL  health of http://127.0.0.1:9: 000")
            && text.contains("FAIL  socket: 000"),
        "{text}"
    );
}
