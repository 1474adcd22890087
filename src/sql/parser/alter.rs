//! ALTER statements.

use super::{Parser, Result};
use crate::base::Span;
use crate::sql::ast::{
    AlterCatalog, AlterCatalogAction, AlterDatabase, AlterFunction, AlterTable, AlterTableAction,
    AlterView, AlterViewAction, ColumnPosition, Partition, SqlString, Statement, TableElement,
};
use crate::sql::token::Symbol;

impl Parser<'_> {
    pub(super) fn alter(&mut self) -> Result<Statement> {
        let start = self.here();
        self.expect_keyword("ALTER")?;
        if self.eat_keyword("TABLE") {
            self.alter_table(start)
        } else if self.eat_keyword("VIEW") {
            self.alter_view(start)
        } else if self.eat_keyword("DATABASE") {
            let name = self.object_name()?;
            self.expect_keyword("SET")?;
            let properties = self.properties()?;
            let span = self.since(start);
            Ok(Statement::AlterDatabase(AlterDatabase { name, properties, span }))
        } else if self.eat_keyword("CATALOG") {
            self.alter_catalog(start)
        } else {
            self.alter_function(start)
        }
    }

    fn alter_table(&mut self, start: Span) -> Result<Statement> {
        let if_exists = self.if_exists();
        let name = self.object_name()?;
        let action = self.alter_table_action()?;
        let span = self.since(start);
        Ok(Statement::AlterTable(AlterTable { if_exists, name, action, span }))
    }

    fn alter_table_action(&mut self) -> Result<AlterTableAction> {
        if self.eat_keyword("RENAME") {
            if self.eat_keyword("TO") {
                return Ok(AlterTableAction::RenameTo(self.object_name()?));
            }
            let from = self.object_name()?;
            self.expect_keyword("TO")?;
            return Ok(AlterTableAction::RenameColumn { from, to: self.object_name()? });
        }
        if self.eat_keyword("SET") {
            return Ok(AlterTableAction::SetOptions(self.properties()?));
        }
        if self.eat_keyword("RESET") {
            return Ok(AlterTableAction::ResetOptions(self.option_keys()?));
        }
        if self.eat_keyword("MODIFY") {
            return Ok(AlterTableAction::Modify(self.added_elements()?));
        }
        if self.eat_keyword("ADD") {
            if self.at_keyword("PARTITION") || self.at_keywords(&["IF", "NOT", "EXISTS"]) {
                let if_not_exists = self.if_not_exists();
                let mut partitions = Vec::new();
                loop {
                    let items = self.partition_spec()?;
                    partitions.push(Partition { items, properties: self.with_properties()? });
                    if !self.at_keyword("PARTITION") {
                        return Ok(AlterTableAction::AddPartitions { if_not_exists, partitions });
                    }
                }
            }
            return Ok(AlterTableAction::Add(self.added_elements()?));
        }
        self.expect_keyword("DROP")?;
        if self.at_keyword("PARTITION") || self.at_keywords(&["IF", "EXISTS"]) {
            let if_exists = self.if_exists();
            let partitions = self.comma_list(|p| {
                Ok(Partition { items: p.partition_spec()?, properties: Vec::new() })
            })?;
            return Ok(AlterTableAction::DropPartitions { if_exists, partitions });
        }
        Ok(if self.eat_keyword("PRIMARY") {
            self.expect_keyword("KEY")?;
            AlterTableAction::DropPrimaryKey
        } else if self.eat_keyword("CONSTRAINT") {
            AlterTableAction::DropConstraint(self.ident()?)
        } else if self.eat_keyword("WATERMARK") {
            AlterTableAction::DropWatermark
        } else if self.eat_keyword("DISTRIBUTION") {
            AlterTableAction::DropDistribution
        } else if self.at(Symbol::LParen) {
            AlterTableAction::DropColumns(self.parenthesized_list(Self::object_name)?)
        } else {
            AlterTableAction::DropColumns(vec![self.object_name()?])
        })
    }

    /// `('a', 'b')`, possibly empty.
    pub(super) fn option_keys(&mut self) -> Result<Vec<SqlString>> {
        self.expect(Symbol::LParen)?;
        if self.eat(Symbol::RParen) {
            return Ok(Vec::new());
        }
        let keys = self.comma_list(Self::string)?;
        self.expect(Symbol::RParen)?;
        Ok(keys)
    }

    fn added_elements(&mut self) -> Result<Vec<TableElement>> {
        if self.at(Symbol::LParen) {
            self.parenthesized_list(Self::added_element)
        } else {
            Ok(vec![self.added_element()?])
        }
    }

    fn added_element(&mut self) -> Result<TableElement> {
        if self.at_keyword("WATERMARK") {
            return self.watermark().map(TableElement::Watermark);
        }
        if self.at_constraint() {
            return self.constraint().map(TableElement::Constraint);
        }
        if self.at_keyword("DISTRIBUTION") {
            return self.distribution("DISTRIBUTION").map(TableElement::Distribution);
        }
        let (column, constraint) = self.column()?;
        let position = if self.eat_keyword("FIRST") {
            Some(ColumnPosition::First)
        } else if self.eat_keyword("AFTER") {
            Some(ColumnPosition::After(self.object_name()?))
        } else {
            None
        };
        Ok(TableElement::Column { column, constraint, position })
    }

    fn alter_view(&mut self, start: Span) -> Result<Statement> {
        let name = self.object_name()?;
        let action = if self.eat_keyword("RENAME") {
            self.expect_keyword("TO")?;
            AlterViewAction::RenameTo(self.object_name()?)
        } else {
            self.expect_keyword("AS")?;
            AlterViewAction::As(Box::new(self.query()?))
        };
        Ok(Statement::AlterView(AlterView { name, action, span: self.since(start) }))
    }

    fn alter_catalog(&mut self, start: Span) -> Result<Statement> {
        let name = self.ident()?;
        let action = if self.eat_keyword("SET") {
            AlterCatalogAction::SetOptions(self.properties()?)
        } else if self.eat_keyword("RESET") {
            AlterCatalogAction::ResetOptions(self.option_keys()?)
        } else {
            self.expect_keyword("COMMENT")?;
            AlterCatalogAction::Comment(self.string()?)
        };
        Ok(Statement::AlterCatalog(AlterCatalog { name, action, span: self.since(start) }))
    }

    fn alter_function(&mut self, start: Span) -> Result<Statement> {
        let temporary = self.eat_keyword("TEMPORARY");
        let system = temporary && self.eat_keyword("SYSTEM");
        self.expect_keyword("FUNCTION")?;
        let if_exists = self.if_exists();
        let name = self.object_name()?;
        self.expect_keyword("AS")?;
        let class = self.string()?;
        let language = self.language()?;
        let span = self.since(start);
        let function = AlterFunction { temporary, system, if_exists, name, class, language, span };
        Ok(Statement::AlterFunction(function))
    }
}
