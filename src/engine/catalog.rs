//! Catalogs, databases, tables and views in memory.

use super::partitions::Partition;
use crate::base::{Error, ErrorKind, Result};
use crate::sql::ast;
use crate::sql::binder::{ViewSource, Views};
use crate::table::{Catalog, TableDef, TableName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The catalog and the database that every session has.
const DEFAULT_CATALOG: &str = "default_catalog";
const DEFAULT_DATABASE: &str = "default_database";

/// The one type of catalog there is (Flink's `GenericInMemoryCatalogFactory`).
pub(super) const CATALOG_TYPE: &str = "generic_in_memory";

/// A table as it was declared: LIKE and AS resolved, changes of ALTER applied.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) written: Arc<ast::CreateTable>,
    pub(super) def: Arc<TableDef>,
    /// Declared by ALTER TABLE.
    pub(super) partitions: Vec<Partition>,
}

/// A view.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) written: Arc<ast::CreateView>,
    pub(super) source: ViewSource,
}

/// What a name may stand for.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Table(Declared),
    View(View),
}

/// Name and comment of a database.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) properties: BTreeMap<String, String>,
}

/// A catalog: its databases and what it was created with.
#[derive(Debug)]
pub(super) struct CatalogEntry {
    pub(super) properties: BTreeMap<String, String>,
    pub(super) comment: Option<String>,
    default_database: String,
    pub(super) databases: BTreeMap<String, Database>,
}

/// All catalogs of one session, and which of them is in use.
#[derive(Debug)]
pub(super) struct MemoryCatalog {
    pub(super) catalogs: BTreeMap<String, CatalogEntry>,
    permanent: BTreeMap<TableName, Object>,
    /// They hide permanent objects of the same name.
    temporary: BTreeMap<TableName, Object>,
    catalog: String,
    database: String,
}

impl Default for MemoryCatalog {
    fn default() -> MemoryCatalog {
        let properties = BTreeMap::from([("type".to_owned(), CATALOG_TYPE.to_owned())]);
        let entry = CatalogEntry::new(properties, None, DEFAULT_DATABASE.to_owned());
        MemoryCatalog {
            catalogs: BTreeMap::from([(DEFAULT_CATALOG.to_owned(), entry)]),
            permanent: BTreeMap::new(),
            temporary: BTreeMap::new(),
            catalog: DEFAULT_CATALOG.to_owned(),
            database: DEFAULT_DATABASE.to_owned(),
        }
    }
}

impl CatalogEntry {
    pub(super) fn new(
        properties: BTreeMap<String, String>,
        comment: Option<String>,
        default_database: String,
    ) -> CatalogEntry {
        let databases = BTreeMap::from([(default_database.clone(), Database::default())]);
        CatalogEntry { properties, comment, default_database, databases }
    }
}

/// Names or types do not fit.
pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Schema, message)
}

/// `` `catalog`.`database`.`table` ``, as Flink writes identifiers in most messages.
pub(super) fn quoted(name: &TableName) -> String {
    format!("`{}`.`{}`.`{}`", name.catalog, name.database, name.table)
}

impl MemoryCatalog {
    pub(super) fn current(&self) -> (&str, &str) {
        (&self.catalog, &self.database)
    }

    pub(super) fn catalog(&self, name: &str) -> Result<&CatalogEntry> {
        self.catalogs
            .get(name)
            .ok_or_else(|| refused(format!("a catalog with name [{name}] does not exist")))
    }

    /// Catalog and database of a name of one or two parts.
    pub(super) fn resolve_database(&self, parts: &[String]) -> (String, String) {
        match parts {
            [database] => (self.catalog.clone(), database.clone()),
            [catalog, database, ..] => (catalog.clone(), database.clone()),
            [] => (self.catalog.clone(), self.database.clone()),
        }
    }

    /// USE CATALOG: its default database is used too.
    pub(super) fn use_catalog(&mut self, name: &str) -> Result<()> {
        let database = self.catalog(name)?.default_database.clone();
        if self.catalog != name {
            name.clone_into(&mut self.catalog);
            self.database = database;
        }
        Ok(())
    }

    /// USE.
    pub(super) fn use_database(&mut self, parts: &[String]) -> Result<()> {
        let (catalog, database) = self.resolve_database(parts);
        if !self.catalog(&catalog)?.databases.contains_key(&database) {
            return Err(refused(format!(
                "a database with name [{database}] does not exist in the catalog: [{catalog}]"
            )));
        }
        (self.catalog, self.database) = (catalog, database);
        Ok(())
    }

    pub(super) fn drop_catalog(&mut self, name: &str) -> Result<()> {
        if self.catalog == name {
            return Err(refused("cannot drop a catalog which is currently in use"));
        }
        self.catalogs.remove(name);
        self.permanent.retain(|table, _| table.catalog != name);
        Ok(())
    }

    /// Removes a database; one that holds tables only with `cascade`.
    pub(super) fn drop_database(&mut self, catalog: &str, name: &str, cascade: bool) -> Result<()> {
        if (self.catalog.as_str(), self.database.as_str()) == (catalog, name) {
            return Err(refused("cannot drop a database which is currently in use"));
        }
        let inside = |table: &TableName| table.catalog == catalog && table.database == name;
        if !cascade && self.permanent.keys().any(inside) {
            return Err(refused(format!("database {name} in catalog {catalog} is not empty")));
        }
        self.permanent.retain(|table, _| !inside(table));
        if let Some(entry) = self.catalogs.get_mut(catalog) {
            entry.databases.remove(name);
        }
        Ok(())
    }

    /// What a name stands for: a temporary object before a permanent one.
    pub(super) fn object(&self, name: &TableName) -> Option<&Object> {
        self.temporary.get(name).or_else(|| self.permanent.get(name))
    }

    pub(super) fn is_temporary(&self, name: &TableName) -> bool {
        self.temporary.contains_key(name)
    }

    pub(super) fn permanent(&self, name: &TableName) -> Option<&Object> {
        self.permanent.get(name)
    }

    /// Adds an object; says false where one of that name exists and may.
    pub(super) fn create(
        &mut self,
        name: TableName,
        object: Object,
        temporary: bool,
        if_not_exists: bool,
    ) -> Result<bool> {
        let entry = self.catalogs.get(&name.catalog);
        if !temporary && !entry.is_some_and(|entry| entry.databases.contains_key(&name.database)) {
            return Err(refused(format!(
                "database {} does not exist in catalog {}",
                name.database, name.catalog
            )));
        }
        let objects = if temporary { &mut self.temporary } else { &mut self.permanent };
        if objects.contains_key(&name) {
            if if_not_exists {
                return Ok(false);
            }
            return Err(refused(if temporary {
                format!("temporary table '{}' already exists", quoted(&name))
            } else {
                exists(&name)
            }));
        }
        objects.insert(name, object);
        Ok(true)
    }

    /// Puts a changed object in place of the one of that name.
    pub(super) fn replace(&mut self, name: &TableName, object: Object) {
        let slot = match self.temporary.get_mut(name) {
            Some(slot) => Some(slot),
            None => self.permanent.get_mut(name),
        };
        if let Some(slot) = slot {
            *slot = object;
        }
    }

    /// Puts a permanent object, or none, in the place of a name, and gives back what was there.
    pub(super) fn swap(&mut self, name: &TableName, object: Option<Object>) -> Option<Object> {
        match object {
            Some(object) => self.permanent.insert(name.clone(), object),
            None => self.permanent.remove(name),
        }
    }

    /// Removes an object; says whether it was there.
    pub(super) fn drop(&mut self, name: &TableName, temporary: bool) -> bool {
        let objects = if temporary { &mut self.temporary } else { &mut self.permanent };
        objects.remove(name).is_some()
    }

    /// Objects of a database, temporary ones in their places, sorted by name.
    pub(super) fn objects<'s>(
        &'s self,
        catalog: &'s str,
        database: &'s str,
    ) -> impl Iterator<Item = (&'s str, &'s Object)> {
        let inside = move |(name, object): (&'s TableName, &'s Object)| {
            (name.catalog == catalog && name.database == database)
                .then_some((name.table.as_str(), object))
        };
        let mut all: BTreeMap<&str, &Object> = self.permanent.iter().filter_map(inside).collect();
        all.extend(self.temporary.iter().filter_map(inside));
        all.into_iter()
    }

    /// Names of all objects.
    pub(super) fn names(&self) -> impl Iterator<Item = &TableName> {
        let hidden = |name: &&TableName| !self.temporary.contains_key(*name);
        self.permanent.keys().filter(hidden).chain(self.temporary.keys())
    }
}

/// An object of that name is in the way.
pub(super) fn exists(name: &TableName) -> String {
    format!(
        "table (or view) {}.{} already exists in catalog {}",
        name.database, name.table, name.catalog
    )
}

impl Catalog for MemoryCatalog {
    fn resolve(&self, parts: &[String]) -> TableName {
        let part = |from_end: usize, default: &str| {
            parts
                .len()
                .checked_sub(from_end)
                .and_then(|at| parts.get(at))
                .map_or(default, String::as_str)
                .to_owned()
        };
        TableName {
            catalog: part(3, &self.catalog),
            database: part(2, &self.database),
            table: part(1, ""),
        }
    }

    fn table(&self, name: &TableName) -> Option<Arc<TableDef>> {
        match self.object(name)? {
            Object::Table(table) => Some(Arc::clone(&table.def)),
            Object::View(_) => None,
        }
    }

    fn table_names(&self) -> Vec<String> {
        self.objects(&self.catalog, &self.database).map(|(name, _)| name.to_owned()).collect()
    }
}

impl Views for MemoryCatalog {
    fn view(&self, name: &TableName) -> Option<ViewSource> {
        match self.object(name)? {
            Object::View(view) => Some(view.source.clone()),
            Object::Table(_) => None,
        }
    }
}
