//! CREATE TABLE and ALTER statements.

use super::Printer;
use crate::sql::ast::{
    AlterCatalog, AlterCatalogAction, AlterFunction, AlterTable, AlterTableAction, AlterView,
    AlterViewAction, ColumnDef, ColumnKind, ColumnPosition, CreateTable, Distribution,
    DistributionKind, FunctionLanguage, LikeClause, LikeFeature, LikeStrategy, SqlString,
    TableConstraint, TableElement, Watermark,
};

impl Printer {
    pub(super) fn create_table(&mut self, table: &CreateTable) {
        self.text("CREATE ");
        self.text_if(table.or_replace, "OR REPLACE ");
        self.text_if(table.temporary, "TEMPORARY ");
        self.text("TABLE ");
        self.text_if(table.if_not_exists, "IF NOT EXISTS ");
        self.name(&table.name);
        self.parens_after(" ", &table.column_names, Self::ident);
        self.elements(table);
        self.comment(table.comment.as_ref());
        if let Some(distribution) = &table.distribution {
            self.text(" ");
            self.distribution("DISTRIBUTED", distribution);
        }
        self.parens_after(" PARTITIONED BY ", &table.partitioned_by, Self::ident);
        self.parens_after(" WITH ", &table.properties, Self::property);
        if let Some(like) = &table.like {
            self.like(like);
        }
        if let Some(query) = &table.as_query {
            self.text(" AS ");
            self.query(query);
        }
    }

    fn elements(&mut self, table: &CreateTable) {
        let count = table.columns.len() + table.watermarks.len() + table.constraints.len();
        if count == 0 {
            return;
        }
        self.text(" (");
        self.list(&table.columns, Self::column);
        let mut first = table.columns.is_empty();
        for watermark in &table.watermarks {
            self.text_if(!first, ", ");
            first = false;
            self.watermark(watermark);
        }
        for constraint in &table.constraints {
            self.text_if(!first, ", ");
            first = false;
            self.constraint(constraint);
        }
        self.text(")");
    }

    fn column(&mut self, column: &ColumnDef) {
        self.ident(&column.name);
        match &column.kind {
            ColumnKind::Physical(data_type) => {
                self.text(" ");
                self.data_type(data_type);
            }
            ColumnKind::Metadata { data_type, from, is_virtual } => {
                self.text(" ");
                self.data_type(data_type);
                self.text(" METADATA");
                if let Some(from) = from {
                    self.text(" FROM ");
                    self.string(from);
                }
                self.text_if(*is_virtual, " VIRTUAL");
            }
            ColumnKind::Computed(expr) => {
                self.text(" AS ");
                self.any(expr);
            }
        }
        self.comment(column.comment.as_ref());
    }

    pub(super) fn comment(&mut self, comment: Option<&SqlString>) {
        if let Some(comment) = comment {
            self.text(" COMMENT ");
            self.string(comment);
        }
    }

    fn watermark(&mut self, watermark: &Watermark) {
        self.text("WATERMARK FOR ");
        self.name(&watermark.column);
        self.text(" AS ");
        self.any(&watermark.expr);
    }

    fn constraint(&mut self, constraint: &TableConstraint) {
        if let Some(name) = &constraint.name {
            self.text("CONSTRAINT ");
            self.ident(name);
            self.text(" ");
        }
        self.text(if constraint.unique { "UNIQUE " } else { "PRIMARY KEY " });
        self.parens(&constraint.columns, Self::ident);
        self.enforced(constraint);
    }

    fn enforced(&mut self, constraint: &TableConstraint) {
        self.text(match constraint.enforced {
            Some(true) => " ENFORCED",
            Some(false) => " NOT ENFORCED",
            None => "",
        });
    }

    fn distribution(&mut self, first: &str, distribution: &Distribution) {
        self.text(first);
        if !distribution.columns.is_empty() {
            self.text(match distribution.kind {
                Some(DistributionKind::Hash) => " BY HASH ",
                Some(DistributionKind::Range) => " BY RANGE ",
                None => " BY ",
            });
            self.parens(&distribution.columns, Self::ident);
        }
        if let Some(buckets) = distribution.buckets {
            self.text(&format!(" INTO {buckets} BUCKETS"));
        }
    }

    fn like(&mut self, like: &LikeClause) {
        self.text(" LIKE ");
        self.name(&like.table);
        if like.options.is_empty() {
            return;
        }
        self.text(" (");
        for (i, option) in like.options.iter().enumerate() {
            self.text_if(i > 0, " ");
            self.text(match option.strategy {
                LikeStrategy::Including => "INCLUDING ",
                LikeStrategy::Excluding => "EXCLUDING ",
                LikeStrategy::Overwriting => "OVERWRITING ",
            });
            self.text(match option.feature {
                LikeFeature::All => "ALL",
                LikeFeature::Constraints => "CONSTRAINTS",
                LikeFeature::Distribution => "DISTRIBUTION",
                LikeFeature::Generated => "GENERATED",
                LikeFeature::Metadata => "METADATA",
                LikeFeature::Options => "OPTIONS",
                LikeFeature::Partitions => "PARTITIONS",
                LikeFeature::Watermarks => "WATERMARKS",
            });
        }
        self.text(")");
    }

    pub(super) fn alter_table(&mut self, alter: &AlterTable) {
        self.text("ALTER TABLE ");
        self.text_if(alter.if_exists, "IF EXISTS ");
        self.name(&alter.name);
        match &alter.action {
            AlterTableAction::RenameTo(name) => {
                self.text(" RENAME TO ");
                self.name(name);
            }
            AlterTableAction::RenameColumn { from, to } => {
                self.text(" RENAME ");
                self.name(from);
                self.text(" TO ");
                self.name(to);
            }
            AlterTableAction::SetOptions(properties) => {
                self.text(" SET ");
                self.parens(properties, Self::property);
            }
            AlterTableAction::ResetOptions(keys) => {
                self.text(" RESET ");
                self.parens(keys, Self::string);
            }
            AlterTableAction::Add(elements) => {
                self.text(" ADD ");
                self.parens(elements, Self::element);
            }
            AlterTableAction::Modify(elements) => {
                self.text(" MODIFY ");
                self.parens(elements, Self::element);
            }
            AlterTableAction::DropColumns(columns) => {
                self.text(" DROP ");
                self.parens(columns, Self::name);
            }
            AlterTableAction::DropPrimaryKey => self.text(" DROP PRIMARY KEY"),
            AlterTableAction::DropConstraint(name) => {
                self.text(" DROP CONSTRAINT ");
                self.ident(name);
            }
            AlterTableAction::DropWatermark => self.text(" DROP WATERMARK"),
            AlterTableAction::DropDistribution => self.text(" DROP DISTRIBUTION"),
            AlterTableAction::AddPartitions { if_not_exists, partitions } => {
                self.text(" ADD");
                self.text_if(*if_not_exists, " IF NOT EXISTS");
                for partition in partitions {
                    self.partition(&partition.items);
                    self.parens_after(" WITH ", &partition.properties, Self::property);
                }
            }
            AlterTableAction::DropPartitions { if_exists, partitions } => {
                self.text(" DROP");
                self.text_if(*if_exists, " IF EXISTS");
                self.list(partitions, |p, partition| p.partition(&partition.items));
            }
        }
    }

    fn element(&mut self, element: &TableElement) {
        match element {
            TableElement::Column { column, constraint, position } => {
                self.added_column(column, constraint.as_ref());
                match position {
                    None => {}
                    Some(ColumnPosition::First) => self.text(" FIRST"),
                    Some(ColumnPosition::After(name)) => {
                        self.text(" AFTER ");
                        self.name(name);
                    }
                }
            }
            TableElement::Watermark(watermark) => self.watermark(watermark),
            TableElement::Constraint(constraint) => self.constraint(constraint),
            TableElement::Distribution(distribution) => {
                self.distribution("DISTRIBUTION", distribution);
            }
        }
    }

    /// A column whose constraint stands between its type and its comment.
    fn added_column(&mut self, column: &ColumnDef, constraint: Option<&TableConstraint>) {
        let (ColumnKind::Physical(data_type), Some(constraint)) = (&column.kind, constraint) else {
            return self.column(column);
        };
        self.ident(&column.name);
        self.text(" ");
        self.data_type(data_type);
        if let Some(name) = &constraint.name {
            self.text(" CONSTRAINT ");
            self.ident(name);
        }
        self.text(if constraint.unique { " UNIQUE" } else { " PRIMARY KEY" });
        self.enforced(constraint);
        self.comment(column.comment.as_ref());
    }

    pub(super) fn alter_view(&mut self, alter: &AlterView) {
        self.text("ALTER VIEW ");
        self.name(&alter.name);
        match &alter.action {
            AlterViewAction::RenameTo(name) => {
                self.text(" RENAME TO ");
                self.name(name);
            }
            AlterViewAction::As(query) => {
                self.text(" AS ");
                self.query(query);
            }
        }
    }

    pub(super) fn alter_catalog(&mut self, alter: &AlterCatalog) {
        self.text("ALTER CATALOG ");
        self.ident(&alter.name);
        match &alter.action {
            AlterCatalogAction::SetOptions(properties) => {
                self.text(" SET ");
                self.parens(properties, Self::property);
            }
            AlterCatalogAction::ResetOptions(keys) => {
                self.text(" RESET ");
                self.parens(keys, Self::string);
            }
            AlterCatalogAction::Comment(comment) => self.comment(Some(comment)),
        }
    }

    pub(super) fn alter_function(&mut self, alter: &AlterFunction) {
        self.text("ALTER ");
        self.text_if(alter.temporary, "TEMPORARY ");
        self.text_if(alter.system, "SYSTEM ");
        self.text("FUNCTION ");
        self.text_if(alter.if_exists, "IF EXISTS ");
        self.name(&alter.name);
        self.text(" AS ");
        self.string(&alter.class);
        self.language(alter.language);
    }

    pub(super) fn language(&mut self, language: Option<FunctionLanguage>) {
        self.text(match language {
            None => "",
            Some(FunctionLanguage::Java) => " LANGUAGE JAVA",
            Some(FunctionLanguage::Scala) => " LANGUAGE SCALA",
            Some(FunctionLanguage::Python) => " LANGUAGE PYTHON",
            Some(FunctionLanguage::Sql) => " LANGUAGE SQL",
        });
    }
}
