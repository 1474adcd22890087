//! Syntax tree to text.
//!
//! The text parses into an equal tree (positions aside). Names keep the quotes they were written
//! with; a name that needs them gets them.

mod expanded;
mod expr;
mod query;
mod scope;
mod statement;
mod table;

use super::ast::{
    DataType, DataTypeKind, Expr, Hint, HintArgs, Ident, IntervalQualifier, ObjectName, Property,
    Query, RowField, SqlString, Statement, TimeUnit, TimestampZone,
};
use super::keyword::is_reserved;
use super::lexer::is_plain_name;
use super::precedence;

pub use expanded::{expanded_expr, expanded_query};

/// Prints a node of the syntax tree as Flink SQL.
pub trait ToSql {
    /// One line of text, without a closing `;`.
    fn to_sql(&self) -> String;
}

impl ToSql for Statement {
    fn to_sql(&self) -> String {
        print(|p| p.statement(self))
    }
}

impl ToSql for Query {
    fn to_sql(&self) -> String {
        print(|p| p.query(self))
    }
}

impl ToSql for Expr {
    fn to_sql(&self) -> String {
        print(|p| p.expr(self, precedence::LOWEST))
    }
}

impl ToSql for DataType {
    fn to_sql(&self) -> String {
        print(|p| p.data_type(self))
    }
}

impl ToSql for ObjectName {
    fn to_sql(&self) -> String {
        print(|p| p.name(self))
    }
}

fn print(write: impl FnOnce(&mut Printer)) -> String {
    let mut printer = Printer { out: String::new(), expanded: None };
    write(&mut printer);
    printer.out
}

/// Text in the making.
struct Printer {
    out: String,
    /// Prints what Flink would keep rather than what was written.
    expanded: Option<expanded::Expanded>,
}

impl Printer {
    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// `text` where `condition` holds.
    fn text_if(&mut self, condition: bool, text: &str) {
        if condition {
            self.text(text);
        }
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        for (i, one) in items.iter().enumerate() {
            self.text_if(i > 0, ", ");
            item(self, one);
        }
    }

    /// `(a, b)`.
    fn parens<T>(&mut self, items: &[T], item: impl FnMut(&mut Self, &T)) {
        self.text("(");
        self.list(items, item);
        self.text(")");
    }

    /// `before(a, b)`, or nothing for no items.
    fn parens_after<T>(&mut self, before: &str, items: &[T], item: impl FnMut(&mut Self, &T)) {
        if !items.is_empty() {
            self.text(before);
            self.parens(items, item);
        }
    }

    fn ident(&mut self, ident: &Ident) {
        let plain = self.expanded.is_none()
            && !ident.quoted
            && is_plain_name(&ident.value)
            && !is_reserved(&ident.value);
        if plain {
            self.text(&ident.value);
        } else {
            self.quoted(&ident.value, '`');
        }
    }

    fn name(&mut self, name: &ObjectName) {
        for (i, part) in name.parts.iter().enumerate() {
            self.text_if(i > 0, ".");
            self.ident(part);
        }
    }

    fn quoted(&mut self, text: &str, quote: char) {
        self.out.push(quote);
        for c in text.chars() {
            if c == quote {
                self.out.push(quote);
            }
            self.out.push(c);
        }
        self.out.push(quote);
    }

    fn string(&mut self, string: &SqlString) {
        self.quoted(&string.value, '\'');
    }

    fn property(&mut self, property: &Property) {
        self.string(&property.key);
        self.text(" = ");
        self.string(&property.value);
    }

    fn hints(&mut self, hints: &[Hint]) {
        if hints.is_empty() {
            return;
        }
        self.clause(" /*+ ");
        self.list(hints, |p, hint| {
            p.ident(&hint.name);
            match &hint.args {
                HintArgs::None => {}
                HintArgs::Properties(properties) => p.parens(properties, Self::property),
                HintArgs::List(items) => p.parens(items, Self::string),
            }
        });
        self.text(" */");
    }

    fn data_type(&mut self, data_type: &DataType) {
        self.data_type_kind(&data_type.kind);
        match data_type.nullable {
            Some(false) => self.text(" NOT NULL"),
            Some(true) => self.text(" NULL"),
            None => {}
        }
    }

    fn data_type_kind(&mut self, kind: &DataTypeKind) {
        use DataTypeKind as Kind;
        match kind {
            Kind::Boolean => self.text("BOOLEAN"),
            Kind::TinyInt => self.text("TINYINT"),
            Kind::SmallInt => self.text("SMALLINT"),
            Kind::Int => self.text(if self.is_expanded() { "INTEGER" } else { "INT" }),
            Kind::BigInt => self.text("BIGINT"),
            Kind::Float => self.text("FLOAT"),
            Kind::Double => self.text("DOUBLE"),
            Kind::String => self.text("STRING"),
            Kind::Bytes => self.text("BYTES"),
            Kind::Date => self.text("DATE"),
            Kind::Variant => self.text("VARIANT"),
            Kind::Decimal { precision: Some(precision), scale: Some(scale) } => {
                self.text(&format!("DECIMAL({precision}, {scale})"));
            }
            Kind::Decimal { precision, .. } => self.sized("DECIMAL", *precision),
            Kind::Char(length) => self.sized("CHAR", *length),
            Kind::Varchar(length) => self.sized("VARCHAR", *length),
            Kind::Binary(length) => self.sized("BINARY", *length),
            Kind::Varbinary(length) => self.sized("VARBINARY", *length),
            Kind::Time(precision) => self.sized("TIME", *precision),
            Kind::Timestamp { precision, zone } => {
                let name = match zone {
                    TimestampZone::Without => "TIMESTAMP",
                    TimestampZone::Local => "TIMESTAMP_LTZ",
                };
                self.sized(name, *precision);
            }
            Kind::Interval(qualifier) => {
                self.text("INTERVAL ");
                self.qualifier(qualifier);
            }
            Kind::Array(element) => self.angled("ARRAY", |p| p.data_type(element)),
            Kind::Multiset(element) => self.angled("MULTISET", |p| p.data_type(element)),
            Kind::Map(key, value) => self.angled("MAP", |p| {
                p.data_type(key);
                p.text(", ");
                p.data_type(value);
            }),
            Kind::Row(fields) => self.angled("ROW", |p| p.list(fields, Self::row_field)),
            Kind::Raw { class, serializer } => {
                self.text("RAW(");
                self.string(class);
                self.text(", ");
                self.string(serializer);
                self.text(")");
            }
            Kind::Structured { class, fields } => self.angled("STRUCTURED", |p| {
                p.string(class);
                for field in fields {
                    p.text(", ");
                    p.row_field(field);
                }
            }),
            Kind::UserDefined(name) => self.name(name),
        }
    }

    fn angled(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let spaces = self.is_expanded();
        self.text(name);
        self.text(if spaces { "< " } else { "<" });
        inside(self);
        self.text(if spaces { " >" } else { ">" });
    }

    fn sized(&mut self, name: &str, size: Option<u32>) {
        self.text(name);
        if let Some(size) = size {
            self.text(&format!("({size})"));
        }
    }

    fn row_field(&mut self, field: &RowField) {
        self.ident(&field.name);
        self.text(" ");
        self.data_type(&field.data_type);
        if let Some(comment) = &field.comment {
            self.text(" ");
            self.string(comment);
        }
    }

    fn qualifier(&mut self, qualifier: &IntervalQualifier) {
        self.text(qualifier.from.name());
        match (qualifier.from_precision, qualifier.fraction_precision, qualifier.to) {
            (Some(digits), Some(fraction), None) => self.text(&format!("({digits}, {fraction})")),
            (Some(digits), _, _) => self.text(&format!("({digits})")),
            (None, _, _) => {}
        }
        if let Some(to) = qualifier.to {
            self.text(" TO ");
            self.text(to.name());
            if let (TimeUnit::Second, Some(fraction)) = (to, qualifier.fraction_precision) {
                self.text(&format!("({fraction})"));
            }
        }
    }
}
