//! One connection, one cursor, every database: SQLite, PostgreSQL, MySQL and MariaDB behind one contract.
