//! Bits, written and read, and the one form in which numbers stand among them.
//!
//! A number is of one of seven classes: as many ones as the class has before it, a zero (but for
//! the last class), and its distance from the first number of the class in the class's width. So
//! every number has one form, zero has one bit, and small ones are short.

use bytes::Bytes;

use super::{SegmentError, SegmentFlaw};

/// Takes bits.
pub(crate) trait Sink {
    /// Puts the lowest `width` bits of a value, which has no others; at most 64.
    fn put(&mut self, value: u64, width: u32);

    /// Puts one bit, and answers it.
    fn put_bit(&mut self, bit: bool) -> bool {
        self.put(u64::from(bit), 1);
        bit
    }

    /// Puts bytes.
    fn put_bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.put(u64::from(*byte), u8::BITS));
    }

    /// Puts a number in the form of its class.
    fn put_number(&mut self, number: u64) {
        let mut rest = number;
        for (class, width) in (0..).zip(SMALL_WIDTHS) {
            if rest < 1 << width {
                self.put((1 << (class + 1)) - 2, class + 1);
                return self.put(rest, width);
            }
            rest -= 1 << width;
        }
        self.put((1 << LAST_CLASS) - 1, LAST_CLASS);
        self.put(rest, u64::BITS);
    }

    /// Puts a number of either sign; small ones of both are short.
    fn put_signed(&mut self, number: i64) {
        self.put_number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }
}

/// Bits that become bytes.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// Bits that are not a whole byte yet, at the low end.
    held: u128,
    /// How many; fewer than eight between two calls.
    count: u32,
}

impl Writer {
    /// The bytes, zeros behind the last bit.
    pub(crate) fn finish(mut self) -> Bytes {
        self.put(0, self.count.wrapping_neg() % u8::BITS);
        Bytes::from(self.bytes)
    }
}

impl Sink for Writer {
    fn put(&mut self, value: u64, width: u32) {
        debug_assert!(u128::from(value) < 1 << width);
        self.held = self.held << width | u128::from(value);
        self.count += width;
        while self.count >= u8::BITS {
            self.count -= u8::BITS;
            let [byte, ..] = (self.held >> self.count).to_le_bytes();
            self.bytes.push(byte);
        }
    }
}

/// Bits that are only counted.
#[derive(Default)]
pub(crate) struct Counter {
    bits: usize,
}

impl Counter {
    pub(super) fn bits(&self) -> usize {
        self.bits
    }
}

impl Sink for Counter {
    fn put(&mut self, _: u64, width: u32) {
        self.bits += width as usize;
    }
}

/// Reads bits off bytes.
pub(super) struct Reader<'b> {
    /// Bytes none of whose bits were taken.
    rest: &'b [u8],
    /// Bits of the bytes before them that were not taken, at the low end.
    held: u128,
    count: u32,
    /// How many bits were taken.
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, held: 0, count: 0, at: 0 }
    }

    /// Takes `width` bits, at most 64.
    pub(super) fn take(&mut self, width: u32) -> Result<u64, SegmentError> {
        while self.count < width {
            let byte = self.rest.split_off_first().ok_or(self.flaw(SegmentFlaw::Truncated))?;
            self.held = self.held << u8::BITS | u128::from(*byte);
            self.count += u8::BITS;
        }
        self.count -= width;
        self.at += width as usize;
        let taken = self.held >> self.count;
        self.held &= (1 << self.count) - 1;
        u64::try_from(taken).map_err(|_| self.flaw(SegmentFlaw::Number))
    }

    /// Takes one bit.
    pub(super) fn take_bit(&mut self) -> Result<bool, SegmentError> {
        Ok(self.take(1)? == 1)
    }

    /// Takes as many bytes as there is room for.
    pub(super) fn take_bytes(&mut self, bytes: &mut [u8]) -> Result<(), SegmentError> {
        for byte in bytes {
            [*byte, ..] = self.take(u8::BITS)?.to_le_bytes();
        }
        Ok(())
    }

    /// Takes a number.
    pub(super) fn take_number(&mut self) -> Result<u64, SegmentError> {
        let mut first = 0;
        for width in SMALL_WIDTHS {
            if !self.take_bit()? {
                return Ok(first + self.take(width)?);
            }
            first += 1 << width;
        }
        self.take(u64::BITS)?.checked_add(first).ok_or(self.flaw(SegmentFlaw::Number))
    }

    /// Takes a number of either sign.
    pub(super) fn take_signed(&mut self) -> Result<i64, SegmentError> {
        let number = self.take_number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Takes a number that is less than, or the same as, another.
    pub(super) fn take_up_to(&mut self, max: usize) -> Result<usize, SegmentError> {
        let number = usize::try_from(self.take_number()?).ok().filter(|number| *number <= max);
        number.ok_or(self.flaw(SegmentFlaw::Number))
    }

    /// Takes how many things follow, each of at least so many bits.
    pub(super) fn count(&mut self, bits_min: usize) -> Result<usize, SegmentError> {
        let count = self.take_number()?;
        let held = usize::try_from(self.count).unwrap_or_default();
        let max = (held + self.rest.len().saturating_mul(8)) / bits_min;
        let fits = usize::try_from(count).ok().filter(|count| *count <= max);
        fits.ok_or(self.flaw(SegmentFlaw::Count { count }))
    }

    /// Checks that nothing is left but zeros to the end of the byte.
    pub(super) fn finish(self) -> Result<(), SegmentError> {
        if self.rest.is_empty() && self.held == 0 && self.count < u8::BITS {
            return Ok(());
        }
        Err(self.flaw(SegmentFlaw::Trailing))
    }

    /// What is wrong here.
    pub(super) fn flaw(&self, flaw: SegmentFlaw) -> SegmentError {
        SegmentError::Bytes { at: self.at, flaw }
    }
}

/// Widths of all classes but the last, which has 64 bits. Zero alone; jitter of a few
/// milliseconds and the etags of neighbours; seconds; minutes; weeks.
const SMALL_WIDTHS: [u32; 6] = [0, 4, 7, 12, 20, 32];

/// Classes before the last one, and so the ones it begins with.
const LAST_CLASS: u32 = 6;

/// Bits of a number at most.
pub(crate) const NUMBER_BITS_MAX: usize = 6 + 64;
