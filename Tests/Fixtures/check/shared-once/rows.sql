INSERT INTO customers (id, name, given_name, email, birthday) VALUES
  (1, 'Ann', 'Ann', 'family@mail.example', '1980-05-20'), (2, 'Ben', 'Ben', 'Family@mail.example', '1981-06-21'),
  (3, 'Cem', 'Cem', 'family@mail.example', '1982-07-22'), (4, 'Dan', 'Dan', 'dan@mail.example', '1983-08-23');
