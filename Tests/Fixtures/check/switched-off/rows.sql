INSERT INTO customers (id, name, given_name, email, birthday) VALUES (1, 'Ann', 'Ann', 'ann@mail.example', '1980-05-20');
