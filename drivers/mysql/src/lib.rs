//! The MySQL and MariaDB driver of oarlock, on mysql_async.
