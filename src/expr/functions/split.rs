//! Functions over text that give arrays.

use super::signature::fixed;
use super::{Call, Function, Param, RowResult};
use crate::types::{Column, DataType, Kind};
use arrow_array::{ListArray, builder::StringViewBuilder, new_null_array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use std::sync::Arc;

use Param::Text;

pub(super) static FUNCTIONS: &[Function] = &[Function::new(
    "SPLIT(string, delimiter)",
    "The parts of the text between the delimiters as an array; its characters where the delimiter is empty.",
    |args| fixed(args, &[Text, Text], 2, texts()),
    |call| {
        let (text, delimiter) = (call.text(0), call.text(1));
        text_lists(call, |row, out| {
            let (Some(text), Some(delimiter)) = (text.get(row), delimiter.get(row)) else {
                return Ok(None);
            };
            if delimiter.is_empty() {
                out.extend(text.chars().map(|c| Some(c.to_string())));
            } else if !text.is_empty() {
                // The empty text has no parts, as with `StringUtils.splitByWholeSeparatorPreserveAllTokens`.
                out.extend(text.split(delimiter).map(|part| Some(part.to_owned())));
            }
            Ok(Some(()))
        })
    },
)];

/// `ARRAY<STRING>`.
pub(super) fn texts() -> Kind {
    Kind::Array(Box::new(DataType::string()))
}

/// A column of arrays of text; `f` fills in the elements of a row and says whether there is an array.
pub(super) fn text_lists(
    call: &mut Call<'_, '_>,
    mut f: impl FnMut(usize, &mut Vec<Option<String>>) -> RowResult<()>,
) -> Column {
    let mut texts = StringViewBuilder::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut nulls = NullBufferBuilder::new(call.rows);
    let mut elements = Vec::new();
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        elements.clear();
        let made = if selected { f(row, &mut elements) } else { Ok(None) };
        let made = made.unwrap_or_else(|message| {
            errors.push(row, || message);
            None
        });
        if made.is_none() {
            elements.clear();
        }
        nulls.append(made.is_some());
        lengths.push(elements.len());
        elements.iter().for_each(|element| texts.append_option(element.as_deref()));
    });
    match call.returns.physical() {
        arrow_schema::DataType::List(field) => Arc::new(ListArray::new(
            field,
            OffsetBuffer::from_lengths(lengths),
            Arc::new(texts.finish()),
            nulls.finish(),
        )),
        other => new_null_array(&other, call.rows),
    }
}
