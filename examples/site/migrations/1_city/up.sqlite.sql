-- Each CHECK keeps values of other types out: SQLite itself would take them.
CREATE TABLE "city" (
  "id" integer NOT NULL CONSTRAINT "city_pkey" PRIMARY KEY,
  "name" varchar(200) NOT NULL CHECK (typeof("name") IN ('text', 'null') AND length("name") <= 200),
  "search_name" varchar(600) NOT NULL CHECK (typeof("search_name") IN ('text', 'null') AND length("search_name") <= 600),
  "country" varchar(100) NOT NULL CHECK (typeof("country") IN ('text', 'null') AND length("country") <= 100),
  "country_code" varchar(2) NOT NULL CHECK (typeof("country_code") IN ('text', 'null') AND length("country_code") <= 2),
  "region" varchar(20) NOT NULL CHECK (typeof("region") IN ('text', 'null') AND length("region") <= 20),
  "population" integer NOT NULL CHECK (typeof("population") IN ('integer', 'null')),
  "latitude" real NOT NULL CHECK (typeof("latitude") IN ('real', 'null')),
  "longitude" real NOT NULL CHECK (typeof("longitude") IN ('real', 'null')),
  "timezone" varchar(50) NOT NULL CHECK (typeof("timezone") IN ('text', 'null') AND length("timezone") <= 50),
  CONSTRAINT "city_name_country_code_region_latitude_longitude_key" UNIQUE ("name", "country_code", "region", "latitude", "longitude"),
  CONSTRAINT "city_check" CHECK (population >= 0)
);

CREATE INDEX "city_search_name_idx" ON "city" ("search_name");

CREATE INDEX "city_population_idx" ON "city" ("population");
