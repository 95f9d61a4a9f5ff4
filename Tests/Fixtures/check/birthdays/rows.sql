WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
INSERT INTO customers (id, name, given_name, email, birthday)
SELECT i, 'No. ' || i, 'No. ' || i, 'c' || i || '@mail.example',
  CASE WHEN i <= 4 THEN '1900-01-01' WHEN i <= 10 THEN '1970-01-01' WHEN i <= 30 THEN '1999-09-09' WHEN i <= 50 THEN (1950 + i) || '-01-01'
       ELSE date('1980-02-03', '+' || (i * 11) || ' days') END
FROM n;
