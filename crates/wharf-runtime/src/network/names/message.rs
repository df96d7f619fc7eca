//! Messages of the Domain Name System (RFC 1035), as far as one question and addresses of containers need them. Nothing here reads or
//! writes anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The largest message over UDP that everybody takes.
const UDP_LIMIT_BYTES: usize = 512;
const HEADER_BYTES: usize = 12;
/// A name, with the lengths of its parts.
const NAME_LIMIT_BYTES: usize = 255;
/// How long an answer may be kept, in seconds: Docker's.
const KEPT_SECONDS: u32 = 600;
/// Where the name of the question stands, as an answer refers to it.
const NAME_OF_QUESTION: [u8; 2] = [0xc0, 0x0c];
const INTERNET: u16 = 1;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An IPv4 address.
    Address,
    /// An IPv6 address.
    LongAddress,
    /// The name of an address.
    Pointer,
    /// Anything else.
    Other,
}

/// The question of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// In lower case, without a dot at its end.
    pub(super) name: String,
    pub(super) wanted: Wanted,
    /// Where it ends in the message.
    end: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody could be asked.
    Failed = 2,
    /// There is no such name.
    NoSuchName = 3,
}

/// Reads a message that asks one question. `None` for what is no such message.
pub(super) fn question(message: &[u8]) -> Option<Question> {
    let flags = number(message, 2)?;
    let asks = flags & 0xf800 == 0;
    if !asks || number(message, 4)? != 1 {
        return None;
    }
    let (mut name, mut at) = (String::new(), HEADER_BYTES);
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // Longer ones are references, which a question has no reason to use.
        let part = message.get(at..at + length).filter(|_| length < 64)?;
        at += length;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(part).to_lowercase());
        if name.len() > NAME_LIMIT_BYTES {
            return None;
        }
    }
    let (kind, class) = (number(message, at)?, number(message, at + 2)?);
    let wanted = match kind {
        _ if class != INTERNET => Wanted::Other,
        1 => Wanted::Address,
        12 => Wanted::Pointer,
        28 => Wanted::LongAddress,
        _ => Wanted::Other,
    };
    Some(Question {
        name,
        wanted,
        end: at + 4,
    })
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
pub(super) fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".ip6.arpa") {
        let digits: Vec<&str> = digits.split('.').rev().collect();
        let good = digits.len() == 32 && digits.iter().all(|digit| digit.len() == 1);
        let number = u128::from_str_radix(&digits.concat(), 16).ok();
        return number
            .filter(|_| good)
            .map(|number| Ipv6Addr::from(number).into());
    }
    let parts: Vec<u8> = name
        .strip_suffix(".in-addr.arpa")?
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    match parts[..] {
        [d, c, b, a] => Some(Ipv4Addr::new(a, b, c, d).into()),
        _ => None,
    }
}

/// The answer with those of the addresses that are of the kind that is asked for; without any, that there are none. What does not
/// fit is left out.
pub(super) fn with_addresses(message: &[u8], question: &Question, addresses: &[IpAddr]) -> Vec<u8> {
    let wanted = |address: &&IpAddr| match question.wanted {
        Wanted::Address => address.is_ipv4(),
        Wanted::LongAddress => address.is_ipv6(),
        _ => false,
    };
    let each = 28;
    let room = UDP_LIMIT_BYTES.saturating_sub(question.end) / each;
    let told: Vec<_> = addresses.iter().filter(wanted).take(room).collect();
    let mut answer = begin(message, question, told.len(), 0);
    for address in told {
        match address {
            IpAddr::V4(address) => record(&mut answer, 1, &address.octets()),
            IpAddr::V6(address) => record(&mut answer, 28, &address.octets()),
        }
    }
    answer
}

/// The answer with the name of an address.
pub(super) fn with_name(message: &[u8], question: &Question, name: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for part in name.split('.') {
        let part = part.as_bytes().get(..63).unwrap_or(part.as_bytes());
        encoded.push(u8::try_from(part.len()).unwrap_or_default());
        encoded.extend_from_slice(part);
    }
    encoded.push(0);
    let mut answer = begin(message, question, 1, 0);
    record(&mut answer, 12, &encoded);
    answer
}

/// That there is no answer.
pub(super) fn refused(message: &[u8], question: &Question, why: Refusal) -> Vec<u8> {
    begin(message, question, 0, why as u16)
}

/// The header of an answer, and the question again.
fn begin(message: &[u8], question: &Question, answers: usize, code: u16) -> Vec<u8> {
    // An answer, to what was asked recursively, by somebody who asks on.
    let flags = 0x8000 | (number(message, 2).unwrap_or_default() & 0x0100) | 0x0080 | code;
    let answers = u16::try_from(answers).unwrap_or_default();
    let mut answer = message.get(..2).unwrap_or_default().to_vec();
    for field in [flags, 1, answers, 0, 0] {
        answer.extend(field.to_be_bytes());
    }
    answer.extend_from_slice(message.get(HEADER_BYTES..question.end).unwrap_or_default());
    answer
}

fn record(answer: &mut Vec<u8>, kind: u16, data: &[u8]) {
    answer.extend(NAME_OF_QUESTION);
    answer.extend(kind.to_be_bytes());
    answer.extend(INTERNET.to_be_bytes());
    answer.extend(KEPT_SECONDS.to_be_bytes());
    answer.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    answer.extend_from_slice(data);
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A message that asks for `name`.
    pub(in crate::network::names) fn asking(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for part in name.split('.') {
            message.push(u8::try_from(part.len()).unwrap());
            message.extend(part.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend(1_u16.to_be_bytes());
        message
    }

    #[test]
    fn questions_are_read_and_answered() {
        let message = asking("Web.Net", 1);
        let asked = question(&message).unwrap();
        assert_eq!(
            (asked.name.as_str(), asked.wanted),
            ("web.net", Wanted::Address)
        );
        let answer = with_addresses(&message, &asked, &[Ipv4Addr::new(10, 0, 0, 2).into()]);
        assert_eq!(
            answer[..12],
            [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        );
        assert!(answer.ends_with(&[0, 4, 10, 0, 0, 2]));
        assert_eq!(answer[12..message.len()], message[12..]);
        let many = vec![IpAddr::from(Ipv4Addr::LOCALHOST); 1000];
        assert!(with_addresses(&message, &asked, &many).len() <= UDP_LIMIT_BYTES);
        let none = refused(&message, &asked, Refusal::NoSuchName);
        assert_eq!((none[3] & 0x0f, none.len()), (3, message.len()));
        let back = asking("2.0.0.10.in-addr.arpa", 12);
        let asked = question(&back).unwrap();
        assert_eq!(
            reversed(&asked.name),
            Some(Ipv4Addr::new(10, 0, 0, 2).into())
        );
        let long: Ipv6Addr = "fd00::12".parse().unwrap();
        let digits = format!("{:032x}", u128::from(long));
        let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
        let name = format!("{}.ip6.arpa", digits.join("."));
        assert_eq!(reversed(&name), Some(long.into()));
        let message = asking("web.net", 28);
        let both = [long.into(), Ipv4Addr::LOCALHOST.into()];
        let answer = with_addresses(&message, &question(&message).unwrap(), &both);
        assert_eq!(answer[7], 1);
        assert!(answer.ends_with(&long.octets()));
        assert!(with_name(&back, &asked, "web.net").ends_with(b"\x03web\x03net\x00"));
    }

    #[test]
    fn what_is_no_question_is_none() {
        let good = asking("a", 1);
        for end in 0..good.len() {
            assert_eq!(question(&good[..end]), None, "{end}");
        }
        let mut answer = good.clone();
        answer[2] |= 0x80;
        assert_eq!(question(&answer), None);
        let mut two = good.clone();
        two[5] = 2;
        assert_eq!(question(&two), None);
        let mut refers = good;
        refers[12] = 0xc0;
        assert_eq!(question(&refers), None);
        let long = vec!["a".repeat(60); 6].join(".");
        assert_eq!(question(&asking(&long, 1)), None);
        for name in ["1.2.3.in-addr.arpa", "a.2.3.4.in-addr.arpa", "1.2.3.4"] {
            assert_eq!(reversed(name), None, "{name}");
        }
    }
}
