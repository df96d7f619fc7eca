//! The scopes that a client asks the token service of the registry for.

use wharf_registry::access::token::Scope;

const SCOPES_LIMIT: usize = 16;
const SCOPE_LIMIT_BYTES: usize = 384;

/// Takes each line for a value of the parameter.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let scopes = match Scope::parse_all(text.lines()) {
        Ok(scopes) => scopes,
        Err(error) => {
            let length = error.to_string().len();
            assert!(length < 8 * SCOPE_LIMIT_BYTES, "an error of {length} bytes");
            return;
        }
    };
    assert!(scopes.len() <= SCOPES_LIMIT);
    for scope in &scopes {
        let written = scope.to_string();
        assert!(written.len() <= SCOPE_LIMIT_BYTES, "{written}");
        // It is written into a header between quotation marks.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        assert!(written.bytes().all(is_plain), "{written:?}");
        assert_eq!(written.parse().as_ref(), Ok(scope), "{written:?}");
        let json = serde_json::to_string(scope).expect("JSON");
        let read: Scope = serde_json::from_str(&json).expect("what was just written");
        assert_eq!(&read, scope);
        if let Some(name) = scope.repository_name() {
            assert!(
                name.as_str().ends_with(&scope.name),
                "{name} for {written:?}"
            );
        }
    }
    let written: Vec<_> = scopes.iter().map(ToString::to_string).collect();
    let again = Scope::parse_all([written.join(" ").as_str()]);
    assert_eq!(again, Ok(scopes), "nothing is asked for twice");
}
