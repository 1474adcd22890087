//! CREATE TABLE and its parts.

use super::{Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{
    ColumnDef, ColumnKind, CreateTable, DataType, Distribution, DistributionKind, ExprKind, Ident,
    LikeClause, LikeFeature, LikeOption, LikeStrategy, TableConstraint, Watermark,
};
use crate::sql::token::Symbol;

/// How a CREATE begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CreateWords {
    pub(super) or_replace: bool,
    pub(super) temporary: bool,
}

impl Parser<'_> {
    /// CREATE TABLE from the word TABLE on.
    pub(super) fn create_table(&mut self, words: CreateWords, start: Span) -> Result<CreateTable> {
        self.expect_keyword("TABLE")?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let mut table = CreateTable {
            or_replace: words.or_replace,
            temporary: words.temporary,
            if_not_exists,
            name,
            columns: Vec::new(),
            column_names: Vec::new(),
            watermarks: Vec::new(),
            constraints: Vec::new(),
            comment: None,
            distribution: None,
            partitioned_by: Vec::new(),
            properties: Vec::new(),
            like: None,
            as_query: None,
            span: start,
        };
        let list_start = self.here();
        if self.at(Symbol::LParen) {
            self.table_elements(&mut table)?;
        } else {
            self.expecting(Symbol::LParen.text());
        }
        let list_span = self.since(list_start);
        table.comment = self.comment()?;
        if self.at_keyword("DISTRIBUTED") {
            table.distribution = Some(self.distribution("DISTRIBUTED")?);
        } else {
            self.expecting("DISTRIBUTED");
        }
        if self.eat_keyword("PARTITIONED") {
            self.expect_keyword("BY")?;
            table.partitioned_by = self.parenthesized_list(Self::ident)?;
        }
        table.properties = self.with_properties()?;
        if self.at_keyword("LIKE") {
            table.like = Some(self.like()?);
        } else if self.eat_keyword("AS") {
            table.as_query = Some(Box::new(self.query()?));
        } else {
            self.expecting("LIKE");
        }
        if table.as_query.is_none() && !table.column_names.is_empty() {
            let message = "Columns identifiers without types in the schema are supported on \
                           CTAS/RTAS statements only.";
            return Err(error(message, list_span));
        }
        table.span = self.since(start);
        Ok(table)
    }

    fn table_elements(&mut self, table: &mut CreateTable) -> Result<()> {
        if matches!(self.symbol_at(2), Some(Symbol::Comma | Symbol::RParen)) {
            table.column_names = self.parenthesized_list(Self::ident)?;
            return Ok(());
        }
        self.expect(Symbol::LParen)?;
        loop {
            if self.at_keyword("WATERMARK") {
                let watermark = self.watermark()?;
                if !table.watermarks.is_empty() {
                    let message = "Multiple WATERMARK statements is not supported yet.";
                    return Err(error(message, watermark.span));
                }
                table.watermarks.push(watermark);
            } else if self.at_constraint() {
                table.constraints.push(self.constraint()?);
            } else {
                let (column, constraint) = self.column()?;
                table.columns.push(column);
                table.constraints.extend(constraint);
            }
            if !self.eat(Symbol::Comma) {
                return self.expect(Symbol::RParen);
            }
        }
    }

    pub(super) fn at_constraint(&self) -> bool {
        matches!(self.keyword_at(0), Some("CONSTRAINT" | "PRIMARY" | "UNIQUE"))
    }

    /// A column, with a constraint that is written after it.
    pub(super) fn column(&mut self) -> Result<(ColumnDef, Option<TableConstraint>)> {
        let name = self.ident()?;
        let mut constraint = None;
        let kind = if self.eat_keyword("AS") {
            let expr = self.expr()?;
            if matches!(expr.kind, ExprKind::Subquery(_)) {
                let message = "Query expression encountered in illegal context";
                return Err(error(message, expr.span));
            }
            ColumnKind::Computed(expr)
        } else {
            let data_type = self.data_type()?;
            if self.eat_keyword("METADATA") {
                self.metadata_column(data_type)?
            } else {
                if self.at_constraint() {
                    constraint = Some(self.column_constraint(&name)?);
                } else {
                    self.expecting("METADATA");
                }
                ColumnKind::Physical(data_type)
            }
        };
        let comment = self.comment()?;
        let span = self.since(name.span);
        Ok((ColumnDef { name, kind, comment, span }, constraint))
    }

    fn metadata_column(&mut self, data_type: DataType) -> Result<ColumnKind> {
        let from = if self.eat_keyword("FROM") { Some(self.string()?) } else { None };
        let is_virtual = self.eat_keyword("VIRTUAL");
        Ok(ColumnKind::Metadata { data_type, from, is_virtual })
    }

    fn constraint_start(&mut self) -> Result<(Option<Ident>, bool)> {
        let name = if self.eat_keyword("CONSTRAINT") { Some(self.ident()?) } else { None };
        let unique = self.eat_keyword("UNIQUE");
        if !unique {
            self.expect_keywords(&["PRIMARY", "KEY"])?;
        }
        Ok((name, unique))
    }

    fn enforced(&mut self) -> Result<Option<bool>> {
        if self.eat_keyword("NOT") {
            self.expect_keyword("ENFORCED")?;
            return Ok(Some(false));
        }
        Ok(self.eat_keyword("ENFORCED").then_some(true))
    }

    fn column_constraint(&mut self, column: &Ident) -> Result<TableConstraint> {
        let start = self.here();
        let (name, unique) = self.constraint_start()?;
        let enforced = self.enforced()?;
        let columns = vec![column.clone()];
        Ok(TableConstraint { name, unique, columns, enforced, span: self.since(start) })
    }

    pub(super) fn constraint(&mut self) -> Result<TableConstraint> {
        let start = self.here();
        let (name, unique) = self.constraint_start()?;
        let columns = self.parenthesized_list(Self::ident)?;
        let enforced = self.enforced()?;
        Ok(TableConstraint { name, unique, columns, enforced, span: self.since(start) })
    }

    pub(super) fn watermark(&mut self) -> Result<Watermark> {
        let start = self.here();
        self.expect_keywords(&["WATERMARK", "FOR"])?;
        let column = self.object_name()?;
        self.expect_keyword("AS")?;
        let expr = self.expr()?;
        Ok(Watermark { column, expr, span: self.since(start) })
    }

    /// `DISTRIBUTED BY HASH(a) INTO 4 BUCKETS`; ALTER TABLE says DISTRIBUTION.
    pub(super) fn distribution(&mut self, first: &'static str) -> Result<Distribution> {
        let start = self.here();
        self.expect_keyword(first)?;
        let (mut kind, mut columns, mut buckets) = (None, Vec::new(), None);
        let by = self.eat_keyword("BY");
        if by {
            kind = self.eat_one_of(&[
                ("HASH", DistributionKind::Hash),
                ("RANGE", DistributionKind::Range),
            ]);
            columns = self.parenthesized_list(Self::ident)?;
        }
        if self.at_keyword("INTO") || !by {
            self.expect_keyword("INTO")?;
            buckets = Some(self.unsigned()?);
            self.expect_keyword("BUCKETS")?;
        }
        Ok(Distribution { kind, columns, buckets, span: self.since(start) })
    }

    fn like(&mut self) -> Result<LikeClause> {
        let start = self.here();
        self.expect_keyword("LIKE")?;
        let table = self.object_name()?;
        let mut options = Vec::new();
        if self.eat(Symbol::LParen) {
            options.push(self.like_option()?);
            while !self.eat(Symbol::RParen) {
                options.push(self.like_option()?);
            }
        }
        Ok(LikeClause { table, options, span: self.since(start) })
    }

    fn like_option(&mut self) -> Result<LikeOption> {
        let start = self.here();
        let strategy = self.eat_one_of(&[
            ("INCLUDING", LikeStrategy::Including),
            ("EXCLUDING", LikeStrategy::Excluding),
            ("OVERWRITING", LikeStrategy::Overwriting),
        ]);
        let Some(strategy) = strategy else { return Err(self.unexpected()) };
        let feature = self.eat_one_of(&[
            ("ALL", LikeFeature::All),
            ("CONSTRAINTS", LikeFeature::Constraints),
            ("DISTRIBUTION", LikeFeature::Distribution),
            ("GENERATED", LikeFeature::Generated),
            ("METADATA", LikeFeature::Metadata),
            ("OPTIONS", LikeFeature::Options),
            ("PARTITIONS", LikeFeature::Partitions),
            ("WATERMARKS", LikeFeature::Watermarks),
        ]);
        let Some(feature) = feature else { return Err(self.unexpected()) };
        Ok(LikeOption { strategy, feature, span: self.since(start) })
    }
}
