#!/usr/bin/env python3
"""Writes Sources/RegardsCalendar/LunarTable.swift: the Chinese calendar of 1900 to 2100, packed.

    python3 scripts/lunar-table.py            write the table
    python3 scripts/lunar-table.py --check DIR   compare with reference tables (DIR holds
                                              lunar_months.jsonl and solar_terms.jsonl)
    python3 scripts/lunar-table.py --close    list what falls within ten minutes of midnight

Where the facts come from: nothing is copied from a published calendar. New moons and solar terms are
computed, and the calendar follows from them by its rules (GB/T 33661-2017):
  - a month begins on the day of its new moon, and a day begins at midnight in China: UTC+8, and
    before 1929 the mean time of Beijing, 116 degrees 25 minutes east (UTC+7:45:40);
  - the month with the winter solstice is the eleventh;
  - where thirteen months begin from one eleventh month until before the next, the first of them that
    contains no principal term (a multiple of 30 degrees of the sun's longitude) is the leap month.
Solar terms are dated in UTC+8 throughout. One day is set by hand (PUBLISHED): where the sky says one
thing and the calendar that people then lived by another.

Astronomy: new moons after J. Meeus, "Astronomical Algorithms", chapter 49 (within about 20 seconds);
the sun's longitude from VSOP87 (Bretagnon and Francou 1988), the terms that Meeus lists in appendix III
(within one arc second, so 25 seconds of time), with aberration and the main terms of nutation; delta T
after Espenak and Meeus, "Five Millennium Canon of Solar Eclipses" (2006). How the earth's rotation will
go on is not known: by 2057 the figure may be off by half a minute, by 2097 by two.

How it was checked: against reference tables of 1,243 months and 783 terms (--check), and against PyEphem
4.2 (full VSOP87 and its own lunar theory): new moons differ by at most 16 seconds and terms by at most 24,
and no day differs but those of two terms within five seconds of midnight, 1951-12-23 and 1979-01-21.
"""

import json
import math
import os
import sys

FIRST, LAST = 1900, 2100
J1970 = 2440587.5
TERMS = ["xiaohan", "dahan", "lichun", "yushui", "jingzhe", "chunfen", "qingming", "guyu", "lixia", "xiaoman",
         "mangzhong", "xiazhi", "xiaoshu", "dashu", "liqiu", "chushu", "bailu", "qiufen", "hanlu", "shuangjiang",
         "lidong", "xiaoxue", "daxue", "dongzhi"]


# --- time -------------------------------------------------------------------------------------------

def delta_t(year):
    """Terrestrial time minus universal time, in seconds."""
    if year < 1920:
        t = year - 1900
        return -2.79 + 1.494119 * t - 0.0598939 * t**2 + 0.0061966 * t**3 - 0.000197 * t**4
    if year < 1941:
        t = year - 1920
        return 21.20 + 0.84493 * t - 0.076100 * t**2 + 0.0020936 * t**3
    if year < 1961:
        t = year - 1950
        return 29.07 + 0.407 * t - t**2 / 233 + t**3 / 2547
    if year < 1986:
        t = year - 1975
        return 45.45 + 1.067 * t - t**2 / 260 - t**3 / 718
    if year < 2005:
        t = year - 2000
        return (63.86 + 0.3345 * t - 0.060374 * t**2 + 0.0017275 * t**3 + 0.000651814 * t**4
                + 0.00002373599 * t**5)
    if year < 2050:
        t = year - 2000
        return 62.92 + 0.32217 * t + 0.005589 * t**2
    return -20 + 32 * ((year - 1820) / 100)**2 - 0.5628 * (2150 - year)


def universal(jde):
    """Julian day in universal time, from one in terrestrial time."""
    return jde - delta_t(2000 + (jde - 2451545) / 365.25) / 86400


def china_offset(jd):
    """Days that clocks in China are ahead of UTC, for the beginning of months."""
    return 8 / 24 if jd >= julian(1929, 1, 1) else (7 + 45 / 60 + 40 / 3600) / 24


def julian(year, month, day):
    return days_from_civil(year, month, day) + J1970


def days_from_civil(year, month, day):
    import datetime
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days


def civil(day):
    import datetime
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=day)


# --- the moon ---------------------------------------------------------------------------------------

MOON = [  # coefficient, power of E, multiples of M, M', F, omega
    (-0.40720, 0, 0, 1, 0, 0), (0.17241, 1, 1, 0, 0, 0), (0.01608, 0, 0, 2, 0, 0), (0.01039, 0, 0, 0, 2, 0),
    (0.00739, 1, -1, 1, 0, 0), (-0.00514, 1, 1, 1, 0, 0), (0.00208, 2, 2, 0, 0, 0), (-0.00111, 0, 0, 1, -2, 0),
    (-0.00057, 0, 0, 1, 2, 0), (0.00056, 1, 1, 2, 0, 0), (-0.00042, 0, 0, 3, 0, 0), (0.00042, 1, 1, 0, 2, 0),
    (0.00038, 1, 1, 0, -2, 0), (-0.00024, 1, -1, 2, 0, 0), (-0.00017, 0, 0, 0, 0, 1), (-0.00007, 0, 2, 1, 0, 0),
    (0.00004, 0, 0, 2, -2, 0), (0.00004, 0, 3, 0, 0, 0), (0.00003, 0, 1, 1, -2, 0), (0.00003, 0, 0, 2, 2, 0),
    (-0.00003, 0, 1, 1, 2, 0), (0.00003, 0, -1, 1, 2, 0), (-0.00002, 0, -1, 1, -2, 0), (-0.00002, 0, 1, 3, 0, 0),
    (0.00002, 0, 0, 4, 0, 0),
]
PLANETS = [
    (299.77, 0.107408, 325), (251.88, 0.016321, 165), (251.83, 26.651886, 164), (349.42, 36.412478, 126),
    (84.66, 18.206239, 110), (141.74, 53.303771, 62), (207.14, 2.453732, 60), (154.84, 7.306860, 56),
    (34.52, 27.261239, 47), (207.19, 0.121824, 42), (291.34, 1.844379, 40), (161.72, 24.198154, 37),
    (239.56, 25.513099, 35), (331.55, 3.592518, 23),
]


def new_moon(k):
    """Julian day (universal time) of lunation k; 0 is the new moon of 6 January 2000."""
    t = k / 1236.85
    jde = 2451550.09766 + 29.530588861 * k + 0.00015437 * t**2 - 0.000000150 * t**3 + 0.00000000073 * t**4
    e = 1 - 0.002516 * t - 0.0000074 * t**2
    m = 2.5534 + 29.10535670 * k - 0.0000014 * t**2 - 0.00000011 * t**3
    m1 = 201.5643 + 385.81693528 * k + 0.0107582 * t**2 + 0.00001238 * t**3 - 0.000000058 * t**4
    f = 160.7108 + 390.67050284 * k - 0.0016118 * t**2 - 0.00000227 * t**3 + 0.000000011 * t**4
    omega = 124.7746 - 1.56375588 * k + 0.0020672 * t**2 + 0.00000215 * t**3
    for coefficient, power, a, b, c, d in MOON:
        jde += coefficient * e**power * math.sin(math.radians(a * m + b * m1 + c * f + d * omega))
    for index, (start, rate, millionths) in enumerate(PLANETS):
        angle = start + rate * k - (0.009173 * t**2 if index == 0 else 0)
        jde += millionths * 1e-6 * math.sin(math.radians(angle))
    return universal(jde)


# --- the sun ----------------------------------------------------------------------------------------

EARTH = [  # VSOP87, heliocentric longitude: (amplitude in 1e-8 radians, phase, frequency), by power of time
    [(175347046, 0, 0), (3341656, 4.6692568, 6283.0758500), (34894, 4.62610, 12566.15170), (3497, 2.7441, 5753.3849),
     (3418, 2.8289, 3.5231), (3136, 3.6277, 77713.7715), (2676, 4.4181, 7860.4194), (2343, 6.1352, 3930.2097),
     (1324, 0.7425, 11506.7698), (1273, 2.0371, 529.6910), (1199, 1.1096, 1577.3435), (990, 5.233, 5884.927),
     (902, 2.045, 26.298), (857, 3.508, 398.149), (780, 1.179, 5223.694), (753, 2.533, 5507.553),
     (505, 4.583, 18849.228), (492, 4.205, 775.523), (357, 2.920, 0.067), (317, 5.849, 11790.629),
     (284, 1.899, 796.298), (271, 0.315, 10977.079), (243, 0.345, 5486.778), (206, 4.806, 2544.314),
     (205, 1.869, 5573.143), (202, 2.458, 6069.777), (156, 0.833, 213.299), (132, 3.411, 2942.463),
     (126, 1.083, 20.775), (115, 0.645, 0.980), (103, 0.636, 4694.003), (102, 0.976, 15720.839), (102, 4.267, 7.114),
     (99, 6.21, 2146.17), (98, 0.68, 155.42), (86, 5.98, 161000.69), (85, 1.30, 6275.96), (85, 3.67, 71430.70),
     (80, 1.81, 17260.15), (79, 3.04, 12036.46), (75, 1.76, 5088.63), (74, 3.50, 3154.69), (74, 4.68, 801.82),
     (70, 0.83, 9437.76), (62, 3.98, 8827.39), (61, 1.82, 7084.90), (57, 2.78, 6286.60), (56, 4.39, 14143.50),
     (56, 3.47, 6279.55), (52, 0.19, 12139.55), (52, 1.33, 1748.02), (51, 0.28, 5856.48), (49, 0.49, 1194.45),
     (41, 5.37, 8429.24), (41, 2.40, 19651.05), (39, 6.17, 10447.39), (37, 6.04, 10213.29), (37, 2.57, 1059.38),
     (36, 1.71, 2352.87), (36, 1.78, 6812.77), (33, 0.59, 17789.85), (30, 0.44, 83996.85), (30, 2.74, 1349.87),
     (25, 3.16, 4690.48)],
    [(628331966747, 0, 0), (206059, 2.678235, 6283.075850), (4303, 2.6351, 12566.1517), (425, 1.590, 3.523),
     (119, 5.796, 26.298), (109, 2.966, 1577.344), (93, 2.59, 18849.23), (72, 1.14, 529.69), (68, 1.87, 398.15),
     (67, 4.41, 5507.55), (59, 2.89, 5223.69), (56, 2.17, 155.42), (45, 0.40, 796.30), (36, 0.47, 775.52),
     (29, 2.65, 7.11), (21, 5.34, 0.98), (19, 1.85, 5486.78), (19, 4.97, 213.30), (17, 2.99, 6275.96),
     (16, 0.03, 2544.31), (16, 1.43, 2146.17), (15, 1.21, 10977.08), (12, 2.83, 1748.02), (12, 3.26, 5088.63),
     (12, 5.27, 1194.45), (12, 2.08, 4694.00), (11, 0.77, 553.57), (10, 1.30, 6286.60), (10, 4.24, 1349.87),
     (9, 2.70, 242.73), (9, 5.64, 951.72), (8, 5.30, 2352.87), (6, 2.65, 9437.76), (6, 4.67, 4690.48)],
    [(52919, 0, 0), (8720, 1.0721, 6283.0758), (309, 0.867, 12566.152), (27, 0.05, 3.52), (16, 5.19, 26.30),
     (16, 3.68, 155.42), (10, 0.76, 18849.23), (9, 2.06, 77713.77), (7, 0.83, 775.52), (5, 4.66, 1577.34),
     (4, 1.03, 7.11), (4, 3.44, 5573.14), (3, 5.14, 796.30), (3, 6.05, 5507.55), (3, 1.19, 242.73), (3, 6.12, 529.69),
     (3, 0.31, 398.15), (3, 2.28, 553.57), (2, 4.38, 5223.69), (2, 3.75, 0.98)],
    [(289, 5.844, 6283.076), (35, 0, 0), (17, 5.49, 12566.15), (3, 5.20, 155.42), (1, 4.72, 3.52), (1, 5.30, 18849.23),
     (1, 5.97, 242.73)],
    [(114, 3.142, 0), (8, 4.13, 6283.08), (1, 3.84, 12566.15)],
]
NUTATION = [  # in longitude: (arc seconds, multiples of omega, twice the sun's and twice the moon's mean longitude)
    (-17.20, 1, 0, 0), (-1.32, 0, 1, 0), (-0.23, 0, 0, 1), (0.21, 2, 0, 0),
]


def sun_longitude(jde):
    """Apparent geocentric longitude in degrees."""
    tau = (jde - 2451545) / 365250
    t = tau * 10
    longitude = sum(sum(a * math.cos(b + c * tau) for a, b, c in series) * tau**power
                    for power, series in enumerate(EARTH)) * 1e-8
    degrees = math.degrees(longitude) + 180
    anomaly = math.radians(357.52911 + 35999.05029 * t)
    eccentricity = 0.016708634 - 0.000042037 * t
    radius = 1.000001018 * (1 - eccentricity**2) / (1 + eccentricity * math.cos(
        anomaly + 2 * eccentricity * math.sin(anomaly)))
    omega = math.radians(125.04452 - 1934.136261 * t)
    sun = math.radians(280.4665 + 36000.7698 * t)
    moon = math.radians(218.3165 + 481267.8813 * t)
    nutation = sum(a * math.sin(x * omega + 2 * y * sun + 2 * z * moon) for a, x, y, z in NUTATION)
    return (degrees + (-0.09033 + nutation - 20.4898 / radius) / 3600) % 360


def solar_term(year, index):
    """Julian day (universal time) of a year's term; 0 is xiaohan, at 285 degrees, in January."""
    target = (285 + 15 * index) % 360
    jde = 2451545 + (year - 2000) * 365.2422 + 5.0 + index * 15.2184
    for _ in range(12):
        error = (target - sun_longitude(jde) + 180) % 360 - 180
        jde += error * 365.2422 / 360
    return universal(jde)


# --- the calendar -----------------------------------------------------------------------------------

def day_in_china(jd, offset):
    return math.floor(jd - J1970 + offset)


# The new moon of 23 April 1906 came at 23:52 in Beijing, which is 00:06 of the 24th at UTC+8; the fourth
# month of that year was published to begin on the 24th.
PUBLISHED = {(1906, 4, 23): (1906, 4, 24)}


def build():
    """Lunar years: {year: [(month, leap, first day)]}, and terms: {(year, index): day}."""
    moons = []
    k = round((FIRST - 2 - 2000) * 12.3685)
    while True:
        jd = new_moon(k)
        if jd > julian(LAST + 3, 1, 1):
            break
        day = day_in_china(jd, china_offset(jd))
        date = civil(day)
        moons.append(days_from_civil(*PUBLISHED.get((date.year, date.month, date.day), (date.year, date.month, date.day))))
        k += 1
    instants = {(year, index): solar_term(year, index) for year in range(FIRST - 1, LAST + 3) for index in range(24)}
    terms = {key: day_in_china(jd, 8 / 24) for key, jd in instants.items()}
    principal = sorted(day_in_china(jd, china_offset(jd)) for (_, index), jd in instants.items() if index % 2)

    def month_of(day):
        return max(i for i, moon in enumerate(moons) if moon <= day)

    def has_principal(i):
        return any(moons[i] <= day < moons[i + 1] for day in principal)

    years = {}
    for year in range(FIRST - 1, LAST + 2):
        # From the eleventh month of the year before to that of this year.
        first = month_of(day_in_china(instants[year - 1, 23], china_offset(instants[year - 1, 23]))) \
            if (year - 1, 23) in instants else None
        if first is None:
            continue
        last = month_of(day_in_china(instants[year, 23], china_offset(instants[year, 23])))
        leap = next(i for i in range(first + 1, last) if not has_principal(i)) if last - first == 13 else None
        number = 11
        for i in range(first, last):
            is_leap = i == leap
            if i > first and not is_leap:
                number = number % 12 + 1
            lunar_year = year - 1 if number >= 11 and i - first <= 2 else year
            years.setdefault(lunar_year, []).append((number, is_leap, moons[i]))
    return {year: months for year, months in years.items() if FIRST <= year <= LAST + 1}, terms


def pack(years, terms):
    packed_years, packed_terms = [], []
    for year in range(FIRST, LAST + 1):
        months = years[year] + [years[year + 1][0]]
        value = 0
        for i in range(len(months) - 1):
            length = months[i + 1][2] - months[i][2]
            assert length in (29, 30), (year, months[i])
            value |= (length - 29) << i
        leap = next((number for number, is_leap, _ in years[year] if is_leap), 0)
        assert len(years[year]) == (13 if leap else 12), year
        packed_years.append(value | leap << 13 | (months[0][2] - years[FIRST][0][2]) << 17)
    earliest = [min(civil(terms[year, index]).day for year in range(FIRST, LAST + 1)) for index in range(24)]
    for year in range(FIRST, LAST + 1):
        value = 0
        for index in range(24):
            date = civil(terms[year, index])
            assert date.month == index // 2 + 1 and date.day - earliest[index] < 4
            value |= (date.day - earliest[index]) << (2 * index)
        packed_terms.append(value)
    return packed_years, packed_terms, earliest, years[FIRST][0][2], years[LAST + 1][0][2]


def rows(values, width, per_row):
    texts = [f"0x{value:0{width}X}" for value in values]
    return "\n".join("        " + ", ".join(texts[i:i + per_row]) + "," for i in range(0, len(texts), per_row))


def swift(packed_years, packed_terms, earliest, first_day, end_day):
    return f"""// Written by scripts/lunar-table.py, which says where the facts come from and how they were checked.
// Do not edit: change the script and run it again.

/// The Chinese calendar from {FIRST} to {LAST}, a number a year.
enum LunarTable {{
    static let firstYear = {FIRST}
    static let yearCount = {LAST - FIRST + 1}
    /// The first new year, {civil(first_day)}, in days since 1970-01-01.
    static let firstDay: Int32 = {first_day}
    /// The first day after the table, {civil(end_day)}.
    static let endDay: Int32 = {end_day}

    /// Bits 0 to 12: whether the year's n-th month (a leap month counts) has 30 days, else 29. Bits 13 to
    /// 16: the number of the leap month, 0 for none. From bit 17: days from `firstDay` to the new year.
    static let years: [UInt64] = [
{rows(packed_years, 10, 8)}
    ]

    /// Two bits for each of the 24 solar terms from xiaohan on: days after its earliest day.
    static let terms: [UInt64] = [
{rows(packed_terms, 12, 6)}
    ]

    /// The earliest day of the month on which each solar term falls in these years.
    static let earliestTermDays: [UInt8] = [
        {", ".join(map(str, earliest))},
    ]
}}
"""


# --- checking ---------------------------------------------------------------------------------------

def check(folder, years, terms):
    wrong = 0
    starts = {(year, number, int(is_leap)): day for year, months in years.items() for number, is_leap, day in months}
    for line in open(os.path.join(folder, "lunar_months.jsonl")):
        row = json.loads(line)
        ours = str(civil(starts.get((row["year"], row["month"], row["leap"]), 0)))
        if ours != row["start"]:
            wrong += not row.get("contested")
            print("month", row, "computed", ours)
    for line in open(os.path.join(folder, "solar_terms.jsonl")):
        row = json.loads(line)
        ours = str(civil(terms[row["year"], TERMS.index(row["term"])]))
        if ours != row["date"]:
            wrong += not row.get("near_midnight")
            print("term", row, "computed", ours)
    print("wrong beyond contested rows:", wrong)
    return wrong


def close():
    for k in range(round((FIRST - 2000) * 12.3685), round((LAST + 1 - 2000) * 12.3685) + 1):
        jd = new_moon(k)
        report("new moon", jd, china_offset(jd))
    for year in range(FIRST, LAST + 1):
        for index in range(24):
            report(TERMS[index], solar_term(year, index), 8 / 24)


def report(name, jd, offset):
    local = jd - J1970 + offset
    seconds = (local - round(local)) * 86400
    if abs(seconds) < 600:
        print(f"{civil(round(local))} {seconds:+7.0f} s from midnight: {name}")


def main():
    if sys.argv[1:] == ["--close"]:
        close()
        return 0
    years, terms = build()
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        return 1 if check(sys.argv[2], years, terms) else 0
    target = os.path.join(os.path.dirname(__file__), "..", "Sources", "RegardsCalendar", "LunarTable.swift")
    with open(target, "w") as file:
        file.write(swift(*pack(years, terms)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
