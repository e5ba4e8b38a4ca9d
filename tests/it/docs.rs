//! Checks the documentation against the repository: links lead somewhere, and named `make` targets
//! exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use crate::topology::root;

/// The documents for readers, relative to the root of the repository.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|it| it == "md"));
    found.extend(docs.map(|path| path.strip_prefix(root()).unwrap().to_owned()));
    found.sort();
    found
}

/// The targets of a Makefile.
fn targets(makefile: &str) -> BTreeSet<String> {
    let rules = makefile.lines().filter_map(|line| line.split_once(':'));
    let rules = rules.filter(|(_, rest)| !rest.starts_with('='));
    rules.map(|(name, _)| name).filter(|name| is_target(name)).map(Into::into).collect()
}

/// The parsed parts of a Markdown document.
#[derive(Default)]
struct Parts {
    /// Text outside code, one entry per line, with line numbers.
    prose: Vec<(usize, String)>,
    /// Code: lines of blocks and spans inside lines, with line numbers.
    code: Vec<(usize, String)>,
    /// Titles of the headings.
    headings: Vec<String>,
    /// Lines with a code span that does not end; the rest of such a line cannot be read.
    unpaired: Vec<usize>,
}

impl Parts {
    fn of(text: &str) -> Self {
        let mut parts = Self::default();
        let mut fence: Option<&str> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let start = line.trim_start();
            let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
            match (fence, mark) {
                (Some(open), Some(mark)) if open == mark => fence = None,
                (Some(_), _) => parts.code.push((number, line.into())),
                (None, Some(mark)) => fence = Some(mark),
                (None, None) => parts.line(number, line),
            }
        }
        parts
    }

    fn line(&mut self, number: usize, line: &str) {
        let title = line.trim_start_matches('#');
        if title.len() < line.len() && title.starts_with(' ') {
            self.headings.push(title.trim().into());
        }
        if line.matches('`').count() % 2 == 1 {
            self.unpaired.push(number);
        }
        let mut prose = String::new();
        for (index, part) in line.split('`').enumerate() {
            if index % 2 == 0 {
                prose.push_str(part);
            } else {
                self.code.push((number, part.into()));
            }
        }
        self.prose.push((number, prose));
    }

    /// The targets of the links, with line numbers.
    fn links(&self) -> Vec<(usize, String)> {
        let links = self.prose.iter().flat_map(|(number, line)| {
            let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let reference = (line.starts_with('[')).then(|| line.split_once("]: ")).flatten();
            let all = inline.chain(reference.map(|(_, target)| target));
            all.filter_map(|target| target.split_whitespace().next())
                .map(|target| (*number, target.to_owned()))
        });
        links.collect()
    }

    /// The anchors of the headings, as GitHub generates them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let anchor = |title: &String| {
            let title: String = title.to_lowercase();
            let kept = title.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            let anchor: String = kept.map(|it| if it == ' ' { '-' } else { it }).collect();
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        };
        self.headings.iter().map(anchor).collect()
    }

    /// The targets that commands pass to `make`, with line numbers.
    fn made(&self) -> Vec<(usize, String)> {
        let made = |(number, code): &(usize, String)| {
            made_by(code).into_iter().map(|target| (*number, target)).collect::<Vec<_>>()
        };
        self.code.iter().flat_map(made).collect()
    }
}

/// The targets that a line of shell passes to `make`.
fn made_by(code: &str) -> Vec<String> {
    let code = if code.trim_start().starts_with('#') { "" } else { code };
    let code = code.split(" #").next().unwrap_or_default();
    let is_setting = |word: &&str| word.contains('=');
    // A quoted value may span several words, so nothing after one is read.
    let is_plain = |word: &&str| !word.contains(['"', '\'']);
    let targets = |command: &str| {
        let mut words = command.split_whitespace().skip_while(is_setting);
        let is_make = words.next() == Some("make");
        let words = words.take_while(is_plain).filter(|word| is_make && is_target(word));
        words.map(String::from).collect::<Vec<_>>()
    };
    code.split(['|', '&', ';', '(', ')']).flat_map(targets).collect()
}

fn is_target(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A path without `.` and `..`; `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The problems of a document: dead links, and targets that the Makefile does not have.
fn problems(root: &Path, document: &Path, text: &str, targets: &BTreeSet<String>) -> Vec<String> {
    let parts = Parts::of(text);
    let place = |line: usize| format!("{}:{line}", document.display());
    let unpaired = parts.unpaired.iter();
    let mut problems: Vec<String> =
        unpaired.map(|line| format!("{}: a code span does not end", place(*line))).collect();
    for (line, link) in parts.links() {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let place = place(line);
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = document.parent().unwrap_or(Path::new("")).join(file);
        let target = if file.is_empty() { Some(document.to_owned()) } else { normal(&target) };
        let Some(target) = target.filter(|it| file.is_empty() || root.join(it).exists()) else {
            problems.push(format!("{place}: `{link}` leads to no file"));
            continue;
        };
        if anchor.is_empty() {
            continue;
        }
        let anchors = if target == document {
            parts.anchors()
        } else {
            let other = fs::read_to_string(root.join(&target)).unwrap_or_default();
            Parts::of(&other).anchors()
        };
        if !anchors.contains(anchor) {
            problems.push(format!("{place}: `{link}` leads to no heading"));
        }
    }
    let unknown = parts.made().into_iter().filter(|(_, target)| !targets.contains(target));
    problems.extend(unknown.map(|(line, target)| format!("{}: no `make {target}`", place(line))));
    problems
}

#[test]
fn documents_name_only_what_exists() {
    let root = root();
    let targets = targets(&fs::read_to_string(root.join("Makefile")).unwrap());
    let problems: Vec<String> = documents()
        .iter()
        .flat_map(|path| {
            problems(&root, path, &fs::read_to_string(root.join(path)).unwrap(), &targets)
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A document with one of each problem, and some correct text.
const SAMPLE: &str = r#"# A title, with `code`
## Twice
## Twice
[good](Cargo.toml) [here](#twice-1) [title](#a-title-with-code) [web](https://example.com/x)
[file](docs/none.md) [heading](#none) [out](../outside.md) `[code](none.md)`
[elsewhere](README.md#none-of-these)
Use `make run`, `make nothing` and make up your mind: `we make things`.
```sh
make test    # then make more
TOKEN=$(make -s token PROJECT=x) && make absent ARGS="--a b"
[block](none.md)
```
A span that `goes
on` here
"#;

#[test]
fn dead_links_and_unknown_targets_are_found() {
    let targets = ["run", "test", "token"].map(String::from).into();
    let found = problems(&root(), Path::new("SAMPLE.md"), SAMPLE, &targets);
    let expected = [
        "SAMPLE.md:13: a code span does not end",
        "SAMPLE.md:14: a code span does not end",
        "SAMPLE.md:5: `docs/none.md` leads to no file",
        "SAMPLE.md:5: `#none` leads to no heading",
        "SAMPLE.md:5: `../outside.md` leads to no file",
        "SAMPLE.md:6: `README.md#none-of-these` leads to no heading",
        "SAMPLE.md:7: no `make nothing`",
        "SAMPLE.md:10: no `make absent`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_targets_of_a_makefile_are_its_rules() {
    let makefile =
        "A := b\nHOST = c:d\n.PHONY: run\nrun: dep ## Text: more\n\t@echo a: b\nx/y: z\n";
    assert_eq!(targets(makefile), BTreeSet::from(["run".to_owned()]));
}
