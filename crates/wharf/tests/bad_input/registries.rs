//! Registries that fail, refuse and lie on the way to a good image.

use std::thread;

use testkit::{ScriptedRegistry, ScriptedReply, ScriptedRequest};

use crate::fixture::{
    assert_nothing_visible, assert_pulls, assert_refused, good_image, name, pull, sandbox,
};

/// Something that a registry does wrong, and what the person is told.
struct Case {
    what: &'static str,
    fault: fn(&ScriptedRequest, ScriptedReply) -> ScriptedReply,
    says: &'static [&'static str],
}

/// Each case with a registry and a store of its own, side by side.
fn check(cases: &[Case]) {
    let image = good_image();
    thread::scope(|scope| {
        for case in cases {
            let image = &image;
            scope.spawn(move || {
                let sandbox = sandbox();
                let registry = ScriptedRegistry::start(&image.artifact());
                let name = name(&registry);
                registry.misbehave(case.fault);
                let output = pull(&sandbox, &name);
                assert_refused(case.what, &output, case.says);
                assert_nothing_visible(case.what, &sandbox, &[image]);
                assert!(
                    registry.requests().len() < 60,
                    "{}: too many requests",
                    case.what
                );
                registry.behave();
                assert_pulls(case.what, &sandbox, &name, image);
            });
        }
    });
}

/// Leaves the answers about blobs as they are.
fn to_manifests(
    request: &ScriptedRequest,
    honest: ScriptedReply,
    reply: ScriptedReply,
) -> ScriptedReply {
    if request.target.contains("/manifests/") {
        reply
    } else {
        honest
    }
}

/// Leaves the answers about manifests and configs as they are: a layer never begins as JSON does.
fn to_layers(
    request: &ScriptedRequest,
    honest: ScriptedReply,
    reply: impl FnOnce(ScriptedReply) -> ScriptedReply,
) -> ScriptedReply {
    if request.is_for_blob() && !honest.content().starts_with(b"{") {
        reply(honest)
    } else {
        honest
    }
}

#[test]
fn manifests_that_do_not_come() {
    check(&[
        Case {
            what: "404",
            fault: |request, honest| {
                let body =
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
                to_manifests(request, honest, ScriptedReply::new(404).body(body))
            },
            says: &["/team/app:1", "not found"],
        },
        Case {
            what: "401 without a way to log in",
            fault: |request, honest| to_manifests(request, honest, ScriptedReply::new(401)),
            says: &["unauthorized: authentication required"],
        },
        Case {
            what: "403",
            fault: |request, honest| {
                let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
                to_manifests(request, honest, ScriptedReply::new(403).body(body))
            },
            says: &["/team/app", "denied"],
        },
        Case {
            what: "429",
            fault: |request, honest| {
                let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}"#;
                let reply = ScriptedReply::new(429)
                    .header("retry-after", "0")
                    .body(body);
                to_manifests(request, honest, reply)
            },
            says: &["toomanyrequests", "pull rate limit"],
        },
        Case {
            what: "500",
            fault: |request, honest| {
                to_manifests(
                    request,
                    honest,
                    ScriptedReply::new(500).body("the shelf fell down"),
                )
            },
            says: &["500"],
        },
    ]);
}

#[test]
fn manifests_that_are_none() {
    check(&[
        Case {
            what: "a web page",
            fault: |request, honest| {
                let page = "<html><body>Sign in to the hotel's network</body></html>";
                let reply = ScriptedReply::new(200)
                    .header("content-type", "text/html")
                    .body(page);
                to_manifests(request, honest, reply)
            },
            says: &["/v2/team/app/manifests/1", "not valid"],
        },
        Case {
            what: "a redirect to itself",
            fault: |request, honest| {
                let reply = ScriptedReply::new(307).header("location", &request.target);
                to_manifests(request, honest, reply)
            },
            says: &["redirect"],
        },
        Case {
            what: "closed before any answer",
            fault: |request, honest| {
                let reply = honest.clone().cut_at(0).announcing(100);
                to_manifests(request, honest, reply)
            },
            says: &["127.0.0.1", "EOF"],
        },
        Case {
            what: "a manifest that never ends",
            fault: |request, honest| {
                let reply = honest.clone().body(vec![b' '; 5 << 20]);
                to_manifests(request, honest, reply)
            },
            says: &["4194304"],
        },
        Case {
            what: "other bytes than the digest says",
            fault: |request, honest| {
                let body = [honest.content(), b" "].concat();
                let reply = honest.clone().body(body);
                to_manifests(request, honest, reply)
            },
            says: &["digest"],
        },
    ]);
}

#[test]
fn blobs_that_do_not_come() {
    check(&[
        Case {
            what: "always cut at the same byte",
            fault: |request, honest| to_layers(request, honest, |honest| honest.cut_at(50)),
            says: &["EOF"],
        },
        Case {
            what: "404",
            fault: |request, honest| {
                let body =
                    r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
                to_layers(request, honest, |_| ScriptedReply::new(404).body(body))
            },
            says: &["blob unknown"],
        },
        Case {
            what: "401 in the middle",
            fault: |request, honest| {
                to_layers(request, honest, |_| {
                    ScriptedReply::new(401).header("www-authenticate", "Basic realm=\"r\"")
                })
            },
            says: &["/team/app/blobs/sha256:", "no basic auth credentials"],
        },
        Case {
            what: "503",
            fault: |request, honest| to_layers(request, honest, |_| ScriptedReply::new(503)),
            says: &["503"],
        },
        Case {
            what: "a redirect that leads nowhere",
            fault: |request, honest| {
                to_layers(request, honest, |_| {
                    ScriptedReply::new(302).header("location", "http://127.0.0.1:1/blob")
                })
            },
            says: &["127.0.0.1:1", "refused"],
        },
        Case {
            what: "a redirect to a file",
            fault: |request, honest| {
                to_layers(request, honest, |_| {
                    ScriptedReply::new(302).header("location", "file:///etc/passwd")
                })
            },
            says: &["redirect"],
        },
        Case {
            what: "a redirect in circles",
            fault: |request, honest| {
                let target = request.target.clone();
                to_layers(request, honest, |_| {
                    ScriptedReply::new(302).header("location", &target)
                })
            },
            says: &["redirect"],
        },
    ]);
}

#[test]
fn blobs_that_are_not_what_they_should_be() {
    check(&[
        Case {
            what: "one bit is wrong",
            fault: |request, honest| {
                to_layers(request, honest, |honest| {
                    let mut body = honest.content().to_vec();
                    let last = body.len() - 1;
                    body[last] ^= 1;
                    honest.body(body)
                })
            },
            says: &["sha256:"],
        },
        Case {
            // What was kept of it must not stand in the way of the next attempt.
            what: "bits near the start are wrong",
            fault: |request, honest| {
                to_layers(request, honest, |honest| {
                    let mut body = honest.content().to_vec();
                    body[40..80].fill(0xff);
                    honest.body(body)
                })
            },
            says: &["sha256:"],
        },
        Case {
            what: "too short, and said so",
            fault: |request, honest| {
                to_layers(request, honest, |honest| {
                    let length = honest.content().len() - 5;
                    let body = honest.content()[..length].to_vec();
                    honest.body(body)
                })
            },
            says: &["sha256:"],
        },
        Case {
            what: "too long, and said so",
            fault: |request, honest| {
                to_layers(request, honest, |honest| {
                    let body = [honest.content(), &[0; 9]].concat();
                    honest.body(body)
                })
            },
            says: &["sha256:"],
        },
        Case {
            what: "a config that is a web page",
            fault: |_, honest| {
                if honest.content().starts_with(b"{\"arch") {
                    return ScriptedReply::new(200).body("<html>Our registry moved</html>");
                }
                honest
            },
            says: &["sha256:"],
        },
        Case {
            what: "nothing at all",
            fault: |request, honest| to_layers(request, honest, |honest| honest.body("")),
            says: &["sha256:"],
        },
        Case {
            what: "a web page",
            fault: |request, honest| {
                to_layers(request, honest, |_| {
                    let page = "<html>Our registry moved</html>";
                    ScriptedReply::new(200)
                        .header("content-type", "text/html")
                        .body(page)
                })
            },
            says: &["sha256:"],
        },
    ]);
}

#[test]
fn tokens_that_are_never_taken() {
    let image = good_image();
    let registry = ScriptedRegistry::start(&image.artifact());
    let sandbox = sandbox();
    let realm = format!("http://{}/token", registry.address());
    registry.misbehave(move |request, _| {
        if request.target.starts_with("/token") {
            // It ran out before it was given.
            let token = r#"{"token":"t","expires_in":1,"issued_at":"2001-01-01T00:00:00Z"}"#;
            return ScriptedReply::new(200)
                .header("content-type", "application/json")
                .body(token);
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\",error=\"invalid_token\"");
        ScriptedReply::new(401).header("www-authenticate", &challenge)
    });
    let name = name(&registry);
    let output = pull(&sandbox, &name);
    assert_refused("an expired token", &output, &["unauthorized"]);
    assert!(registry.requests().len() < 12, "{:?}", registry.requests());
    assert_nothing_visible("an expired token", &sandbox, &[&image]);
    registry.behave();
    assert_pulls("an expired token", &sandbox, &name, &image);
}
