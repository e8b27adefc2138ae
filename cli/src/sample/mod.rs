//! Documents to try things with: a small collection that is built in, and as many as one wants
//! from a fixed seed.
//!
//! The built-in ones are of a bird observatory, made for Jackdaw: several collections, nesting,
//! scripts from right to left and beyond the basic plane, and numbers that a careless copy
//! changes; with attachments, counters, time series and revisions. Nothing here writes anything.

use std::fmt::Write as _;

use bytes::Bytes;
use jackdaw_common::DocumentId;

use crate::json_lines::{DocumentLine, Line, LineError, LineProblem, Lines, Numbered};

/// The built-in documents.
pub(crate) fn built_in() -> impl Iterator<Item = Result<Numbered, LineError>> + Send + 'static {
    Lines::new(BUILT_IN)
}

/// So many documents of about 1.2 KiB, the same ones every time: orders of a shop that does not
/// exist.
pub(crate) fn generated(
    documents: u64,
) -> impl Iterator<Item = Result<Numbered, LineError>> + Send + 'static {
    let mut bytes = 0;
    (1..=documents).map(move |number| {
        let body = order(number);
        bytes += body.len() as u64;
        let problem = |error| LineError { number, problem: LineProblem::Id(error) };
        let id = DocumentId::new(&format!("orders/{number}-A")).map_err(problem)?;
        let line = Line::Document(DocumentLine { id, body: Bytes::from(body) });
        Ok(Numbered { number, bytes, line })
    })
}

const BUILT_IN: &[u8] = include_bytes!("sample.jsonl");

/// What the generated documents are made from.
const SEED: u64 = 0x006a_6163_6b64_6177;

/// Bytes that a generated body has at least.
const BODY_BYTES: usize = 1200;

const CITIES: [&str; 8] =
    ["Genève", "Kraków", "Reykjavík", "Łódź", "Aarhus", "Nîmes", "Pécs", "Tromsø"];

const PRODUCTS: [&str; 8] = [
    "Nest box, larch",
    "Binoculars 8×42",
    "Ring pliers 4.2 mm",
    "Spring balance 60 g",
    "Mist net 12 m",
    "Field book, waterproof",
    "Sunflower seed 25 kg",
    "Bird bath, granite",
];

fn order(number: u64) -> String {
    let mut luck = Luck(SEED ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut body = String::with_capacity(BODY_BYTES + 256);
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        "{{\"Customer\":\"customers/{}-A\",\"OrderedAt\":\"2025-{:02}-{:02}T{:02}:{:02}:00Z\",\
         \"ShipTo\":{{\"City\":\"{}\",\"Street\":\"{} {}\"}},\"Freight\":{}.{:02},\"Lines\":[",
        luck.below(90_000) + 1,
        luck.below(12) + 1,
        luck.below(28) + 1,
        luck.below(24),
        luck.below(60),
        luck.of(&CITIES),
        luck.word(),
        luck.below(200) + 1,
        luck.below(400),
        luck.below(100),
    );
    let mut separator = "";
    while body.len() < BODY_BYTES {
        let _ = write!(
            body,
            "{separator}{{\"Product\":\"products/{}-A\",\"Name\":\"{}\",\"Price\":{}.{:02},\
             \"Quantity\":{},\"Discount\":0.{:02},\"Lot\":\"{}-{}\"}}",
            luck.below(800) + 1,
            luck.of(&PRODUCTS),
            luck.below(300) + 1,
            luck.below(100),
            luck.below(20) + 1,
            luck.below(50),
            luck.word(),
            luck.word(),
        );
        separator = ",";
    }
    body.push_str("],\"@metadata\":{\"@collection\":\"Orders\"}}");
    body
}

/// SplitMix64: small, and the same on every machine.
struct Luck(u64);

impl Luck {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.below(words.len() as u64)).unwrap_or_default();
        words.get(at).copied().unwrap_or_default()
    }

    /// Twelve letters and digits that no compression makes much of.
    fn word(&mut self) -> String {
        let mut rest = self.next();
        let mut word = String::with_capacity(12);
        for _ in 0..12 {
            let digit = u32::try_from(rest % 36).ok().and_then(|it| char::from_digit(it, 36));
            word.extend(digit);
            rest /= 36;
        }
        word
    }
}

#[cfg(test)]
mod tests;
