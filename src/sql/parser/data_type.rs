//! Types, interval qualifiers and time units.

use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    DataType, DataTypeKind, IntervalQualifier, RowField, TimeUnit, TimestampZone,
};
use crate::sql::token::{Symbol, TokenKind};

/// Types that are one word.
const SIMPLE: &[(&str, DataTypeKind)] = &[
    ("BOOLEAN", DataTypeKind::Boolean),
    ("TINYINT", DataTypeKind::TinyInt),
    ("SMALLINT", DataTypeKind::SmallInt),
    ("INT", DataTypeKind::Int),
    ("INTEGER", DataTypeKind::Int),
    ("BIGINT", DataTypeKind::BigInt),
    ("FLOAT", DataTypeKind::Float),
    ("REAL", DataTypeKind::Float),
    ("STRING", DataTypeKind::String),
    ("BYTES", DataTypeKind::Bytes),
    ("DATE", DataTypeKind::Date),
    ("VARIANT", DataTypeKind::Variant),
];

/// Units of an interval, singular and plural.
const INTERVAL_UNITS: &[(&str, TimeUnit)] = &[
    ("YEAR", TimeUnit::Year),
    ("YEARS", TimeUnit::Year),
    ("QUARTER", TimeUnit::Quarter),
    ("QUARTERS", TimeUnit::Quarter),
    ("MONTH", TimeUnit::Month),
    ("MONTHS", TimeUnit::Month),
    ("WEEK", TimeUnit::Week),
    ("WEEKS", TimeUnit::Week),
    ("DAY", TimeUnit::Day),
    ("DAYS", TimeUnit::Day),
    ("HOUR", TimeUnit::Hour),
    ("HOURS", TimeUnit::Hour),
    ("MINUTE", TimeUnit::Minute),
    ("MINUTES", TimeUnit::Minute),
    ("SECOND", TimeUnit::Second),
    ("SECONDS", TimeUnit::Second),
];

/// Units of functions, with the names that JDBC gives them.
const FUNCTION_UNITS: &[(&str, TimeUnit)] = &[
    ("MILLENNIUM", TimeUnit::Millennium),
    ("CENTURY", TimeUnit::Century),
    ("DECADE", TimeUnit::Decade),
    ("YEAR", TimeUnit::Year),
    ("SQL_TSI_YEAR", TimeUnit::Year),
    ("QUARTER", TimeUnit::Quarter),
    ("SQL_TSI_QUARTER", TimeUnit::Quarter),
    ("MONTH", TimeUnit::Month),
    ("SQL_TSI_MONTH", TimeUnit::Month),
    ("WEEK", TimeUnit::Week),
    ("SQL_TSI_WEEK", TimeUnit::Week),
    ("DAY", TimeUnit::Day),
    ("SQL_TSI_DAY", TimeUnit::Day),
    ("HOUR", TimeUnit::Hour),
    ("SQL_TSI_HOUR", TimeUnit::Hour),
    ("MINUTE", TimeUnit::Minute),
    ("SQL_TSI_MINUTE", TimeUnit::Minute),
    ("SECOND", TimeUnit::Second),
    ("SQL_TSI_SECOND", TimeUnit::Second),
    ("MILLISECOND", TimeUnit::Millisecond),
    ("MICROSECOND", TimeUnit::Microsecond),
    ("SQL_TSI_MICROSECOND", TimeUnit::Microsecond),
    ("FRAC_SECOND", TimeUnit::Microsecond),
    ("NANOSECOND", TimeUnit::Nanosecond),
    ("EPOCH", TimeUnit::Epoch),
    ("DOW", TimeUnit::Dow),
    ("ISODOW", TimeUnit::IsoDow),
    ("DOY", TimeUnit::Doy),
    ("ISOYEAR", TimeUnit::IsoYear),
];

impl Parser<'_> {
    /// A type with its nullability and postfix collections: `INT NOT NULL ARRAY`.
    pub(super) fn data_type(&mut self) -> Result<DataType> {
        let start = self.here();
        let kind = self.nested(Self::data_type_kind)?;
        let data_type = self.nullability(kind, start)?;
        self.postfix_collections(data_type, Self::nullability)
    }

    /// The type of a CAST or a RETURNING: an interval may stand here and only here, and outside
    /// of `<…>` no nullability is written.
    pub(super) fn cast_type(&mut self) -> Result<DataType> {
        let start = self.here();
        let kind = if self.eat_keyword("INTERVAL") {
            DataTypeKind::Interval(self.interval_qualifier()?)
        } else {
            self.nested(Self::data_type_kind)?
        };
        let bare =
            |p: &mut Self, kind, start| Ok(DataType { kind, nullable: None, span: p.since(start) });
        let data_type = bare(self, kind, start)?;
        self.postfix_collections(data_type, bare)
    }

    fn postfix_collections(
        &mut self,
        mut data_type: DataType,
        finish: impl Fn(&mut Self, DataTypeKind, Span) -> Result<DataType>,
    ) -> Result<DataType> {
        let start = data_type.span;
        loop {
            let wrap: fn(Box<DataType>) -> DataTypeKind = if self.eat_keyword("ARRAY") {
                DataTypeKind::Array
            } else if self.eat_keyword("MULTISET") {
                DataTypeKind::Multiset
            } else {
                return Ok(data_type);
            };
            self.chained(|_| Ok(()))?;
            data_type = finish(self, wrap(Box::new(data_type)), start)?;
        }
    }

    fn nullability(&mut self, kind: DataTypeKind, start: Span) -> Result<DataType> {
        let nullable = if self.eat_keyword("NOT") {
            self.expect_keyword("NULL")?;
            Some(false)
        } else {
            self.eat_keyword("NULL").then_some(true)
        };
        Ok(DataType { kind, nullable, span: self.since(start) })
    }

    fn data_type_kind(&mut self) -> Result<DataTypeKind> {
        let Some(keyword) = self.keyword_at(0) else { return self.user_defined_type() };
        if let Some((_, kind)) = SIMPLE.iter().find(|(name, _)| *name == keyword) {
            self.advance();
            return Ok(kind.clone());
        }
        let start = self.here();
        match keyword {
            "DOUBLE" => {
                self.advance();
                self.eat_keyword("PRECISION");
                Ok(DataTypeKind::Double)
            }
            "DECIMAL" | "DEC" | "NUMERIC" => {
                self.advance();
                self.decimal()
            }
            "CHAR" | "CHARACTER" => {
                self.advance();
                let varying = self.eat_keyword("VARYING");
                let length = self.precision()?;
                self.character_set()?;
                Ok(if varying { DataTypeKind::Varchar(length) } else { DataTypeKind::Char(length) })
            }
            "VARCHAR" => {
                self.advance();
                let length = self.precision()?;
                self.character_set()?;
                Ok(DataTypeKind::Varchar(length))
            }
            "BINARY" => {
                self.advance();
                let varying = self.eat_keyword("VARYING");
                let length = self.precision()?;
                Ok(if varying {
                    DataTypeKind::Varbinary(length)
                } else {
                    DataTypeKind::Binary(length)
                })
            }
            "VARBINARY" => {
                self.advance();
                Ok(DataTypeKind::Varbinary(self.precision()?))
            }
            "TIME" => {
                self.advance();
                let precision = self.precision()?;
                if self.eat_keyword("WITHOUT") {
                    self.expect_keywords(&["TIME", "ZONE"])?;
                }
                Ok(DataTypeKind::Time(precision))
            }
            "TIMESTAMP" => {
                self.advance();
                let precision = self.precision()?;
                Ok(DataTypeKind::Timestamp { precision, zone: self.timestamp_zone()? })
            }
            "TIMESTAMP_LTZ" => {
                self.advance();
                let precision = self.precision()?;
                Ok(DataTypeKind::Timestamp { precision, zone: TimestampZone::Local })
            }
            "ARRAY" => {
                self.advance();
                self.angle_bracketed(|p| Ok(DataTypeKind::Array(Box::new(p.data_type()?))))
            }
            "MULTISET" => {
                self.advance();
                self.angle_bracketed(|p| Ok(DataTypeKind::Multiset(Box::new(p.data_type()?))))
            }
            "MAP" if self.symbol_at(1) == Some(Symbol::Lt) => {
                self.advance();
                self.angle_bracketed(|p| {
                    let key = p.data_type()?;
                    p.expect(Symbol::Comma)?;
                    Ok(DataTypeKind::Map(Box::new(key), Box::new(p.data_type()?)))
                })
            }
            "ROW" => {
                self.advance();
                self.row_type()
            }
            "RAW" => {
                self.advance();
                self.expect(Symbol::LParen)?;
                let class = self.string()?;
                self.expect(Symbol::Comma)?;
                let serializer = self.string()?;
                self.expect(Symbol::RParen)?;
                Ok(DataTypeKind::Raw { class, serializer })
            }
            "STRUCTURED" => {
                self.advance();
                self.angle_bracketed(|p| {
                    let class = p.string()?;
                    let mut fields = Vec::new();
                    while p.eat(Symbol::Comma) {
                        fields.push(p.row_field()?);
                    }
                    Ok(DataTypeKind::Structured { class, fields })
                })
            }
            "DATETIME" => Err(error("DATETIME is not a type of Flink SQL", start)).map_err(|e| {
                crate::sql::ParseError { hint: Some("write TIMESTAMP(3)".to_owned()), ..e }
            }),
            _ => self.user_defined_type(),
        }
    }

    fn user_defined_type(&mut self) -> Result<DataTypeKind> {
        self.expecting("data type");
        let is_name = match &self.token().kind {
            TokenKind::QuotedIdent(_) => true,
            TokenKind::Word(keyword) => !keyword.is_some_and(|k| k.reserved),
            _ => false,
        };
        if is_name {
            self.object_name().map(DataTypeKind::UserDefined)
        } else {
            Err(self.unexpected())
        }
    }

    fn angle_bracketed<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.expect(Symbol::Lt)?;
        let parsed = parse(self)?;
        self.expect(Symbol::Gt)?;
        Ok(parsed)
    }

    /// `(3)`, or nothing.
    pub(super) fn precision(&mut self) -> Result<Option<u32>> {
        if !self.eat(Symbol::LParen) {
            return Ok(None);
        }
        let precision = self.unsigned()?;
        self.expect(Symbol::RParen)?;
        Ok(Some(precision))
    }

    fn decimal(&mut self) -> Result<DataTypeKind> {
        let (mut precision, mut scale) = (None, None);
        if self.eat(Symbol::LParen) {
            precision = Some(self.unsigned()?);
            if self.eat(Symbol::Comma) {
                scale = Some(self.unsigned()?);
            }
            self.expect(Symbol::RParen)?;
        }
        Ok(DataTypeKind::Decimal { precision, scale })
    }

    /// `CHARACTER SET name` is taken and means nothing: all text is Unicode.
    fn character_set(&mut self) -> Result<()> {
        if self.eat_keyword("CHARACTER") {
            self.expect_keyword("SET")?;
            self.ident()?;
        }
        Ok(())
    }

    fn timestamp_zone(&mut self) -> Result<TimestampZone> {
        if self.eat_keyword("WITHOUT") {
            self.expect_keywords(&["TIME", "ZONE"])?;
            return Ok(TimestampZone::Without);
        }
        // In `CREATE TABLE … (ts TIMESTAMP) WITH (…)` a parenthesis stands between.
        if self.eat_keyword("WITH") {
            self.expect_keywords(&["LOCAL", "TIME", "ZONE"])?;
            return Ok(TimestampZone::Local);
        }
        Ok(TimestampZone::Without)
    }

    fn row_type(&mut self) -> Result<DataTypeKind> {
        // The lexer takes `<>` of `ROW<>` for an operator.
        if self.eat(Symbol::NotEq) {
            return Ok(DataTypeKind::Row(Vec::new()));
        }
        let close = if self.eat(Symbol::Lt) {
            Symbol::Gt
        } else {
            self.expect(Symbol::LParen)?;
            Symbol::RParen
        };
        if self.eat(close) {
            return Ok(DataTypeKind::Row(Vec::new()));
        }
        let fields = self.comma_list(Self::row_field)?;
        self.expect(close)?;
        Ok(DataTypeKind::Row(fields))
    }

    fn row_field(&mut self) -> Result<RowField> {
        let name = self.ident()?;
        let data_type = self.data_type()?;
        let comment = self.eat_string()?;
        Ok(RowField { span: self.since(name.span), name, data_type, comment })
    }

    /// `DAY(3) TO SECOND(6)`.
    pub(super) fn interval_qualifier(&mut self) -> Result<IntervalQualifier> {
        let start = self.here();
        let from = self.interval_unit()?;
        let mut qualifier = IntervalQualifier {
            from,
            from_precision: None,
            to: None,
            fraction_precision: None,
            span: start,
        };
        if self.eat(Symbol::LParen) {
            qualifier.from_precision = Some(self.unsigned()?);
            if from == TimeUnit::Second && self.eat(Symbol::Comma) {
                qualifier.fraction_precision = Some(self.unsigned()?);
            }
            self.expect(Symbol::RParen)?;
        }
        if self.at_keyword("TO") && can_range(from) {
            self.advance();
            let unit_span = self.here();
            let to = self.interval_unit()?;
            if !is_finer(from, to) {
                let message =
                    format!("an interval of {} TO {} does not exist", from.name(), to.name());
                return Err(error(message, start.join(unit_span)));
            }
            if to == TimeUnit::Second {
                qualifier.fraction_precision = self.precision()?;
            }
            qualifier.to = Some(to);
        }
        qualifier.span = self.since(start);
        Ok(qualifier)
    }

    /// Whether an interval's unit is next.
    pub(super) fn at_interval_unit(&self) -> bool {
        INTERVAL_UNITS.iter().any(|(name, _)| self.at_keyword(name))
    }

    fn interval_unit(&mut self) -> Result<TimeUnit> {
        self.eat_one_of(INTERVAL_UNITS).ok_or_else(|| self.unexpected())
    }

    /// A unit of EXTRACT, FLOOR, TIMESTAMPADD, …, with its position.
    pub(super) fn function_unit(&mut self) -> Result<(TimeUnit, Span)> {
        let span = self.here();
        if let Some(unit) = self.function_unit_here() {
            self.advance();
            return Ok((unit, span));
        }
        self.expecting("time unit");
        let mut refused = self.unexpected();
        let text = span.text(self.source);
        if INTERVAL_UNITS.iter().any(|(name, _)| name.eq_ignore_ascii_case(text)) {
            refused.hint = Some("units of functions are singular".to_owned());
        }
        Err(refused)
    }

    pub(super) fn at_function_unit(&self) -> bool {
        self.function_unit_here().is_some()
    }

    fn function_unit_here(&self) -> Option<TimeUnit> {
        let keyword = self.keyword_at(0)?;
        FUNCTION_UNITS.iter().find(|(name, _)| *name == keyword).map(|(_, unit)| *unit)
    }
}

fn can_range(from: TimeUnit) -> bool {
    matches!(from, TimeUnit::Year | TimeUnit::Day | TimeUnit::Hour | TimeUnit::Minute)
}

/// Whether `from TO to` is an interval.
fn is_finer(from: TimeUnit, to: TimeUnit) -> bool {
    use TimeUnit::{Day, Hour, Minute, Month, Second, Year};
    matches!(
        (from, to),
        (Year, Month) | (Day, Hour | Minute | Second) | (Hour, Minute | Second) | (Minute, Second)
    )
}
