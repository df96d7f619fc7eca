//! Tables as they are, row by row: what a backup is made of, so that either database can take it up.

use super::schema::{self, Dialect};
use super::sql::{Sql, SqlError, values};
use super::value::{Row, Value};

/// Rows that are read at once. Those of manifests have up to four mebibytes each.
const PAGE_ROWS: u64 = 64;

/// A table of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, in order.
    pub(crate) columns: Vec<String>,
    /// Where the columns of its primary key are among them.
    key: Vec<usize>,
}

/// All tables in an order in which each comes after those that it refers to, but not those named in `except`.
pub(crate) fn all(
    sql: &mut dyn Sql,
    dialect: Dialect,
    except: &[&str],
) -> Result<Vec<Table>, SqlError> {
    schema::tables()
        .filter(|name| !except.contains(name))
        .map(|name| describe(sql, dialect, name))
        .collect()
}

fn describe(sql: &mut dyn Sql, dialect: Dialect, name: &str) -> Result<Table, SqlError> {
    let (columns, key) = match dialect {
        Dialect::Sqlite => (
            "SELECT name FROM pragma_table_info($1) ORDER BY cid",
            "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk",
        ),
        Dialect::Postgres => (
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
            "SELECT CAST(k.column_name AS TEXT) FROM information_schema.table_constraints c \
             JOIN information_schema.key_column_usage k ON k.constraint_name = c.constraint_name \
             AND k.table_schema = c.table_schema AND k.table_name = c.table_name \
             WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = current_schema() \
             AND c.table_name = $1 ORDER BY k.ordinal_position",
        ),
    };
    let columns = names(sql, columns, name)?;
    let key = names(sql, key, name)?
        .iter()
        .filter_map(|name| columns.iter().position(|column| column == name))
        .collect();
    Ok(Table {
        name: name.to_owned(),
        columns,
        key,
    })
}

fn names(sql: &mut dyn Sql, statement: &str, table: &str) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(statement, values![table])?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

impl Table {
    /// Gives every row to `each`, in the order of the primary key.
    pub(crate) fn for_each_row<E: From<SqlError>>(
        &self,
        sql: &mut dyn Sql,
        mut each: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after: Option<Vec<Value>> = None;
        loop {
            let rows = self.page(sql, after.as_deref())?;
            let is_last = (rows.len() as u64) < PAGE_ROWS;
            for row in rows {
                let row = row.into_columns();
                let key = self.key.iter().filter_map(|index| row.get(*index).cloned());
                after = Some(key.collect());
                each(row)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn page(&self, sql: &mut dyn Sql, after: Option<&[Value]>) -> Result<Vec<Row>, SqlError> {
        let columns = quoted(&self.columns);
        let key: Vec<String> = self
            .key
            .iter()
            .filter_map(|index| self.columns.get(*index).cloned())
            .collect();
        let (key, places) = (quoted(&key), numbered(key.len()));
        let begins = match after {
            Some(_) => format!("WHERE ({key}) > ({places})"),
            None => String::new(),
        };
        let name = &self.name;
        let statement =
            format!("SELECT {columns} FROM {name} {begins} ORDER BY {key} LIMIT {PAGE_ROWS}");
        sql.query(&statement, after.unwrap_or_default())
    }

    /// Adds a row that has its columns in the order of `columns`.
    pub(crate) fn insert(
        name: &str,
        columns: &[String],
        row: &[Value],
        sql: &mut dyn Sql,
    ) -> Result<(), SqlError> {
        let (names, places) = (quoted(columns), numbered(columns.len()));
        let statement = format!("INSERT INTO {name} ({names}) VALUES ({places})");
        sql.execute(&statement, row).map(drop)
    }

    /// Has the numbers that the database gives go on after those that were inserted.
    pub(crate) fn continue_numbers(
        &self,
        sql: &mut dyn Sql,
        dialect: Dialect,
    ) -> Result<(), SqlError> {
        if dialect == Dialect::Sqlite {
            return Ok(());
        }
        let has_numbers: Option<i64> = sql.query_value(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = current_schema() \
             AND table_name = $1 AND column_name = 'id' AND is_identity = 'YES'",
            values![&self.name],
        )?;
        if has_numbers == Some(1) {
            let name = &self.name;
            let statement = format!(
                "SELECT setval(CAST(pg_get_serial_sequence('{name}', 'id') AS regclass), MAX(id)) FROM {name}"
            );
            sql.query(&statement, &[])?;
        }
        Ok(())
    }
}

/// Has every record in storage written anew, for a database whose storage has none yet.
pub(crate) fn queue_all_records(sql: &mut dyn Sql) -> Result<(), SqlError> {
    sql.execute("DELETE FROM record_queue", &[])?;
    for statement in [
        "INSERT INTO record_queue (kind, name, item) SELECT 'project', name, '' FROM projects",
        "INSERT INTO record_queue (kind, name, item) SELECT 'manifest', r.name, m.digest \
         FROM manifests m JOIN repositories r ON r.id = m.repository",
        "INSERT INTO record_queue (kind, name, item) SELECT 'tag', r.name, t.name \
         FROM tags t JOIN repositories r ON r.id = t.repository",
    ] {
        sql.execute(statement, &[])?;
    }
    Ok(())
}

fn quoted(columns: &[String]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect();
    columns.join(", ")
}

fn numbered(count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
    places.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_with_its_key_and_after_those_that_it_refers_to() {
        let mut database = crate::db::in_memory();
        let sql: &mut dyn Sql = &mut *database;
        let tables = all(sql, Dialect::Sqlite, &[]).unwrap();
        let rows = sql
            .query(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                 AND name <> 'schema_steps' ORDER BY name",
                &[],
            )
            .unwrap();
        let expected: Vec<String> = rows.into_iter().map(|mut row| row.take(0)).collect();
        let mut found: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        for (index, table) in tables.iter().enumerate() {
            assert!(
                !table.columns.is_empty() && !table.key.is_empty(),
                "{table:?}"
            );
            let referred = sql
                .query(
                    "SELECT \"table\" FROM pragma_foreign_key_list($1)",
                    values![&table.name],
                )
                .unwrap();
            for mut row in referred {
                let name: String = row.take(0);
                let place = found.iter().position(|found| *found == name).unwrap();
                assert!(place < index, "{} comes before {name}", table.name);
            }
        }
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
