INSERT INTO customers (id, name, given_name, email, locale, birthday) VALUES (1, 'Ann', 'Ann', 'ann@mail.example', 'en', '1980-05-20');
