//! CREATE, ALTER and USE of databases and catalogs.

use super::catalog::{CATALOG_TYPE, CatalogEntry, Database, refused};
use super::ddl::parts;
use super::session::Session;
use crate::base::{Error, ErrorKind, Result, Span};
use crate::sql::ast::{self, Ident, Property, UseKind};
use std::collections::BTreeMap;

fn map(properties: &[Property]) -> BTreeMap<String, String> {
    properties.iter().map(|p| (p.key.value.clone(), p.value.value.clone())).collect()
}

impl Session {
    /// CREATE DATABASE.
    pub(super) fn create_database(&mut self, create: &ast::CreateDatabase) -> Result<()> {
        let (catalog, database) = self.catalog.resolve_database(&parts(&create.name));
        let Some(entry) = self.catalog.catalogs.get_mut(&catalog) else {
            return Err(refused(format!("a catalog with name [{catalog}] does not exist"))
                .at(create.name.span));
        };
        if entry.databases.contains_key(&database) {
            return match create.if_not_exists {
                true => Ok(()),
                false => {
                    Err(refused(format!("database {database} already exists in catalog {catalog}"))
                        .at(create.name.span))
                }
            };
        }
        let properties = map(&create.properties);
        entry.databases.insert(database, Database { properties });
        Ok(())
    }

    /// ALTER DATABASE.
    pub(super) fn alter_database(&mut self, alter: &ast::AlterDatabase) -> Result<()> {
        let (catalog, database) = self.catalog.resolve_database(&parts(&alter.name));
        let entry = self.catalog.catalogs.get_mut(&catalog);
        let Some(known) = entry.and_then(|entry| entry.databases.get_mut(&database)) else {
            return Err(refused(format!(
                "database {database} does not exist in catalog {catalog}"
            ))
            .at(alter.name.span));
        };
        known.properties.extend(map(&alter.properties));
        Ok(())
    }

    /// CREATE CATALOG.
    pub(super) fn create_catalog(&mut self, create: &ast::CreateCatalog) -> Result<()> {
        let name = create.name.value.clone();
        if self.catalog.catalogs.contains_key(&name) {
            return match create.if_not_exists {
                true => Ok(()),
                false => {
                    Err(refused(format!("catalog {name} already exists")).at(create.name.span))
                }
            };
        }
        let properties = map(&create.properties);
        check_catalog_type(&properties, create)?;
        let comment = create.comment.as_ref().map(|comment| comment.value.clone());
        let database = properties.get("default-database").map_or("default", String::as_str);
        let database = database.to_owned();
        self.catalog.catalogs.insert(name, CatalogEntry::new(properties, comment, database));
        Ok(())
    }

    /// ALTER CATALOG.
    pub(super) fn alter_catalog(&mut self, alter: &ast::AlterCatalog) -> Result<()> {
        let name = &alter.name.value;
        let Some(entry) = self.catalog.catalogs.get_mut(name) else {
            return Err(refused(format!("catalog {name} does not exist")).at(alter.name.span));
        };
        match &alter.action {
            ast::AlterCatalogAction::SetOptions(properties) => {
                let properties = map(properties);
                check_catalog_options(&properties).map_err(|error| error.at(alter.name.span))?;
                entry.properties.extend(properties);
            }
            ast::AlterCatalogAction::ResetOptions(keys) => {
                if let Some(key) = keys.iter().find(|key| key.value == "type") {
                    return Err(refused("ALTER CATALOG RESET does not support changing 'type'")
                        .at(key.span));
                }
                keys.iter().for_each(|key| drop(entry.properties.remove(&key.value)));
            }
            ast::AlterCatalogAction::Comment(comment) => {
                entry.comment = Some(comment.value.clone());
            }
        }
        Ok(())
    }

    /// USE.
    pub(super) fn use_object(&mut self, statement: &ast::Use) -> Result<()> {
        let at = |span: Span| move |error: Error| error.at(span);
        match &statement.kind {
            UseKind::Catalog(name) => self.catalog.use_catalog(&name.value).map_err(at(name.span)),
            UseKind::Database(name) => {
                self.catalog.use_database(&parts(name)).map_err(at(name.span))
            }
            UseKind::Modules(modules) => match modules.iter().find(|m| m.value != "core") {
                None => Ok(()),
                Some(module) => Err(no_module(module)),
            },
        }
    }
}

/// Only modules written in Java exist besides `core`.
pub(super) fn no_module(module: &Ident) -> Error {
    refused(format!("module '{}' is not available", module.value))
        .with_hint("the built-in functions of module 'core' are always there")
        .at(module.span)
}

fn check_catalog_options(properties: &BTreeMap<String, String>) -> Result<()> {
    let known = |key: &str| key == "type" || key == "default-database";
    match properties.keys().find(|key| !known(key)) {
        None => Ok(()),
        Some(key) => {
            Err(Error::new(ErrorKind::Option, format!("unsupported option '{key}' of a catalog"))
                .with_hint("Supported options: default-database, type"))
        }
    }
}

fn check_catalog_type(
    properties: &BTreeMap<String, String>,
    create: &ast::CreateCatalog,
) -> Result<()> {
    let refused = |message: String| Error::new(ErrorKind::Option, message).at(create.span);
    let Some(found) = properties.get("type") else {
        return Err(refused(
            "catalog options do not contain an option key 'type' for discovering a catalog"
                .to_owned(),
        ));
    };
    if found == CATALOG_TYPE {
        return check_catalog_options(properties).map_err(|error| error.at(create.span));
    }
    if ["hive", "jdbc", "iceberg", "paimon", "hudi", "delta-catalog", "filesystem"]
        .contains(&found.as_str())
    {
        return Err(Error::unsupported(format!("catalog type '{found}'")).at(create.span));
    }
    Err(refused(format!("could not find any factory for identifier '{found}'"))
        .with_hint(format!("Supported catalog types: {CATALOG_TYPE}")))
}
