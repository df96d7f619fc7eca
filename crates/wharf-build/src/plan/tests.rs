use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use wharf_oci::{ImageConfig, Platform};

use super::*;

fn planned(file: &str, bases: &Bases, target: Option<&str>) -> Result<Planned, String> {
    let platform = Platform::new("linux", "amd64", "");
    plan(PlanRequest {
        file: file.as_bytes(),
        build_arguments: &BTreeMap::new(),
        target,
        labels: &BTreeMap::new(),
        build_platform: &platform,
        target_platform: &platform,
        contexts: &BTreeMap::new(),
        bases,
    })
    .map_err(|problem| problem.to_string())
}

/// The names of base images that are asked for.
fn needs(file: &str, bases: &Bases, target: Option<&str>) -> Vec<String> {
    match planned(file, bases, target).unwrap() {
        Planned::Needs(needs) => needs.iter().map(|need| need.reference.familiar()).collect(),
        Planned::Ready(_) => Vec::new(),
    }
}

fn ready(file: &str, bases: &Bases) -> Plan {
    match planned(file, bases, None).unwrap() {
        Planned::Ready(plan) => *plan,
        Planned::Needs(needs) => panic!("{needs:?}"),
    }
}

fn with_base(name: &str, config: &serde_json::Value) -> Bases {
    let document = json!({
        "os": "linux", "architecture": "amd64", "config": config, "rootfs": {"type": "layers", "diff_ids": []}
    });
    let config = ImageConfig::parse(document.to_string().into_bytes()).unwrap();
    let base = BaseImage {
        shown: name.to_owned(),
        config,
        layers: Vec::new(),
    };
    let key = (name.parse().unwrap(), Platform::new("linux", "amd64", ""));
    Bases::from([(key, Arc::new(base))])
}

#[test]
fn only_reachable_bases_are_asked_for() {
    let file = "FROM unused\nFROM one AS two\nCOPY --from=three / /\nFROM four AS five\nFROM two\n";
    let none = Bases::new();
    assert_eq!(needs(file, &none, None), ["one:latest", "three:latest"]);
    assert_eq!(needs(file, &none, Some("five")), ["four:latest"]);
    assert_eq!(needs(file, &none, Some("0")), ["unused:latest"]);
    assert_eq!(needs("FROM scratch\nCOPY a /\n", &none, None), [""; 0]);
    // the same image is asked for once
    assert_eq!(
        needs("FROM one AS a\nFROM one\nCOPY --from=a / /\n", &none, None),
        ["one:latest"]
    );
}

#[test]
fn triggers_may_need_more() {
    let bases = with_base(
        "base:latest",
        &json!({"OnBuild": ["COPY --from=other /a /b"]}),
    );
    assert_eq!(needs("FROM base\n", &bases, None), ["other:latest"]);
    let bases = with_base(
        "base:latest",
        &json!({"OnBuild": ["ENV a=1", "COPY --from=own /a /b"]}),
    );
    let plan = ready(
        "FROM scratch AS own\nCOPY a /\nFROM base\nENV b=$a\n",
        &bases,
    );
    assert_eq!(plan.stages.len(), 2);
    let target = plan.stages.last().unwrap();
    assert_eq!(target.steps.len(), 1);
    assert_eq!(target.steps[0].title, "ONBUILD COPY");
    let environment = target.image.config.env.clone().unwrap();
    assert_eq!(environment.last().unwrap(), "b=1");
    let bases = with_base("base:latest", &json!({"OnBuild": ["FROM x"]}));
    let error = planned("FROM base\n", &bases, None).unwrap_err();
    assert!(error.contains("onbuild trigger \"FROM x\""), "{error}");
}

#[test]
fn run_knows_what_it_needs() {
    let plan = ready(
        "FROM scratch AS tools\nFROM scratch\nARG A=1\nENV B=2\nARG A=3\nUSER me\nWORKDIR /w\nSHELL [\"/bin/bash\", \"-c\"]\n\
         RUN --mount=from=tools,target=/t echo $A\nRUN [\"/x\", \"y\"]\nRUN <<E\n#!/bin/x\nz\nE\nRUN <<E\none\nE\nRUN cat <<E | y\ntwo\nE\n",
        &Bases::new(),
    );
    let runs: Vec<&RunAction> = plan.stages[1]
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Run(run) => Some(&**run),
            _ => None,
        })
        .collect();
    assert_eq!(runs[0].arguments, ["/bin/bash", "-c", "echo $A"]);
    assert_eq!(
        (runs[0].user.as_str(), runs[0].folder.as_str()),
        ("me", "/w")
    );
    assert_eq!(runs[0].sources, [("tools".to_owned(), 0)]);
    let pairs: Vec<String> = runs[0]
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(pairs[1..], ["A=3", "B=2"]);
    assert_eq!(runs[1].arguments, ["/x", "y"]);
    assert_eq!(runs[2].arguments, ["/bin/bash", "-c", "/dev/pipes/E"]);
    assert_eq!(runs[2].script.as_ref().unwrap().content, "#!/bin/x\nz\n");
    assert_eq!(runs[3].arguments, ["/bin/bash", "-c", "one\n"]);
    assert_eq!(
        runs[4].arguments,
        ["/bin/bash", "-c", "cat <<E | y\ntwo\nE"]
    );
    let history = &plan.stages[1].image.history;
    let first = history
        .iter()
        .find(|step| step.created_by.starts_with("RUN"))
        .unwrap();
    assert_eq!(
        first.created_by,
        "RUN |1 A=3 /bin/bash -c echo $A # buildkit"
    );
}

#[test]
fn stages_stand_behind_what_they_need() {
    let plan = ready(
        "FROM scratch AS a\nCOPY x /\nFROM scratch AS b\nCOPY --from=a / /\nFROM a AS c\nCOPY --from=b / /\n",
        &Bases::new(),
    );
    let names: Vec<&str> = plan
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(matches!(plan.stages[2].base, StageBase::Stage(0)));
    let Action::Copy(copy) = &plan.stages[2].steps[0].action else {
        panic!("a copy");
    };
    assert_eq!(copy.from, CopyFrom::Stage(1));
    assert_eq!(plan.stages[2].steps[0].title, "COPY --from=b / /");
}
