INSERT INTO customers (id, name, given_name, email, birthday) VALUES
  (1, 'Ann', 'Ann', 'ann@mail.example', '1980-05-20'), (2, 'Ben', 'Ben', 'ben@mail.example', '1981-06-21'),
  (3, 'Cem', 'Cem', 'cem@mail.example', '1982-07-22'), (4, 'Dan', 'Dan', 'dan@mail.example', '1983-08-23');
