SELECT id, name, email, given_name, birth_day AS birthday FROM customers
