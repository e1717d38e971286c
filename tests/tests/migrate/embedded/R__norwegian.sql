CREATE VIEW norwegian AS SELECT name FROM city WHERE country = 'no';
