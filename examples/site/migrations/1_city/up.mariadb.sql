CREATE TABLE `city` (
  `id` BIGINT NOT NULL AUTO_INCREMENT,
  `name` VARCHAR(200) NOT NULL,
  `search_name` VARCHAR(600) NOT NULL,
  `country` VARCHAR(100) NOT NULL,
  `country_code` VARCHAR(2) NOT NULL,
  `region` VARCHAR(20) NOT NULL,
  `population` BIGINT NOT NULL,
  `latitude` DOUBLE NOT NULL,
  `longitude` DOUBLE NOT NULL,
  `timezone` VARCHAR(50) NOT NULL,
  CONSTRAINT `city_pkey` PRIMARY KEY (`id`),
  CONSTRAINT `city_name_country_code_region_latitude_longitude_key` UNIQUE (`name`, `country_code`, `region`, `latitude`, `longitude`),
  CONSTRAINT `city_check` CHECK (population >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE INDEX `city_search_name_idx` ON `city` (`search_name`);

CREATE INDEX `city_population_idx` ON `city` (`population`);
