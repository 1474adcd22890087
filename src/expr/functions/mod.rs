//! The scalar functions: each is declared once, with its names, usage, documentation, signature and evaluation.
//!
//! Results are Flink 2.1's. SQL's own syntax (CASE, CAST, LIKE, EXTRACT, `||`, intervals …) is bound to nodes of
//! [`super::Node`] or to the functions here whose name starts with `$`, which no user can call.

mod array;
mod encoding;
mod hash;
mod json;
mod math;
pub(super) mod nested;
mod pattern;
mod printf;
mod random;
mod reference;
mod regexp;
mod seen;
mod signature;
mod split;
mod text;
mod time;
mod time_unit;
mod url;
mod variant;

pub use json::writable as json_writable;
pub(crate) use pattern::JavaPattern;
pub use reference::{function_names, reference};
pub(crate) use seen::Seen;
pub(crate) use signature::{Param, Signature};
pub(crate) use time_unit::Unit;

use super::value::{Bin, Prim, RowResult, Str, Time, Value, build_prim, build_string};
use super::{EvalEnv, Expr, Selection};
use crate::types::{Column, DataType, RowErrors};
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int32Type, Int64Type};
use std::fmt;
use std::sync::Arc;

/// How often a function has to be evaluated anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// The same arguments always give the same result.
    Immutable,
    /// The result depends on when it is evaluated.
    Time,
}

/// A scalar function.
pub struct Function {
    /// Its name in upper case.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// How it is written: `SUBSTRING(string, start [, length])`.
    pub usage: &'static str,
    /// One or two sentences for the reference.
    pub doc: &'static str,
    /// How often it has to be evaluated anew.
    pub stability: Stability,
    /// Whether rows may fail.
    pub can_fail: bool,
    bind: fn(&[Expr]) -> Option<Signature>,
    eval: fn(&mut Call<'_, '_>) -> Column,
}

impl Function {
    const fn new(
        usage: &'static str,
        doc: &'static str,
        bind: fn(&[Expr]) -> Option<Signature>,
        eval: fn(&mut Call<'_, '_>) -> Column,
    ) -> Function {
        let stability = Stability::Immutable;
        let name = name_of(usage);
        Function { name, aliases: &[], usage, doc, stability, can_fail: false, bind, eval }
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Function {
        self.aliases = aliases;
        self
    }

    const fn can_fail(mut self) -> Function {
        self.can_fail = true;
        self
    }

    const fn time(mut self) -> Function {
        self.stability = Stability::Time;
        self
    }

    /// Whether a user can call it.
    pub fn is_public(&self) -> bool {
        !self.name.starts_with('$')
    }

    /// What the arguments are cast to, and the type of the result; `None` where the arguments do not fit.
    pub(crate) fn signature(&self, args: &[Expr]) -> Option<Signature> {
        (self.bind)(args)
    }

    pub(crate) fn eval(&self, call: &mut Call<'_, '_>) -> Column {
        (self.eval)(call)
    }
}

/// The name in front of the parenthesis of a usage.
const fn name_of(usage: &'static str) -> &'static str {
    let bytes = usage.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b'(' {
        end += 1;
    }
    let (name, _) = usage.split_at(end);
    name
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.name == other.name
    }
}

/// Every function, in groups; the reference and `SHOW FUNCTIONS` list those that are public.
pub static FUNCTIONS: &[&[Function]] = &[
    text::FUNCTIONS,
    split::FUNCTIONS,
    url::FUNCTIONS,
    encoding::FUNCTIONS,
    regexp::FUNCTIONS,
    hash::FUNCTIONS,
    math::FUNCTIONS,
    time::FUNCTIONS,
    nested::FUNCTIONS,
    array::FUNCTIONS,
    json::FUNCTIONS,
    variant::FUNCTIONS,
    printf::FUNCTIONS,
    random::FUNCTIONS,
];

/// The function called `name`, in any case.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().flat_map(|group| group.iter()).find(|function| {
        function.name.eq_ignore_ascii_case(name)
            || function.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

/// One call under way over a batch.
pub(crate) struct Call<'a, 'e> {
    pub(crate) args: &'a [Value<'e>],
    pub(crate) exprs: &'a [Expr],
    pub(crate) returns: &'a DataType,
    pub(crate) rows: usize,
    pub(crate) selection: &'a Selection,
    pub(crate) errors: &'a mut RowErrors,
    pub(crate) env: &'a EvalEnv,
}

/// What stands in for an argument that was left out.
static ABSENT: Value<'static> = Value::Scalar(&super::Scalar::Null);

impl<'a> Call<'a, '_> {
    fn arg(&self, at: usize) -> &'a Value<'a> {
        match self.args.get(at) {
            Some(value) => value,
            None => &ABSENT,
        }
    }

    /// Whether the argument was given.
    fn has(&self, at: usize) -> bool {
        at < self.args.len()
    }

    fn data_type(&self, at: usize) -> &'a DataType {
        &self.exprs[at].data_type
    }

    fn text(&self, at: usize) -> Str<'a> {
        Str::new(self.arg(at))
    }

    fn bytes(&self, at: usize) -> Bin<'a> {
        Bin::new(self.arg(at))
    }

    fn int(&self, at: usize) -> Prim<'a, Int32Type> {
        Prim::new(self.arg(at))
    }

    fn long(&self, at: usize) -> Prim<'a, Int64Type> {
        Prim::new(self.arg(at))
    }

    fn double(&self, at: usize) -> Prim<'a, Float64Type> {
        Prim::new(self.arg(at))
    }

    fn timestamp(&self, at: usize) -> Time<'a> {
        Time::new(self.arg(at))
    }

    /// The text of a constant argument.
    fn constant_text(&self, at: usize) -> Option<&'a str> {
        match self.text(at) {
            Str::Scalar(text) => text,
            Str::Array(_) => None,
        }
    }

    fn strings(&mut self, f: impl FnMut(usize, &mut String) -> RowResult<()>) -> Column {
        Arc::new(build_string(self.rows, self.selection, self.errors, f))
    }

    fn binaries(&mut self, f: impl FnMut(usize, &mut Vec<u8>) -> RowResult<()>) -> Column {
        Arc::new(super::value::build_bytes(self.rows, self.selection, self.errors, f))
    }

    fn slices<'s>(&mut self, f: impl FnMut(usize) -> Option<&'s str>) -> Column {
        Arc::new(super::value::build_slices(self.rows, self.selection, f))
    }

    fn values<T: ArrowPrimitiveType>(
        &mut self,
        f: impl FnMut(usize) -> RowResult<T::Native>,
    ) -> Column {
        Arc::new(build_prim::<T>(self.rows, self.selection, self.errors, f))
    }

    fn bools(&mut self, f: impl FnMut(usize) -> RowResult<bool>) -> Column {
        Arc::new(super::value::build_bool(self.rows, self.selection, self.errors, f))
    }
}
