CREATE TABLE city (
    name varchar(80) NOT NULL PRIMARY KEY,
    country varchar(2) NOT NULL REFERENCES country (code)
);
