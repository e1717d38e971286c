-- oarlock: up
CREATE TABLE country (code varchar(2) NOT NULL PRIMARY KEY, name varchar(80) NOT NULL);
INSERT INTO country VALUES ('no', 'Norway; of the fjords');
-- oarlock: down
DROP TABLE country;
