//! RAND, RAND_INTEGER and UUID.
//!
//! With a seed the numbers are those of `java.util.Random`, as in Flink. A generator belongs to a call in a plan and a
//! thread, and goes on from batch to batch.

use super::signature::{fixed, not_null};
use super::{Call, Function, Param};
use arrow_array::types::{Float64Type, Int32Type};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use Param::Int;

/// Calls whose generators a thread keeps; past that they start anew.
const GENERATORS_MAX: usize = 1_024;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "RAND([seed])",
        "A random number from 0 to, but not including, 1.",
        |args| {
            let signature = fixed(args, &[Int], 0, crate::types::Kind::Double);
            if args.is_empty() { not_null(signature) } else { signature }
        },
        |call| {
            let (seed, has_seed) = (call.int(0), call.has(0));
            let mut generator = Generator::of(call);
            let column = call.values::<Float64Type>(|row| {
                let seed = if has_seed { Some(seed.get(row)) } else { None };
                let Some(random) = generator.next(seed) else { return Ok(None) };
                Ok(Some(random.double()))
            });
            generator.keep();
            column
        },
    )
    .time(),
    Function::new(
        "RAND_INTEGER([seed, ] bound)",
        "A random integer from 0 to, but not including, `bound`.",
        |args| fixed(args, &[Int, Int], 1, crate::types::Kind::Int),
        |call| {
            let has_seed = call.has(1);
            let (seed, bound) = (call.int(0), call.int(usize::from(has_seed)));
            let mut generator = Generator::of(call);
            let column = call.values::<Int32Type>(|row| {
                let seed = if has_seed { Some(seed.get(row)) } else { None };
                let (Some(bound), Some(random)) = (bound.get(row), generator.next(seed)) else {
                    return Ok(None);
                };
                if bound <= 0 {
                    return Err("the bound of RAND_INTEGER must be positive".to_owned());
                }
                Ok(Some(random.below(bound)))
            });
            generator.keep();
            column
        },
    )
    .time()
    .can_fail(),
    Function::new(
        "UUID()",
        "A random UUID (RFC 9562, version 4).",
        |args| fixed(args, &[], 0, crate::types::Kind::Char(36)),
        |call| {
            call.strings(|_, out| {
                let hash = |salt: u8| RandomState::new().hash_one(salt);
                let bits = (u128::from(hash(0)) << 64) | u128::from(hash(1));
                let version = (bits & !(0xF << 76)) | (4 << 76);
                let bits = (version & !(0x3 << 62)) | (0x2 << 62);
                let digits = format!("{bits:032x}");
                for (at, digit) in digits.chars().enumerate() {
                    if matches!(at, 8 | 12 | 16 | 20) {
                        out.push('-');
                    }
                    out.push(digit);
                }
                Ok(Some(()))
            })
        },
    )
    .time(),
];

thread_local! {
    static GENERATORS: RefCell<HashMap<(usize, i32), JavaRandom>> = RefCell::new(HashMap::new());
}

/// The generator of a call.
struct Generator {
    place: usize,
    seed: i32,
    random: Option<JavaRandom>,
}

impl Generator {
    fn of(call: &Call<'_, '_>) -> Generator {
        Generator {
            place: std::ptr::from_ref(call.exprs).cast::<u8>().addr(),
            seed: 0,
            random: None,
        }
    }

    /// The generator for a seed: none given (`None`), NULL (`Some(None)`), or a number.
    fn next(&mut self, seed: Option<Option<i32>>) -> Option<&mut JavaRandom> {
        let seed = match seed {
            None => None,
            Some(seed) => Some(seed?),
        };
        let wanted = seed.unwrap_or(0);
        if self.random.is_none() || wanted != self.seed {
            self.keep();
            self.seed = wanted;
            let key = (self.place, wanted);
            let kept = GENERATORS.with_borrow_mut(|generators| generators.remove(&key));
            let start = || match seed {
                Some(seed) => i64::from(seed),
                None => RandomState::new().hash_one(0_u8) as i64,
            };
            self.random = Some(kept.unwrap_or_else(|| JavaRandom::new(start())));
        }
        self.random.as_mut()
    }

    /// Puts the generator aside for the next batch.
    fn keep(&mut self) {
        let Some(random) = self.random.take() else { return };
        GENERATORS.with_borrow_mut(|generators| {
            if generators.len() >= GENERATORS_MAX {
                generators.clear();
            }
            generators.insert((self.place, self.seed), random);
        });
    }
}

/// `java.util.Random`.
#[derive(Clone, Copy, Debug)]
struct JavaRandom(i64);

impl JavaRandom {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    fn new(seed: i64) -> JavaRandom {
        JavaRandom((seed ^ JavaRandom::MULTIPLIER) & JavaRandom::MASK)
    }

    fn bits(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(JavaRandom::MULTIPLIER).wrapping_add(0xB) & JavaRandom::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    fn double(&mut self) -> f64 {
        let high = i64::from(self.bits(26)) << 27;
        (high + i64::from(self.bits(27))) as f64 / (1_i64 << 53) as f64
    }

    fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.bits(31))) >> 31) as i32;
        }
        loop {
            let bits = self.bits(31);
            let value = bits % bound;
            // Numbers of the last, incomplete range would make small values likelier.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_java_s() {
        let mut random = JavaRandom::new(42);
        assert_eq!(random.double(), 0.727_563_680_032_868_1);
        let mut random = JavaRandom::new(42);
        assert_eq!([random.below(10), random.below(10), random.below(10)], [0, 3, 8]);
    }
}
