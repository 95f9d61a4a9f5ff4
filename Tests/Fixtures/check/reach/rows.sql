INSERT INTO customers (id, name, given_name, email, birthday) VALUES
  (1, 'Ann', 'Ann', 'ann@mail.example', '1980-05-04'), (2, 'Ben', 'Ben', 'ben@mail.example', '1981-05-21'),
  (3, 'Cem', 'Cem', 'cem@mail.example', '1982-07-22');
INSERT INTO complaints (id, customer_id, opened_at) VALUES (1, 1, '2027-04-20T08:00:00Z'), (2, 2, '2027-05-03T08:00:00Z');
