//! Checks of the images without a container engine: the Dockerfile, its context, and the libraries
//! that programs need.

use std::{collections::BTreeSet, fs, process::Command};

use crate::topology::{functions, root, topology};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Instructions of the Dockerfile, with continued lines joined and comments removed.
fn instructions() -> Vec<(String, String)> {
    let text = read("functions/Dockerfile").replace("\\\n", " ");
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(word, rest)| (word.into(), rest.trim().into()))
        .collect()
}

fn all(word: &str) -> Vec<String> {
    instructions().into_iter().filter(|(it, _)| it == word).map(|(_, rest)| rest).collect()
}

fn argument(name: &str) -> String {
    let prefix = format!("{name}=");
    let found = all("ARG").into_iter().find_map(|it| it.strip_prefix(&prefix).map(Into::into));
    found.unwrap_or_else(|| panic!("the Dockerfile has no ARG {name} with a default"))
}

#[test]
fn the_image_runs_one_program_without_root() {
    let instructions = instructions();
    let last_from = instructions.iter().rposition(|(word, _)| word == "FROM").unwrap();
    let last: Vec<_> = instructions[last_from..]
        .iter()
        .map(|(word, rest)| (word.as_str(), rest.as_str()))
        .collect();
    assert_eq!(last[0].1, "${RUNTIME_IMAGE} AS function");
    assert!(last.contains(&("USER", "65532:65532")), "{last:?}");
    assert!(
        last.contains(&("ENTRYPOINT", "[\"/function\"]")),
        "a shell would not pass SIGTERM on: {last:?}"
    );
    assert!(last.contains(&("COPY", "--from=build /programs/${FUNCTION} /function")));
    assert!(
        !last.iter().any(|(word, _)| *word == "RUN" || *word == "ADD"),
        "the last stage only copies: {last:?}"
    );
}

#[test]
fn base_images_are_pinned_and_consistent() {
    let version = read("Cargo.toml");
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap()
        .trim_matches('"');
    assert_eq!(argument("BUILD_IMAGE"), format!("docker.io/library/rust:{version}-slim-bookworm"));
    assert_eq!(argument("RUNTIME_IMAGE"), "gcr.io/distroless/static-debian12:nonroot");
    let cloud_build = read("terraform/cloudbuild.yaml");
    for name in ["BUILD_IMAGE", "RUNTIME_IMAGE"] {
        assert!(
            cloud_build.contains(&format!("_{name}: {}", argument(name))),
            "cloudbuild.yaml has another {name}"
        );
        let pinned = format!(
            "--build-arg \"{name}=$$(cat /workspace/.{}",
            name.to_lowercase().replace('_', "-")
        );
        assert!(cloud_build.contains(&pinned), "cloudbuild.yaml does not pin {name}");
    }
    let stages: BTreeSet<_> =
        all("FROM").iter().filter_map(|it| it.split(" AS ").nth(1).map(str::to_owned)).collect();
    for from in all("FROM") {
        let base = from.split(' ').next().unwrap();
        assert!(base.starts_with("${") || stages.contains(base), "{base} is written out");
    }
}

#[test]
fn every_image_uses_the_same_locked_build() {
    let instructions = instructions();
    let position = |word: &str, rest: &str| {
        let found = instructions.iter().position(|(it, text)| it == word && text.contains(rest));
        found.unwrap_or_else(|| panic!("the Dockerfile has no {word} {rest}"))
    };
    let compiled = position("RUN", "cargo build --profile image --locked --workspace");
    assert!(position("RUN", "cargo chef cook --profile image --locked --workspace") < compiled);
    assert!(compiled < position("ARG", "FUNCTION"), "a layer above ARG FUNCTION serves all images");
    assert!(read("terraform/cloudbuild.yaml").contains("for function in $_FUNCTIONS"));
    for name in functions(&topology()).keys() {
        assert!(
            !read("terraform/cloudbuild.yaml").contains(name.as_str()),
            "cloudbuild.yaml writes {name} out"
        );
    }
}

#[test]
fn the_context_holds_every_member_of_the_workspace() {
    let ignore = read(".dockerignore");
    let allowed: BTreeSet<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let members = read("Cargo.toml");
    let members = members.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let needed =
        members.split('"').skip(1).step_by(2).map(|member| member.split('/').next().unwrap());
    for needed in needed.chain(["Cargo.toml", "Cargo.lock"]) {
        assert!(allowed.contains(needed), ".dockerignore leaves {needed} out");
    }
    assert!(ignore.lines().any(|line| line == "**/.env"), "secrets of a laptop stay there");
}

#[test]
fn images_need_no_shared_libraries() {
    let flags = all("ENV").into_iter().find(|it| it.contains("RUSTFLAGS")).unwrap();
    assert!(flags.contains("-Ctarget-feature=+crt-static"), "{flags}");
    // Without a target the flag would also apply to build scripts and macros, which cannot be
    // static.
    let builds = all("RUN")
        .into_iter()
        .filter(|it| it.starts_with("cargo build") || it.starts_with("cargo chef cook"));
    let builds: Vec<String> = builds.collect();
    assert!(builds.len() == 2 && builds.iter().all(|it| it.contains("--target ")), "{builds:?}");
    assert!(
        read("Makefile").contains("-Ctarget-feature=+crt-static"),
        "the benchmark measures other programs"
    );
}

/// Libraries that are linked statically in an image must come with the C compiler.
#[cfg(target_os = "linux")]
#[test]
fn programs_need_no_library_beside_the_c_librarys_own() {
    let names = functions(&topology()).into_keys().chain(["local".to_owned()]);
    for program in names.map(|name| crate::process::program(&name)) {
        let output = Command::new("objdump")
            .arg("-p")
            .arg(&program)
            .output()
            .expect("objdump comes with the C compiler");
        let text = String::from_utf8(output.stdout).unwrap();
        let needed =
            text.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")).map(str::trim);
        for library in needed {
            let known = ["libc.so.6", "libm.so.6", "libgcc_s.so.1"].contains(&library)
                || library.starts_with("ld-linux");
            assert!(known, "{} needs {library}", program.display());
        }
    }
}
