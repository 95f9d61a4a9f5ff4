-- Fifteen made-up customers as the year 2027 begins.

INSERT INTO staff (id, name, email, phone) VALUES
  (1, 'Eva Engel', 'eva@hillside.example', '+49 221 5550111'),
  (2, 'Ben Berg', 'ben@hillside.example', '+49 221 5550112'),
  (3, 'Former Employee', NULL, NULL);

INSERT INTO customers
  (id, name, email, phone, language, time_zone, country, birthday, birthday_calendar, partner_birthday, child_birthday,
   child2_birthday, wedding_day, customer_since, salesman, no_mail, advertising, surveys, tags) VALUES
  -- Everything at once: the best customer, ten years with us, a partner born on a leap day.
  (1, 'Anna Adler', 'anna@adler.example', '+49 30 1', 'de', NULL, 'DE', '1980-05-17', NULL, '1984-02-29', '2015-08-03',
   '2018-12-27', '2007-06-09', '2017-03-10', 1, 0, 1, 1, 'fair'),
  -- No address; the birthday without its year.
  (2, 'Bernd Brandt', NULL, '+49 40 2', 'de', NULL, 'Germany', '--07-02', NULL, NULL, NULL, NULL, NULL, '2020-04-01', 2, 0, 1, 1, NULL),
  -- Lives in Shanghai and keeps the Chinese calendar: the fifteenth of the eighth month.
  (3, 'Chen Wei', 'chen@wei.example', '+86 21 3', 'zh', 'Asia/Shanghai', 'China', '1975-09-20', 'lunar', NULL, NULL, NULL, NULL,
   '2022-02-15', 1, 0, 0, 1, NULL),
  -- Lives in Cologne and keeps the Chinese calendar; never asked about advertising.
  (4, 'Li Na', 'li@na.example', '+49 221 4', 'zh', NULL, 'DE', '1990-02-15', 'lunar', NULL, NULL, NULL, NULL, '2026-06-15', 2, 0, NULL, NULL, NULL),
  -- Turns sixty; married for twenty-five years in September.
  (5, 'Dieter Dorn', 'dieter@dorn.example', '+49 211 5', 'de', NULL, 'DE', '1967-06-01', NULL, '1970-06-01', NULL, NULL, '2002-09-14',
   '2012-05-05', 1, 0, 1, 1, NULL),
  (6, 'Emma Evans', 'emma@evans.example', '+44 20 6', 'en', NULL, 'United Kingdom', '1995-01-01', NULL, NULL, NULL, NULL, NULL, '2025-09-01', 2, 0, 1, 0, NULL),
  -- A couple with one address.
  (7, 'Frank Fischer', 'family@fischer.example', '+49 69 7', 'de', NULL, 'DE', '1972-10-05', NULL, NULL, NULL, NULL, NULL, '2018-08-08', 1, 0, 1, 1, 'fair'),
  (8, 'Frida Fischer', 'family@fischer.example', '+49 69 8', 'de', NULL, 'DE', '1974-03-14', NULL, NULL, NULL, NULL, NULL, '2018-08-08', 1, 0, 1, 1, 'fair'),
  -- The lease ends in July.
  (9, 'Giulia Rossi', 'giulia@rossi.example', '+39 02 9', 'it', NULL, 'Italy', '1988-11-30', NULL, NULL, NULL, NULL, NULL, '2024-07-30', 2, 0, 1, 1, NULL),
  -- Born on a leap day; the inspection is due in March.
  (10, 'Hans Huber', 'hans@huber.example', '+43 1 10', 'de', NULL, 'Austria', '1960-02-29', NULL, NULL, NULL, NULL, NULL, '2010-01-20', 3, 0, 1, 1, NULL),
  -- Wants no mail at all.
  (11, 'Ivan Ivanov', 'ivan@ivanov.example', NULL, 'en', NULL, 'Bulgaria', '1985-04-12', NULL, NULL, NULL, NULL, NULL, '2023-03-03', 2, 1, 1, 1, NULL),
  -- In New York; last seen in 2025.
  (12, 'Jane Jones', 'jane@jones.example', '+1 212 12', 'en', 'America/New_York', 'US', '1991-12-25', NULL, NULL, NULL, NULL, NULL, '2021-02-02', 1, 0, 1, 1, NULL),
  -- The lease ends, and there is no address to say so.
  (13, 'Karl Kraus', NULL, '+49 89 13', 'de', NULL, 'DE', '1979-08-19', NULL, NULL, NULL, NULL, NULL, '2023-09-15', 1, 0, NULL, NULL, NULL),
  -- Comes to the workshop every other month, until he does not.
  (14, 'Luis Lopez', 'luis@lopez.example', '+34 91 14', 'es', NULL, 'Spain', '1983-06-20', NULL, NULL, NULL, NULL, NULL, '2024-01-10', 2, 0, 1, 1, NULL),
  (15, 'Mary Moon', 'mary@moon.example', '+353 1 15', 'en', NULL, 'Ireland', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-11', 2, 0, 0, 0, NULL);

INSERT INTO cars (id, customer_id, model, delivered_at, price, lease_ends_on, warranty_until, inspection_due) VALUES
  (1, 1, 'Avenue', '2017-03-10', 41000, NULL, NULL, '2027-05-31'), (2, 1, 'Alpine', '2024-03-12', 68000, NULL, '2027-03-12', '2027-09-30'),
  (3, 3, 'Harbour', '2022-02-15', 39000, NULL, NULL, '2028-02-28'), (4, 4, 'City', '2026-06-15', 19000, NULL, '2029-06-15', '2029-06-30'),
  (5, 5, 'Avenue', '2012-05-05', 33000, NULL, NULL, NULL), (6, 5, 'Avenue', '2021-11-20', 45000, NULL, NULL, '2028-11-30'),
  (7, 6, 'City', '2025-09-01', 21000, '2028-08-31', '2028-09-01', '2028-09-30'), (8, 7, 'Wagon', '2018-08-08', 36000, NULL, NULL, '2027-08-31'),
  (9, 9, 'Harbour', '2024-07-30', 38000, '2027-07-30', '2027-07-30', '2027-07-31'), (10, 10, 'Wagon', '2010-01-20', 29000, NULL, NULL, '2027-03-31'),
  (11, 12, 'Harbour', '2021-02-02', 37000, NULL, NULL, NULL), (12, 13, 'City', '2023-09-15', 18000, '2027-09-14', NULL, NULL),
  (13, 14, 'Van', '2024-01-10', 31000, NULL, '2027-01-10', '2027-02-28');

INSERT INTO jobs (id, customer_id, booked_at, day, what, finished_at, total) VALUES
  (1, 1, '2026-08-01T10:00', '2026-08-05', 'service', '2026-08-05T15:00', 620), (2, 5, '2026-10-10T09:00', '2026-10-12', 'tyres', '2026-10-12T11:00', 310),
  (3, 5, '2025-10-10T09:00', '2025-10-13', 'tyres', '2025-10-13T11:00', 300), (4, 7, '2026-06-01T09:00', '2026-06-03', 'service', '2026-06-03T17:00', 480),
  (5, 12, '2024-01-15T09:00', '2024-01-18', 'service', '2024-01-18T16:00', 350), (6, 12, '2025-02-20T09:00', '2025-02-24', 'service', '2025-02-24T16:00', 350),
  (7, 14, '2026-02-01T08:00', '2026-02-03', 'oil', '2026-02-03T10:00', 90), (8, 14, '2026-04-01T08:00', '2026-04-03', 'oil', '2026-04-03T10:00', 90),
  (9, 14, '2026-06-01T08:00', '2026-06-03', 'oil', '2026-06-03T10:00', 90), (10, 14, '2026-08-01T08:00', '2026-08-04', 'oil', '2026-08-04T10:00', 90),
  (11, 14, '2026-10-01T08:00', '2026-10-05', 'oil', '2026-10-05T10:00', 90), (12, 14, '2026-12-01T08:00', '2026-12-03', 'oil', '2026-12-03T10:00', 90),
  -- Booked before the year begins: the reminder is still owed.
  (13, 6, '2026-12-28T12:00', '2027-01-13', 'service', NULL, NULL);
