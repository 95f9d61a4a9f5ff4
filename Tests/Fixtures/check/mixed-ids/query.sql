SELECT CASE WHEN c.id > 2 THEN CAST(c.id AS TEXT) ELSE c.id END AS id, c.name, c.email, c.given_name, c.birthday,
       NULL AS advisor_email, NULL AS advisor_name
FROM customers c
