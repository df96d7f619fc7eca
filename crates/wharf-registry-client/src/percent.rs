//! Percent-encoding of the parts that the client puts into URLs and forms itself.

/// `text` with everything encoded but letters, digits and `-._~` (RFC 3986, section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                encoded.push(digit.to_ascii_uppercase());
            }
        }
    }
    encoded
}

/// `text` decoded; what is not an encoding stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digits = (*first == b'%').then(|| after.first_chunk::<2>()).flatten();
        let value = digits.and_then(|digits| {
            let high = char::from(digits[0]).to_digit(16)?;
            let low = char::from(digits[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        match value {
            Some(value) => {
                decoded.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => decoded.push(*first),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// `name=value` pairs as a query or a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes() {
        for (plain, encoded) in [
            ("", ""),
            ("aZ09-._~", "aZ09-._~"),
            ("a b+c", "a%20b%2Bc"),
            ("repository:x/y:pull", "repository%3Ax%2Fy%3Apull"),
            ("é%", "%C3%A9%25"),
        ] {
            assert_eq!(encode(plain), encoded);
            assert_eq!(decode(encoded), plain);
        }
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(form(&[("a", "1 2"), ("b", "&")]), "a=1%202&b=%26");
    }
}
