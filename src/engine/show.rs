//! SHOW and DESCRIBE.

use super::catalog::{Object, quoted, refused};
use super::ddl::parts;
use super::describe;
use super::partitions;
use super::session::Session;
use crate::base::{Error, Result};
use crate::expr::{LikePattern, function_names};
use crate::plan::Settings;
use crate::sql::ast::{
    Describe, DescribeObject, ObjectName, PartitionItem, Show, ShowLike, ShowWhat,
};
use crate::table::{Catalog as _, TableName};

impl Session {
    /// SHOW in all its forms.
    pub(super) fn show(&self, show: &Show) -> Result<()> {
        match &show.what {
            ShowWhat::Catalogs => {
                let names = self.catalog.catalogs.keys().cloned().collect();
                self.names(show, "catalog name", names)
            }
            ShowWhat::CurrentCatalog => self.one("current catalog name", self.catalog.current().0),
            ShowWhat::CurrentDatabase => {
                self.one("current database name", self.catalog.current().1)
            }
            ShowWhat::Databases => {
                let (current, _) = self.catalog.current();
                let catalog = show.scope.as_ref().map_or(current, |scope| scope.name.last());
                let entry = self.catalog.catalog(catalog).map_err(|error| error.at(show.span))?;
                self.names(show, "database name", entry.databases.keys().cloned().collect())
            }
            ShowWhat::Tables => self.names(show, "table name", self.objects(show, false)?),
            ShowWhat::Views => self.names(show, "view name", self.objects(show, true)?),
            ShowWhat::Columns => {
                let Some(scope) = &show.scope else {
                    return Err(Error::internal("SHOW COLUMNS without a table"));
                };
                self.describe_table(&scope.name, show.like.as_ref())
            }
            ShowWhat::Functions { user } => {
                let names = if *user {
                    Vec::new()
                } else {
                    function_names().into_iter().map(str::to_owned).collect()
                };
                self.names(show, "function name", names)
            }
            ShowWhat::Modules { full } => {
                let mut row = vec!["core".to_owned()];
                let mut header = vec!["module name"];
                if *full {
                    row.push("TRUE".to_owned());
                    header.push("used");
                }
                self.print_table(&header, &[row])
            }
            ShowWhat::Jars => self.print_table(&["jars"], &[]),
            ShowWhat::Jobs => self.show_jobs(),
            ShowWhat::Procedures => {
                Err(refused("there are no procedures in a catalog in memory").at(show.span))
            }
            ShowWhat::CreateTable(name) => self.show_create_table(name),
            ShowWhat::CreateView(name) => self.show_create_view(name),
            ShowWhat::CreateCatalog(name) => self.show_create_catalog(name),
            ShowWhat::Partitions(name, of) => self.show_partitions(name, of),
            // There are none; that the database is there is checked all the same.
            ShowWhat::Models => {
                self.objects(show, false)?;
                self.names(show, "model name", Vec::new())
            }
        }
    }

    fn names(&self, show: &Show, header: &str, names: Vec<String>) -> Result<()> {
        let filter = Filter::new(show.like.as_ref())?;
        let names = names.into_iter().filter(|name| filter.keeps(name));
        let rows: Vec<Vec<String>> = names.map(|name| vec![name]).collect();
        self.print_table(&[header], &rows)
    }

    fn one(&self, header: &str, value: &str) -> Result<()> {
        self.print_table(&[header], &[vec![value.to_owned()]])
    }

    fn objects(&self, show: &Show, only_views: bool) -> Result<Vec<String>> {
        let (catalog, database) = match &show.scope {
            None => {
                let (catalog, database) = self.catalog.current();
                (catalog.to_owned(), database.to_owned())
            }
            Some(scope) => self.catalog.resolve_database(&parts(&scope.name)),
        };
        let entry = self.catalog.catalog(&catalog).map_err(|error| error.at(show.span))?;
        if !entry.databases.contains_key(&database) {
            return Err(
                refused(format!("database '{catalog}'.'{database}' doesn't exist")).at(show.span)
            );
        }
        let kept = |(_, object): &(&str, &Object)| !only_views || matches!(object, Object::View(_));
        let objects = self.catalog.objects(&catalog, &database).filter(kept);
        Ok(objects.map(|(name, _)| name.to_owned()).collect())
    }

    fn show_jobs(&self) -> Result<()> {
        let row = |name: &str| vec![name.to_owned(), "RUNNING".to_owned()];
        let rows: Vec<Vec<String>> = self.running_names().map(row).collect();
        self.print_table(&["job name", "status"], &rows)
    }

    fn show_partitions(&self, name: &ObjectName, of: &[PartitionItem]) -> Result<()> {
        let (full, object) = self.find(name)?;
        match object {
            Object::Table(table) if !table.def.partitioned_by.is_empty() => {
                let of = partitions::values(of)?;
                let shown = table.partitions.iter().filter(|p| of.iter().all(|v| p.contains(v)));
                let rows: Vec<Vec<String>> = shown.map(|p| vec![partitions::name(p)]).collect();
                self.print_table(&["partition name"], &rows)
            }
            _ => Err(refused(format!("table {full} is not partitioned")).at(name.span)),
        }
    }

    /// DESCRIBE in all its forms.
    pub(super) fn describe(&self, statement: &Describe) -> Result<()> {
        match statement.object {
            DescribeObject::Table => self.describe_table(&statement.name, None),
            DescribeObject::Catalog => self.describe_catalog(statement),
            DescribeObject::Database | DescribeObject::Function => {
                let what = match statement.object {
                    DescribeObject::Database => "DESCRIBE DATABASE",
                    _ => "DESCRIBE FUNCTION",
                };
                Err(Error::unsupported(what).at(statement.span))
            }
        }
    }

    fn describe_table(&self, name: &ObjectName, like: Option<&ShowLike>) -> Result<()> {
        let filter = Filter::new(like)?;
        let (full, object) = self.find(name)?;
        let settings = Settings::read(&self.options)?;
        let mut columns = match object {
            Object::Table(table) => describe::table(table),
            Object::View(view) => {
                describe::query(&self.binder(&settings).view(&full, &view.source)?)
            }
        };
        if settings.batch {
            columns = columns.into_iter().map(describe::Column::without_rowtime).collect();
        }
        let with_comments = columns.iter().any(|column| !column.comment.is_empty());
        let mut header = vec!["name", "type", "null", "key", "extras", "watermark"];
        if with_comments {
            header.push("comment");
        }
        let columns = columns.into_iter().filter(|column| filter.keeps(&column.name));
        let rows: Vec<Vec<String>> = columns.map(|column| column.row(with_comments)).collect();
        self.print_table(&header, &rows)
    }

    fn describe_catalog(&self, statement: &Describe) -> Result<()> {
        let name = statement.name.last();
        let entry = self.catalog.catalog(name).map_err(|error| error.at(statement.name.span))?;
        let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
        let option = |key: &str| entry.properties.get(key).map_or("", String::as_str);
        let mut rows = vec![
            row("name", name),
            row("type", option("type")),
            row("comment", entry.comment.as_deref().unwrap_or("")),
        ];
        if statement.extended {
            let options = entry.properties.iter().filter(|(key, _)| *key != "type");
            rows.extend(options.map(|(key, value)| row(&format!("option:{key}"), value)));
        }
        self.print_table(&["info name", "info value"], &rows)
    }

    fn show_create_table(&self, name: &ObjectName) -> Result<()> {
        let (full, object) = self.find(name)?;
        match object {
            Object::Table(table) => {
                let temporary = self.catalog.is_temporary(&full);
                self.one("result", &describe::create_table(table, temporary))
            }
            Object::View(_) => Err(refused(format!(
                "SHOW CREATE TABLE is only supported for tables, but {} is a view",
                quoted(&full)
            ))
            .with_hint("use SHOW CREATE VIEW")
            .at(name.span)),
        }
    }

    fn show_create_view(&self, name: &ObjectName) -> Result<()> {
        let (full, object) = self.find(name)?;
        match object {
            Object::View(view) => {
                let temporary = self.catalog.is_temporary(&full);
                self.one("result", &describe::create_view(&full, view, temporary))
            }
            Object::Table(_) => Err(refused(format!(
                "SHOW CREATE VIEW is only supported for views, but {} is a table",
                quoted(&full)
            ))
            .with_hint("use SHOW CREATE TABLE")
            .at(name.span)),
        }
    }

    fn show_create_catalog(&self, name: &ObjectName) -> Result<()> {
        let entry = self.catalog.catalog(name.last()).map_err(|error| error.at(name.span))?;
        self.one("result", &describe::create_catalog(name.last(), entry))
    }

    fn find(&self, name: &ObjectName) -> Result<(TableName, &Object)> {
        let full = self.catalog.resolve(&parts(name));
        match self.catalog.object(&full) {
            Some(object) => Ok((full, object)),
            None => {
                let near = self.catalog.table_names();
                let near = crate::base::nearest(name.last(), near.iter().map(String::as_str));
                let error = refused(format!(
                    "tables or views with the identifier '{}' doesn't exist",
                    quoted(&full)
                ))
                .at(name.span);
                Err(match near {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                })
            }
        }
    }
}

/// `[NOT] LIKE 'pattern'` of a SHOW.
struct Filter {
    pattern: Option<LikePattern>,
    negated: bool,
    ignore_case: bool,
}

impl Filter {
    fn new(like: Option<&ShowLike>) -> Result<Filter> {
        let Some(like) = like else {
            return Ok(Filter { pattern: None, negated: false, ignore_case: false });
        };
        let text = match like.ignore_case {
            true => like.pattern.value.to_lowercase(),
            false => like.pattern.value.clone(),
        };
        let pattern = LikePattern::new(&text, None)
            .map_err(|message| refused(message).at(like.pattern.span))?;
        Ok(Filter { pattern: Some(pattern), negated: like.negated, ignore_case: like.ignore_case })
    }

    fn keeps(&self, name: &str) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let found = match self.ignore_case {
            true => pattern.matches(&name.to_lowercase()),
            false => pattern.matches(name),
        };
        found != self.negated
    }
}
