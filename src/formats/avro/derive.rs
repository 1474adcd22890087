//! The Avro schema of a table's fields (Flink's `AvroSchemaConverter`), as the JSON that Java's `Schema.toString` gives.

use super::schema::is_name;
use crate::base::{Error, ErrorKind, Result};
use crate::types::{DataType, Field, Kind};
use serde_json::json;

/// Namespace of the generated records.
const NAMESPACE: &str = "org.apache.flink.avro.generated";

/// Name of the outermost record. Inner ones append `_` and the names of the fields on their way.
const RECORD: &str = "record";

/// The schema of `fields`. `legacy`: `timestamp_mapping.legacy`, with which TIMESTAMP is an instant and TIMESTAMP_LTZ has
/// no counterpart.
pub(crate) fn derive_schema(fields: &[Field], legacy: bool) -> Result<String> {
    let mut out = String::new();
    record(fields, RECORD, legacy, true, &mut out)?;
    Ok(out)
}

fn record(
    fields: &[Field],
    name: &str,
    legacy: bool,
    outermost: bool,
    out: &mut String,
) -> Result<()> {
    out.push_str("{\"type\":\"record\",\"name\":\"");
    out.push_str(name);
    if outermost {
        out.push_str("\",\"namespace\":\"");
        out.push_str(NAMESPACE);
    }
    out.push_str("\",\"fields\":[");
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if !is_name(&field.name) {
            return Err(unfit(format!(
                "Avro takes no field name '{}': names are letters, digits and _",
                field.name
            )));
        }
        out.push_str(&format!("{{\"name\":\"{}\",\"type\":", field.name));
        let inner = format!("{name}_{}", field.name);
        schema(&field.data_type, &inner, legacy, out)?;
        if field.data_type.nullable {
            out.push_str(",\"default\":null");
        }
        out.push('}');
    }
    out.push_str("]}");
    Ok(())
}

fn schema(data_type: &DataType, name: &str, legacy: bool, out: &mut String) -> Result<()> {
    let nullable = data_type.nullable && data_type.kind != Kind::Null;
    if nullable {
        out.push_str("[\"null\",");
    }
    let logical = |base: &str, logical: &str| json_of(&[("type", base), ("logicalType", logical)]);
    match &data_type.kind {
        Kind::Null => out.push_str("\"null\""),
        Kind::Boolean => out.push_str("\"boolean\""),
        Kind::TinyInt | Kind::SmallInt | Kind::Int => out.push_str("\"int\""),
        Kind::BigInt => out.push_str("\"long\""),
        Kind::Float => out.push_str("\"float\""),
        Kind::Double => out.push_str("\"double\""),
        Kind::Char(_) | Kind::VarChar(_) => out.push_str("\"string\""),
        Kind::Binary(_) | Kind::VarBinary(_) => out.push_str("\"bytes\""),
        Kind::Timestamp(precision) if legacy => {
            if *precision > 3 {
                return Err(unfit(format!(
                    "Avro does not support TIMESTAMP type with precision: {precision}, it only supports precision \
                     less than 3."
                )));
            }
            out.push_str(&logical("long", "timestamp-millis"));
        }
        Kind::Timestamp(precision) => {
            let unit = unit("LOCAL TIMESTAMP", *precision)?;
            out.push_str(&logical("long", &format!("local-timestamp-{unit}")));
        }
        Kind::TimestampLtz(_) if legacy => return Err(underivable(data_type)),
        Kind::TimestampLtz(precision) => {
            let unit = unit("TIMESTAMP", *precision)?;
            out.push_str(&logical("long", &format!("timestamp-{unit}")));
        }
        Kind::Date => out.push_str(&logical("int", "date")),
        Kind::Time(precision) => {
            if *precision > 3 {
                return Err(unfit(format!(
                    "Avro does not support TIME type with precision: {precision}, it only supports precision less \
                     than 3."
                )));
            }
            out.push_str(&logical("int", "time-millis"));
        }
        Kind::Decimal { precision, scale } => out.push_str(&format!(
            "{{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":{precision},\"scale\":{scale}}}"
        )),
        Kind::Row(fields) => record(fields, name, legacy, false, out)?,
        // As in Flink, what is inside of maps and arrays always has the legacy mapping.
        Kind::Map(key, _) | Kind::Multiset(key) if !key.kind.is_string() => {
            return Err(unfit(format!(
                "Avro format doesn't support non-string as key type of map. The key type is: {}",
                key.kind
            )));
        }
        Kind::Map(_, value) => {
            out.push_str("{\"type\":\"map\",\"values\":");
            schema(value, name, true, out)?;
            out.push('}');
        }
        Kind::Multiset(_) => {
            out.push_str("{\"type\":\"map\",\"values\":");
            schema(&Kind::Int.nullable(), name, true, out)?;
            out.push('}');
        }
        Kind::Array(item) => {
            out.push_str("{\"type\":\"array\",\"items\":");
            schema(item, name, true, out)?;
            out.push('}');
        }
        Kind::IntervalMonths | Kind::IntervalMillis | Kind::Variant | Kind::Structured(..) => {
            return Err(underivable(data_type));
        }
    }
    if nullable {
        out.push(']');
    }
    Ok(())
}

fn json_of(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("\"{key}\":{}", json!(value))).collect();
    format!("{{{}}}", entries.join(","))
}

fn unit(name: &str, precision: u8) -> Result<&'static str> {
    match precision {
        0..=3 => Ok("millis"),
        4..=6 => Ok("micros"),
        _ => Err(unfit(format!(
            "Avro does not support {name} type with precision: {precision}, it only supports precision less than 6."
        ))),
    }
}

fn underivable(data_type: &DataType) -> Error {
    unfit(format!("Unsupported to derive Schema for type: {data_type}"))
}

fn unfit(message: String) -> Error {
    Error::new(ErrorKind::Schema, message)
}
