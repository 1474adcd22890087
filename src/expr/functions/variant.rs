//! Functions that make a VARIANT (`JsonFunctions`, `BinaryVariantInternalBuilder`).

use super::signature::{any_nullable, nullable};
use super::{Call, Function, Param, Signature};
use crate::expr::Expr;
use crate::expr::json::{parse_counting, write_variant};
use crate::expr::value::Bool;
use crate::types::{Column, DataType, Kind};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "PARSE_JSON(string [, allow_duplicate_keys])",
        "The JSON text as VARIANT. A name that is repeated in an object fails, or takes the last value where that is allowed.",
        signature,
        |call| parse(call, false),
    )
    .can_fail(),
    Function::new(
        "TRY_PARSE_JSON(string [, allow_duplicate_keys])",
        "As PARSE_JSON, but NULL where the text is not JSON.",
        |args| nullable(signature(args)),
        |call| parse(call, true),
    )
    .can_fail(),
];

fn signature(args: &[Expr]) -> Option<Signature> {
    let (text, rest) = args.split_first()?;
    let mut kinds = vec![Param::Text.accepts(&text.data_type.kind)?];
    match rest {
        [] => {}
        [allow] if matches!(allow.data_type.kind, Kind::Boolean | Kind::Null) => {
            kinds.push(Kind::Boolean);
        }
        _ => return None,
    }
    let returns = DataType { kind: Kind::Variant, nullable: any_nullable(args) };
    Some(Signature { args: kinds, returns })
}

fn parse(call: &mut Call<'_, '_>, or_null: bool) -> Column {
    let (text, allow) = (call.text(0), Bool::new(call.arg(1)));
    let given = call.has(1);
    call.strings(|row, out| {
        let Some(text) = text.get(row) else { return Ok(None) };
        let allow = match allow.get(row) {
            Some(allow) => allow,
            None if given => {
                return Err("PARSE_JSON failed: allow_duplicate_keys is NULL".to_owned());
            }
            None => false,
        };
        let problem = match parse_counting(text) {
            Some((value, repeated)) if allow || !repeated => {
                write_variant(&value, out);
                return Ok(Some(()));
            }
            Some(_) => "an object has a name twice",
            None => "the text is not JSON",
        };
        if or_null { Ok(None) } else { Err(format!("PARSE_JSON failed: {problem}")) }
    })
}
