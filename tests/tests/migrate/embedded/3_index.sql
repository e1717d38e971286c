CREATE INDEX city_reverse ON city (name, country);
-- oarlock: down
DROP INDEX city_reverse;
