//! `--progress=rawjson`: one JSON object for each event, in the shape of `BuildKit`'s client (`client.SolveStatus`).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wharf_build::builder::{BuildEvent, StepOutcome, Vertex};
use wharf_oci::Digest;

use crate::formatting::Moment;

/// What has begun, by number.
#[derive(Debug, Default)]
pub(super) struct RawJson {
    steps: HashMap<Vertex, Begun>,
}

#[derive(Debug, Clone)]
struct Begun {
    name: String,
    started: String,
}

impl RawJson {
    /// The object of an event.
    pub(super) fn line(&mut self, event: &BuildEvent) -> Value {
        let now = Moment::present().zoned().timestamp().to_string();
        match event {
            BuildEvent::Started { vertex, name } => {
                let begun = Begun {
                    name: name.clone(),
                    started: now,
                };
                self.steps.insert(*vertex, begun);
                json!({"vertexes": [self.vertex(*vertex)]})
            }
            BuildEvent::Status { vertex, text } => json!({"statuses": [{
                "id": text,
                "vertex": digest(*vertex),
                "current": 0,
                "timestamp": now,
                "completed": now,
            }]}),
            BuildEvent::Output { vertex, line, .. }
            | BuildEvent::Explained { vertex, text: line } => {
                json!({"logs": [{
                    "vertex": digest(*vertex),
                    "stream": 1,
                    "data": BASE64.encode(format!("{line}\n")),
                    "timestamp": now,
                }]})
            }
            BuildEvent::Ended { vertex, outcome } => {
                let mut ended = self.vertex(*vertex);
                ended["completed"] = json!(now);
                if *outcome == StepOutcome::Cached {
                    ended["cached"] = json!(true);
                }
                if *outcome == StepOutcome::Canceled {
                    ended["error"] = json!("context canceled");
                }
                json!({"vertexes": [ended]})
            }
            BuildEvent::Failed { vertex, error } => {
                let mut failed = self.vertex(*vertex);
                failed["completed"] = json!(now);
                failed["error"] = json!(error);
                json!({"vertexes": [failed]})
            }
            BuildEvent::Warning(text) => json!({"warnings": [{
                "level": 1,
                "short": BASE64.encode(text),
            }]}),
        }
    }

    fn vertex(&self, vertex: Vertex) -> Value {
        let mut described = json!({"digest": digest(vertex)});
        if let Some(begun) = self.steps.get(&vertex) {
            described["name"] = json!(begun.name);
            described["started"] = json!(begun.started);
        }
        described
    }
}

/// `BuildKit` knows steps by digests; here each has a number.
fn digest(vertex: Vertex) -> Digest {
    Digest::of(format!("vertex {}", vertex.0).as_bytes())
}
