SELECT CASE WHEN id > 2 THEN CAST(id AS TEXT) ELSE id END AS id, name, email, given_name, birthday FROM customers
