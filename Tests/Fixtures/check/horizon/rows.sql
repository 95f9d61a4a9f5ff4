INSERT INTO customers (id, name, given_name, email) VALUES (1, 'Ann', 'Ann', 'ann@mail.example');
INSERT INTO complaints (id, customer_id, opened_at, solved_at) VALUES
  (1, 1, '2027-01-04', '2027-07-01'), (2, 1, '2027-05-01', '2027-09-01'), (3, 1, '2027-01-04', '2027-02-01');
