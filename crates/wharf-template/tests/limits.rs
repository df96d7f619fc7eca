//! Templates that want too much are stopped, and their limits can be set.

use wharf_template::{ExecuteReason, Limits, Template, Value};

#[test]
fn templates_that_want_too_much_are_stopped() {
    let doubling = "{{$x = printf \"%s%s\" $x $x}}".repeat(40);
    let wide = format!(
        "{{{{printf \"{}\" {}}}}}",
        "%999999d".repeat(200),
        "1 ".repeat(200)
    );
    for (template, expected) in [
        (
            "{{range 9000000000000}}{{end}}".to_owned(),
            "the template takes more than 10000000 steps",
        ),
        (
            "{{range 100000}}{{range 100000}}{{end}}{{end}}".to_owned(),
            "the template takes more than 10000000 steps",
        ),
        (
            format!("{{{{$x := \"xxxxxxxx\"}}}}{doubling}"),
            "the output is longer than 67108864 bytes",
        ),
        (wide, "the output is longer than 67108864 bytes"),
        (
            "{{range 9000000}}xxxxxxxxxxxxxxxx{{end}}".to_owned(),
            "the output is longer than 67108864 bytes",
        ),
        (
            "{{pad \"x\" 999999999999 0}}".to_owned(),
            "the output is longer than 67108864 bytes",
        ),
        (
            "{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}".to_owned(),
            "exceeded maximum template depth (20)",
        ),
    ] {
        let result = Template::parse(&template)
            .expect("a template")
            .execute(&Value::Nil);
        let reason = result
            .map(|output| output.len())
            .map_err(|error| error.reason.to_string());
        assert_eq!(reason, Err(expected.to_owned()));
    }
}

#[test]
fn templates_that_nest_too_deep_are_refused_and_others_run() {
    let parentheses = |depth: usize| format!("{{{{{}1{}}}}}", "(".repeat(depth), ")".repeat(depth));
    let blocks = |depth: usize| {
        format!(
            "{}x{}",
            "{{if true}}".repeat(depth),
            "{{end}}".repeat(depth)
        )
    };
    let chain = |length: usize| {
        let mut template = "{{if false}}".to_owned();
        for _ in 0..length {
            template.push_str("{{else if false}}");
        }
        template + "{{end}}"
    };
    for make in [&parentheses as &dyn Fn(usize) -> String, &blocks, &chain] {
        assert!(
            Template::parse(&make(148))
                .expect("not too deep")
                .execute(&Value::Nil)
                .is_ok()
        );
        let error = Template::parse(&make(100_000))
            .map(|_| ())
            .expect_err("too deep");
        assert!(
            error.to_string().contains("deep") || error.to_string().contains("bytes long"),
            "{error}"
        );
    }
}

#[test]
fn templates_of_deep_blocks_that_call_each_other_leave_stack() {
    let body = format!(
        "{}{{{{template \"t\" (print (print (print .)))}}}}{}",
        "{{if true}}".repeat(140),
        "{{end}}".repeat(140)
    );
    let template = format!("{{{{define \"t\"}}}}{body}{{{{end}}}}{{{{template \"t\"}}}}");
    let template = Template::parse(&template).expect("not too deep");
    let error = template.execute(&Value::Nil).expect_err("never ends");
    assert!(
        matches!(*error.reason, ExecuteReason::TooDeep { limit: 400 }),
        "{error}"
    );
}

#[test]
fn limits_can_be_set() {
    let limits = Limits {
        output_bytes: 10,
        ..Limits::default()
    };
    let error = Template::parse("{{range 3}}12345{{end}}")
        .expect("a template")
        .with_limits(limits)
        .execute(&Value::Nil)
        .expect_err("too long");
    assert_eq!(
        *error.reason,
        ExecuteReason::OutputTooLong { limit_bytes: 10 }
    );
}
