//! Random valid bytes of any message, made from its layout without the encoder under test.

use brooklet_kafka::wire::layout::{FieldSpec, MessageSpec, TypeSpec};

/// SplitMix64: small, seedable, the same everywhere.
pub struct Random(pub u64);

impl Random {
    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A body of `spec` at `version`; equal seeds give equal bodies. Tagged fields, when there, never
/// have their default, so that a canonical encoder gives back the same bytes.
pub fn body(spec: &MessageSpec, version: i16, seed: u64) -> Vec<u8> {
    let flexible = version >= spec.api.flexible_from;
    let mut sampler = Sampler { random: Random(seed), version, flexible };
    let mut out = Vec::new();
    sampler.value(&spec.layout, false, false, &mut out);
    out
}

struct Sampler {
    random: Random,
    version: i16,
    flexible: bool,
}

impl Sampler {
    fn value(&mut self, spec: &TypeSpec, nullable: bool, plain: bool, out: &mut Vec<u8>) {
        match spec {
            TypeSpec::Struct(_, fields) => {
                // A struct that may be null begins with a byte that says so.
                let null = nullable && !plain && self.random.below(3) == 0;
                if nullable {
                    out.push(if null { 0xff } else { 1 });
                }
                if !null {
                    self.fields(fields, plain, out);
                }
            }
            TypeSpec::Array(element) => {
                if let Some(count) = self.length(nullable, plain, 4, false, out) {
                    for _ in 0..count {
                        self.value(element, false, plain, out);
                    }
                }
            }
            TypeSpec::Plain("bytes") => {
                if let Some(count) = self.length(nullable, plain, 200, false, out) {
                    out.extend((0..count).map(|_| self.random.next() as u8));
                }
            }
            TypeSpec::Plain("string") => {
                // Two bytes in UTF-8 each, so that every length is even.
                if let Some(count) = self.length(nullable, plain, 5, true, out) {
                    for _ in 0..count / 2 {
                        out.extend(["é", "ß", "a.", "_Z", "0-"][self.random.below(5)].as_bytes());
                    }
                }
            }
            TypeSpec::Plain("bool") => out.push(u8::from(plain || self.random.below(2) == 1)),
            TypeSpec::Plain("uuid") => {
                out.extend(self.random.next().to_be_bytes());
                out.extend(self.random.next().to_be_bytes());
            }
            TypeSpec::Plain(number) => {
                let value = match self.random.below(8) {
                    0 if !plain => 0,
                    1 if !plain => -1,
                    2 if !plain => i64::MAX,
                    3 if !plain => 1,
                    // No default is odd and that long.
                    _ => (self.random.next() | 0x0101_0101_0101_0101) as i64 & !(1 << 62),
                };
                let size = match *number {
                    "int8" => 1,
                    "int16" | "uint16" => 2,
                    "int32" => 4,
                    "int64" => 8,
                    other => panic!("no sample of {other}"),
                };
                out.extend(&value.to_be_bytes()[8 - size..]);
            }
        }
    }

    /// A length below `end`; even and doubled for strings.
    fn length(
        &mut self,
        nullable: bool,
        plain: bool,
        end: usize,
        string: bool,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let null = nullable && !plain && self.random.below(3) == 0;
        let count = if plain { 1 + self.random.below(end - 1) } else { self.random.below(end) };
        let count = if string { count * 2 } else { count };
        match (self.flexible, string) {
            (true, _) => uvarint(if null { 0 } else { count + 1 }, out),
            (false, true) => out.extend((if null { -1 } else { count as i16 }).to_be_bytes()),
            (false, false) => out.extend((if null { -1 } else { count as i32 }).to_be_bytes()),
        }
        (!null).then_some(count)
    }

    fn fields(&mut self, fields: &[FieldSpec], plain: bool, out: &mut Vec<u8>) {
        let present = |field: &&FieldSpec| field.rules.present(self.version);
        let (tagged, inline): (Vec<&FieldSpec>, Vec<&FieldSpec>) =
            fields.iter().filter(present).partition(|field| field.rules.tag.is_some());
        for field in inline {
            self.value(&field.layout, field.rules.nullable(self.version), plain, out);
        }
        if !self.flexible {
            return;
        }
        let mut count = 0;
        let mut body = Vec::new();
        for field in tagged {
            if self.random.below(2) == 1 {
                let mut value = Vec::new();
                self.value(&field.layout, false, true, &mut value);
                count += 1;
                uvarint(field.rules.tag.map_or(0, |tag| tag as usize), &mut body);
                uvarint(value.len(), &mut body);
                body.extend(value);
            }
        }
        uvarint(count, out);
        out.extend(body);
    }
}

fn uvarint(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
