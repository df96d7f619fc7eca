//! `Print`, `Println` and `Printf` of Go's `fmt`, for the values of templates.

use crate::value::{GoString, Rune, Value, rune_count, runes};

/// The text would have been longer than the printer was allowed to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputTooLong;

pub(super) type Printed = Result<(), OutputTooLong>;

/// Largest width or precision that Go takes for one.
const NUMBER_LIMIT: i64 = 1_000_000;

/// Collects text, up to a limit.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(super) output: Vec<u8>,
    limit_bytes: usize,
    pub(super) flags: Flags,
    /// Inside the explanation of a wrong verb, where no value speaks for itself.
    pub(super) explaining: bool,
}

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the flags of Go's verbs, independent of each other"
)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`.
    pub(super) plus_v: bool,
    /// `%#v`.
    pub(super) sharp_v: bool,
}

impl Printer {
    /// Writes at most `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            output: Vec::new(),
            limit_bytes,
            flags: Flags::default(),
            explaining: false,
        }
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.output
    }

    /// `Print`: with a space between two values of which none is a string.
    pub(crate) fn print(&mut self, values: &[Value]) -> Printed {
        let mut after_string = true;
        for (index, value) in values.iter().enumerate() {
            let is_string = matches!(value.base(), Value::String(_));
            if index > 0 && !is_string && !after_string {
                self.write(b" ")?;
            }
            self.value(value, 'v')?;
            after_string = is_string;
        }
        Ok(())
    }

    /// `Println`: with a space between all, and a newline.
    pub(crate) fn print_line(&mut self, values: &[Value]) -> Printed {
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.write(b" ")?;
            }
            self.value(value, 'v')?;
        }
        self.write(b"\n")
    }

    /// `Printf`.
    pub(crate) fn print_format(&mut self, format: &GoString, values: &[Value]) -> Printed {
        let mut run = Run {
            format: format.as_bytes(),
            index: 0,
            values,
            next: 0,
            reordered: false,
            good_index: true,
        };
        while run.index < run.format.len() {
            let text = run.rest();
            let length = text
                .iter()
                .position(|byte| *byte == b'%')
                .unwrap_or(text.len());
            self.write(text.get(..length).unwrap_or_default())?;
            run.index += length;
            if run.index < run.format.len() {
                run.index += 1;
                self.verb(&mut run)?;
            }
        }
        self.extra(&run)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Printed {
        if self.output.len() + bytes.len() > self.limit_bytes {
            return Err(OutputTooLong);
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// One `%...` of a format; `run` stands behind the `%`.
    fn verb(&mut self, run: &mut Run<'_>) -> Printed {
        self.flags = Flags::default();
        run.good_index = true;
        run.flags(&mut self.flags);
        let mut after_index = run.argument_index();
        if run.take(b'*') {
            match run.integer() {
                Some(width) => {
                    self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                }
                None => self.write(b"%!(BADWIDTH)")?,
            }
            after_index = false;
        } else {
            self.flags.width = run.number();
            if after_index && self.flags.width.is_some() {
                run.good_index = false;
            }
        }
        // As in Go, a point at the very end is not a precision.
        if run.index + 1 < run.format.len() && run.take(b'.') {
            after_index = self.precision(run, after_index)?;
        }
        if !after_index {
            run.argument_index();
        }
        self.finish_verb(run)
    }

    fn precision(&mut self, run: &mut Run<'_>, after_index: bool) -> Result<bool, OutputTooLong> {
        if after_index {
            run.good_index = false;
        }
        let after_index = run.argument_index();
        if !run.take(b'*') {
            self.flags.precision = Some(run.number().unwrap_or(0));
            return Ok(after_index);
        }
        // A negative precision is none, as Go has it.
        self.flags.precision = run
            .integer()
            .and_then(|precision| usize::try_from(precision).ok());
        if self.flags.precision.is_none() {
            self.write(b"%!(BADPREC)")?;
        }
        Ok(false)
    }

    fn finish_verb(&mut self, run: &mut Run<'_>) -> Printed {
        let Some(rune) = runes(run.rest()).next() else {
            return self.write(b"%!(NOVERB)");
        };
        run.index += rune.len();
        let verb = rune.character();
        if verb == '%' {
            return self.write(b"%");
        }
        if !run.good_index {
            return self.complain(verb, b"(BADINDEX)");
        }
        let Some(value) = run.values.get(run.next) else {
            return self.complain(verb, b"(MISSING)");
        };
        if matches!(verb, 'v' | 'w') {
            (self.flags.sharp_v, self.flags.sharp) = (self.flags.sharp, false);
            (self.flags.plus_v, self.flags.plus) = (self.flags.plus, false);
        }
        run.next += 1;
        self.value(value, verb)
    }

    fn complain(&mut self, verb: char, what: &[u8]) -> Printed {
        self.write(b"%!")?;
        self.write(verb.encode_utf8(&mut [0; 4]).as_bytes())?;
        self.write(what)
    }

    /// Values that no verb asked for.
    fn extra(&mut self, run: &Run<'_>) -> Printed {
        let extra = run.values.get(run.next..).unwrap_or_default();
        if run.reordered || extra.is_empty() {
            return Ok(());
        }
        self.flags = Flags::default();
        self.write(b"%!(EXTRA ")?;
        for (index, value) in extra.iter().enumerate() {
            if index > 0 {
                self.write(b", ")?;
            }
            match value.type_of() {
                None => self.write(b"<nil>")?,
                Some(of) => {
                    self.write(format!("{of}=").as_bytes())?;
                    self.value(value, 'v')?;
                }
            }
        }
        self.write(b")")
    }

    /// Writes `text` with the width that was asked for.
    pub(super) fn padded(&mut self, text: &[u8]) -> Printed {
        let padding = self
            .flags
            .width
            .unwrap_or(0)
            .saturating_sub(rune_count(text));
        if self.flags.minus {
            self.write(text)?;
            return self.padding(padding);
        }
        self.padding(padding)?;
        self.write(text)
    }

    pub(super) fn padding(&mut self, count: usize) -> Printed {
        let byte = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        if self.output.len() + count > self.limit_bytes {
            return Err(OutputTooLong);
        }
        self.output.resize(self.output.len() + count, byte);
        Ok(())
    }

    /// Runs `write` with the flag `0` off.
    pub(super) fn without_zero(&mut self, write: impl FnOnce(&mut Self) -> Printed) -> Printed {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let written = write(self);
        self.flags.zero = zero;
        written
    }

    /// As many characters as the precision asks for.
    pub(super) fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        match self.flags.precision {
            Some(precision) => text
                .get(..runes(text).take(precision).map(Rune::len).sum())
                .unwrap_or(text),
            None => text,
        }
    }
}

/// Where `Printf` stands in its format and its values.
struct Run<'a> {
    format: &'a [u8],
    index: usize,
    values: &'a [Value],
    /// The value for the next verb.
    next: usize,
    /// Whether some verb chose its value by number.
    reordered: bool,
    good_index: bool,
}

impl<'a> Run<'a> {
    fn rest(&self) -> &'a [u8] {
        self.format.get(self.index..).unwrap_or_default()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.rest().first() == Some(&byte);
        self.index += usize::from(taken);
        taken
    }

    fn flags(&mut self, flags: &mut Flags) {
        while let Some(flag) = self.rest().first() {
            match flag {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.index += 1;
        }
    }

    /// A decimal number, if there is one. Go gives up the rest of the format at one that is too large.
    fn number(&mut self) -> Option<usize> {
        let digits = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let text = self.rest().get(..digits).unwrap_or_default();
        if let Some(number) = parse_number(text) {
            self.index += digits;
            Some(number)
        } else {
            if digits > 0 {
                self.index = self.format.len();
            }
            None
        }
    }

    /// `[n]`: the next verb takes the n-th value.
    fn argument_index(&mut self) -> bool {
        let rest = self.rest();
        if rest.first() != Some(&b'[') {
            return false;
        }
        self.reordered = true;
        let close = if rest.len() < 3 {
            None
        } else {
            rest.iter().position(|byte| *byte == b']')
        };
        let Some(close) = close else {
            self.index += 1;
            self.good_index = false;
            return false;
        };
        self.index += close + 1;
        let number = parse_number(rest.get(1..close).unwrap_or_default());
        if let Some(index) = number
            .and_then(|number| number.checked_sub(1))
            .filter(|index| *index < self.values.len())
        {
            self.next = index;
            true
        } else {
            self.good_index = false;
            number.is_some()
        }
    }

    /// The next value, if it is an integer that can be a width.
    fn integer(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value.base() {
            Value::Int(number) => *number,
            Value::Uint(number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-NUMBER_LIMIT..=NUMBER_LIMIT)
            .contains(&number)
            .then_some(number)
    }
}

fn parse_number(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| !text.starts_with('+'))?;
    // Go checks before each digit, so that one digit more passes.
    let limit = usize::try_from(NUMBER_LIMIT)
        .ok()?
        .checked_mul(10)?
        .checked_add(9)?;
    text.parse().ok().filter(|number| *number <= limit)
}
