//! Requests and answers as bytes.

/// A request: header, structure, attributes.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

/// Where a nested attribute begins.
#[derive(Debug)]
#[must_use = "a nested attribute has to be closed"]
pub(super) struct Nested(usize);

/// What precedes each message: length, kind, flags, sequence, port (linux/netlink.h).
pub(super) const HEADER_BYTES: usize = 16;
/// Attributes and messages begin at multiples of this.
const ALIGNMENT: usize = 4;

impl Message {
    /// Begins a request with its structure.
    pub(super) fn new(kind: u16, flags: u16, structure: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(structure);
        let mut message = Self { bytes };
        message.align();
        message
    }

    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let nested = self.open(kind);
        self.bytes.extend(value);
        self.close(&nested);
    }

    /// A text with a zero behind it.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        let nested = self.open(kind);
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
        self.close(&nested);
    }

    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    /// Begins an attribute that is made of others.
    pub(super) fn open(&mut self, kind: u16) -> Nested {
        let place = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        Nested(place)
    }

    /// What stands before the attributes in a nested one.
    pub(super) fn structure(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.align();
    }

    /// Ends it.
    pub(super) fn close(&mut self, nested: &Nested) {
        let length = u16::try_from(self.bytes.len() - nested.0).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(nested.0..nested.0 + 2) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        self.align();
    }

    /// The finished request.
    pub(super) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        for (place, value) in [(0, length), (8, sequence)] {
            if let Some(bytes) = self.bytes.get_mut(place..place + 4) {
                bytes.copy_from_slice(&value.to_ne_bytes());
            }
        }
        self.bytes
    }

    fn align(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(length, 0);
    }
}

/// One message of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

/// The messages that `bytes` holds; ends at one that is cut.
pub(super) fn answers(mut bytes: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(number(bytes, 0)?).ok()?;
        let answer = Answer {
            kind: short(bytes, 4)?,
            sequence: number(bytes, 8)?,
            body: bytes.get(HEADER_BYTES..length)?,
        };
        bytes = bytes
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some(answer)
    })
}

/// The attributes that `bytes` holds; ends at one that is cut.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    // The two highest bits say how it is encoded.
    const KIND: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(short(bytes, 0)?);
        let kind = short(bytes, 2)? & KIND;
        let value = bytes.get(4..length)?;
        bytes = bytes
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some((kind, value))
    })
}

/// The number of 32 bits at `place`.
pub(super) fn number(bytes: &[u8], place: usize) -> Option<u32> {
    let bytes = bytes.get(place..place + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// The number of 16 bits at `place`.
pub(super) fn short(bytes: &[u8], place: usize) -> Option<u16> {
    let bytes = bytes.get(place..place + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Message::new(16, 5, &[1, 2, 3, 4]);
        message.text(3, "eth0");
        let nested = message.open(18);
        message.text(1, "veth");
        message.number(2, 7);
        message.close(&nested);
        let mut bytes = message.finish(9);
        assert_eq!(bytes.len(), 16 + 4 + 12 + 4 + 12 + 8);
        bytes.extend(Message::new(3, 0, &[]).finish(10));
        let all: Vec<_> = answers(&bytes).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].kind, all[0].sequence, all[1].kind, all[1].sequence),
            (16, 9, 3, 10)
        );
        let inside: Vec<_> = attributes(&all[0].body[4..]).collect();
        assert_eq!(inside[0], (3, b"eth0\0".as_slice()));
        let deeper: Vec<_> = attributes(inside[1].1).collect();
        assert_eq!(
            deeper,
            [
                (1, b"veth\0".as_slice()),
                (2, 7_u32.to_ne_bytes().as_slice())
            ]
        );
    }

    #[test]
    fn what_is_cut_ends() {
        let mut message = Message::new(16, 0, &[0; 4]);
        message.text(3, "a name");
        let bytes = message.finish(1);
        for end in 0..bytes.len() {
            assert_eq!(answers(&bytes[..end]).count(), 0, "{end}");
            let _ = attributes(&bytes[..end]).count();
        }
        // Lengths that would never end.
        assert_eq!(answers(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }
}
