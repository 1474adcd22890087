//! Avro schemas (specification 1.12): parsed from JSON into a table of nodes, so that types that hold themselves need no
//! pointers.

use crate::base::limits::AVRO_SCHEMA_BYTES_MAX;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Key of a list of schemas of which the last one is meant and the others declare what it refers to.
const DECLARED: &str = crate::table::DECLARED_SCHEMAS;

/// Place of a node in its schema.
pub(crate) type NodeId = usize;

/// A parsed schema.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
}

/// A type and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    pub(crate) logical: Option<Logical>,
}

/// How a value is laid out.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed { name: String, len: usize },
    Enum { name: String, symbols: Arc<[String]> },
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record { name: String, aliases: Vec<String>, fields: Vec<RecordField> },
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordField {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) node: NodeId,
    pub(crate) default: Option<Value>,
}

/// `logicalType` of a node, where it is a known one on a fitting type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logical {
    Decimal {
        precision: u32,
        scale: u32,
    },
    Date,
    Time(Unit),
    /// An instant, `timestamp-*`, or a local date and time, `local-timestamp-*`: the numbers are the same.
    Timestamp(Unit),
}

/// Unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Shape {
    fn name(&self) -> &str {
        match self {
            Shape::Null => "null",
            Shape::Boolean => "boolean",
            Shape::Int => "int",
            Shape::Long => "long",
            Shape::Float => "float",
            Shape::Double => "double",
            Shape::Bytes => "bytes",
            Shape::String => "string",
            Shape::Array(_) => "array",
            Shape::Map(_) => "map",
            Shape::Union(_) => "union",
            Shape::Fixed { name, .. } | Shape::Enum { name, .. } | Shape::Record { name, .. } => {
                name
            }
        }
    }
}

impl Schema {
    /// Parses a schema's JSON; what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Schema, String> {
        if text.len() > AVRO_SCHEMA_BYTES_MAX {
            return Err(format!("the schema has more than {AVRO_SCHEMA_BYTES_MAX} bytes"));
        }
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            // A bare type name, as some registries give for keys.
            Err(_) if is_name(text.trim()) => Value::String(text.trim().to_owned()),
            Err(error) => return Err(format!("the schema is no JSON: {error}")),
        };
        let mut parser = Parser { nodes: Vec::new(), names: HashMap::new() };
        let root = match value.get(DECLARED).and_then(Value::as_array) {
            Some(listed) => {
                let mut last = Err("no schema is listed".to_owned());
                for schema in listed {
                    last = Ok(parser.node(schema, "")?);
                }
                last?
            }
            None => parser.node(&value, "")?,
        };
        Ok(Schema { nodes: parser.nodes, root })
    }

    /// The outermost type.
    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    /// A node.
    #[inline]
    pub(crate) fn shape(&self, id: NodeId) -> &Shape {
        self.nodes.get(id).map_or(&Shape::Null, |node| &node.shape)
    }

    /// What a node stands for.
    pub(crate) fn logical(&self, id: NodeId) -> Option<Logical> {
        self.nodes.get(id).and_then(|node| node.logical)
    }

    /// A type's name, as unions in Avro's JSON name their branches.
    pub(crate) fn branch_name(&self, id: NodeId) -> &str {
        self.shape(id).name()
    }

    /// A type for a message.
    pub(crate) fn describe(&self, id: NodeId) -> String {
        match self.shape(id) {
            Shape::Union(branches) => {
                let names: Vec<&str> = branches.iter().map(|id| self.branch_name(*id)).collect();
                format!("union of {}", names.join(", "))
            }
            Shape::Fixed { name, .. } => format!("fixed '{name}'"),
            Shape::Enum { name, .. } => format!("enum '{name}'"),
            Shape::Record { name, .. } => format!("record '{name}'"),
            _ => self.branch_name(id).to_owned(),
        }
    }

    /// The one type beside null of a union, or the type itself. `None` for other unions.
    pub(crate) fn not_null(&self, id: NodeId) -> Option<NodeId> {
        let Shape::Union(branches) = self.shape(id) else { return Some(id) };
        let mut others = branches.iter().filter(|id| !matches!(self.shape(**id), Shape::Null));
        match (others.next(), others.next()) {
            (Some(one), None) => Some(*one),
            _ => None,
        }
    }
}

/// Whether Java takes it for a name.
pub(crate) fn is_name(text: &str) -> bool {
    let mut symbols = text.chars();
    symbols.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && symbols.all(|c| c.is_alphanumeric() || c == '_')
}

struct Parser {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
}

impl Parser {
    fn add(&mut self, shape: Shape, logical: Option<Logical>) -> NodeId {
        self.nodes.push(Node { shape, logical });
        self.nodes.len().saturating_sub(1)
    }

    fn node(&mut self, value: &Value, namespace: &str) -> Result<NodeId, String> {
        match value {
            Value::String(name) => self.named(name, namespace, None),
            Value::Array(branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| self.node(branch, namespace))
                    .collect::<Result<Vec<_>, _>>()?;
                // As Java's `UnionSchema`.
                let mut names = HashSet::with_capacity(branches.len());
                for branch in branches.iter().filter_map(|branch| self.nodes.get(*branch)) {
                    if matches!(branch.shape, Shape::Union(_)) {
                        return Err("a union holds a union".to_owned());
                    }
                    let name = branch.shape.name();
                    if !names.insert(name) {
                        return Err(format!("a union holds the type '{name}' twice"));
                    }
                }
                Ok(self.add(Shape::Union(branches), None))
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(name)) => match name.as_str() {
                    "record" | "error" => self.record(object, namespace),
                    "enum" => self.enumeration(object, namespace),
                    "fixed" => self.fixed(object, namespace),
                    "array" => {
                        let items = object.get("items").ok_or("an array without 'items'")?;
                        let items = self.node(items, namespace)?;
                        Ok(self.add(Shape::Array(items), None))
                    }
                    "map" => {
                        let values = object.get("values").ok_or("a map without 'values'")?;
                        let values = self.node(values, namespace)?;
                        Ok(self.add(Shape::Map(values), None))
                    }
                    _ => self.named(name, namespace, Some(object)),
                },
                Some(inner) => self.node(inner, namespace),
                None => Err("a type without 'type'".to_owned()),
            },
            _ => Err(format!("{value} is no type")),
        }
    }

    /// A primitive type or one that was declared before.
    fn named(
        &mut self,
        name: &str,
        namespace: &str,
        object: Option<&serde_json::Map<String, Value>>,
    ) -> Result<NodeId, String> {
        let shape = match name {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "int" => Shape::Int,
            "long" => Shape::Long,
            "float" => Shape::Float,
            "double" => Shape::Double,
            "bytes" => Shape::Bytes,
            "string" => Shape::String,
            _ => {
                let full = full_name(name, namespace);
                let found = self.names.get(&full).or_else(|| self.names.get(name));
                return found.copied().ok_or_else(|| format!("type '{full}' is not declared"));
            }
        };
        let logical = object.and_then(|object| logical(&shape, object));
        Ok(self.add(shape, logical))
    }

    /// Declares a named type: its full name and the namespace of what is inside.
    fn declare(
        &mut self,
        object: &serde_json::Map<String, Value>,
        namespace: &str,
    ) -> Result<(NodeId, String, String), String> {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let name = text("name").ok_or("a named type without 'name'")?;
        let full = full_name(name, text("namespace").unwrap_or(namespace));
        let inner = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
        // Until it is defined it has its name, by which unions inside of it know it.
        let id = self.add(Shape::Fixed { name: full.clone(), len: 0 }, None);
        if self.names.insert(full.clone(), id).is_some() {
            return Err(format!("type '{full}' is declared twice"));
        }
        Ok((id, full, inner))
    }

    fn define(&mut self, id: NodeId, shape: Shape, logical: Option<Logical>) -> NodeId {
        if let Some(node) = self.nodes.get_mut(id) {
            *node = Node { shape, logical };
        }
        id
    }

    fn record(
        &mut self,
        object: &serde_json::Map<String, Value>,
        namespace: &str,
    ) -> Result<NodeId, String> {
        let (id, name, inner) = self.declare(object, namespace)?;
        let listed = object.get("fields").and_then(Value::as_array);
        let mut fields: Vec<RecordField> = Vec::new();
        for field in listed.ok_or_else(|| format!("record '{name}' has no 'fields'"))? {
            let field_name = field.get("name").and_then(Value::as_str);
            let field_name =
                field_name.ok_or_else(|| format!("record '{name}' has a field without name"))?;
            let declared = field.get("type");
            let declared = declared.ok_or_else(|| format!("field '{field_name}' has no type"))?;
            fields.push(RecordField {
                name: field_name.to_owned(),
                aliases: aliases(field.get("aliases"), ""),
                node: self.node(declared, &inner)?,
                default: field.get("default").cloned(),
            });
        }
        let aliases = aliases(object.get("aliases"), &inner);
        Ok(self.define(id, Shape::Record { name, aliases, fields }, None))
    }

    fn enumeration(
        &mut self,
        object: &serde_json::Map<String, Value>,
        namespace: &str,
    ) -> Result<NodeId, String> {
        let (id, name, _) = self.declare(object, namespace)?;
        let symbols = object.get("symbols").and_then(Value::as_array);
        let symbols = symbols.ok_or_else(|| format!("enum '{name}' has no 'symbols'"))?;
        let symbols = symbols.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(self.define(id, Shape::Enum { name, symbols }, None))
    }

    fn fixed(
        &mut self,
        object: &serde_json::Map<String, Value>,
        namespace: &str,
    ) -> Result<NodeId, String> {
        let (id, name, _) = self.declare(object, namespace)?;
        let len =
            object.get("size").and_then(Value::as_u64).and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or_else(|| format!("fixed '{name}' has no 'size'"))?;
        let shape = Shape::Fixed { name, len };
        let logical = logical(&shape, object);
        Ok(self.define(id, shape, logical))
    }
}

fn aliases(listed: Option<&Value>, namespace: &str) -> Vec<String> {
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(|alias| full_name(alias, namespace)).collect()
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

/// As the specification asks, a logical type that is unknown or does not fit counts as none.
fn logical(shape: &Shape, object: &serde_json::Map<String, Value>) -> Option<Logical> {
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    let number = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
    let name = object.get("logicalType").and_then(Value::as_str)?;
    Some(match (shape, name) {
        (Shape::Bytes | Shape::Fixed { .. }, "decimal") => {
            let (precision, scale) = (number("precision")?, number("scale").unwrap_or(0));
            if scale > precision {
                return None;
            }
            Logical::Decimal { precision, scale }
        }
        (Shape::Int, "date") => Logical::Date,
        (Shape::Int, "time-millis") => Logical::Time(Unit::Millis),
        (Shape::Long, "time-micros") => Logical::Time(Unit::Micros),
        (Shape::Long, "timestamp-millis" | "local-timestamp-millis") => {
            Logical::Timestamp(Unit::Millis)
        }
        (Shape::Long, "timestamp-micros" | "local-timestamp-micros") => {
            Logical::Timestamp(Unit::Micros)
        }
        (Shape::Long, "timestamp-nanos" | "local-timestamp-nanos") => {
            Logical::Timestamp(Unit::Nanos)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_namespace() {
        let schema = Schema::parse(
            r#"{"type":"record","name":"a.b.R","fields":[
                {"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}},
                {"name":"again","type":["null","E","a.b.R"],"default":null},
                {"name":"other","type":{"type":"fixed","name":"c.F","size":3},"aliases":["old"]},
                {"name":"last","type":{"type":"array","items":"c.F"}}]}"#,
        )
        .unwrap();
        let Shape::Record { name, fields, .. } = schema.shape(schema.root()) else { panic!() };
        assert_eq!(name, "a.b.R");
        assert_eq!(schema.describe(fields[1].node), "union of null, a.b.E, a.b.R");
        assert_eq!(fields[2].aliases, ["old"]);
        let Shape::Array(items) = schema.shape(fields[3].node) else { panic!() };
        assert_eq!(schema.describe(*items), "fixed 'c.F'");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for (text, problem) in [
            ("{", "no JSON"),
            ("3", "no type"),
            ("{}", "without 'type'"),
            ("\"other\"", "not declared"),
            ("[\"int\",[\"null\"]]", "holds a union"),
            (r#"{"type":"record","fields":[]}"#, "without 'name'"),
            (r#"{"type":"record","name":"a"}"#, "no 'fields'"),
            (r#"{"type":"enum","name":"a"}"#, "no 'symbols'"),
            (r#"{"type":"fixed","name":"a","size":-1}"#, "no 'size'"),
            (
                r#"[{"type":"fixed","name":"a","size":1},{"type":"fixed","name":"a","size":1}]"#,
                "twice",
            ),
        ] {
            let error = Schema::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
        assert!(Schema::parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn logical_types_need_their_type() {
        let of = |text: &str| {
            let schema = Schema::parse(text).unwrap();
            schema.logical(schema.root())
        };
        assert_eq!(of(r#"{"type":"int","logicalType":"date"}"#), Some(Logical::Date));
        assert_eq!(of(r#"{"type":"long","logicalType":"date"}"#), None);
        assert_eq!(of(r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":5}"#), None);
        let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":4}"#;
        assert_eq!(of(decimal), Some(Logical::Decimal { precision: 4, scale: 0 }));
    }
}
