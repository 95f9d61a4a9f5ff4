-- What happens in 2027. Each statement stands behind the dealer's wall time at which it is made.

-- 2027-01-13T15:30
UPDATE jobs SET finished_at = '2027-01-13T15:30', total = 410 WHERE id = 13;
-- 2027-02-08T11:05
INSERT INTO inquiries (id, name, email, country, asked_at, model) VALUES (1, 'Nora Neu', 'nora@neu.example', 'Germany', '2027-02-08T11:05', 'Alpine');
-- 2027-02-08T12:40
UPDATE inquiries SET answered_at = '2027-02-08T12:40' WHERE id = 1;
-- 2027-02-13T17:30
INSERT INTO inquiries (id, name, email, country, asked_at, model) VALUES (2, 'Otto Ohne', 'otto@ohne.example', 'AT', '2027-02-13T17:30', 'City');
-- 2027-02-20T10:00
UPDATE inquiries SET drive_on = '2027-02-26' WHERE id = 1;
-- 2027-02-24T09:00
UPDATE inquiries SET drive_on = '2027-03-02' WHERE id = 1;
-- 2027-03-09T16:00
UPDATE inquiries SET decided_at = '2027-03-09T16:00', bought = 1 WHERE id = 1;
-- 2027-03-15T10:00
INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (1, 1, '2027-03-15T10:00', 'rattling');
-- 2027-03-15T13:20
UPDATE complaints SET answered_at = '2027-03-15T13:20' WHERE id = 1;
-- 2027-03-18T16:00
UPDATE complaints SET solved_at = '2027-03-18T16:00' WHERE id = 1;
-- 2027-04-10T08:30
INSERT INTO inquiries (id, name, email, country, asked_at, model, answered_at, decided_at, bought)
VALUES (3, 'Pia Post', 'pia@post.example', 'CH', '2027-04-09T18:30', 'Wagon', '2027-04-10T08:00', '2027-04-10T08:00', 0);
-- 2027-04-20T09:00
INSERT INTO recalls (id, customer_id, announced_at, part) VALUES (1, 9, '2027-04-20T09:00', 'airbag'), (2, 13, '2027-04-20T09:00', 'airbag');
-- 2027-05-12T14:00
UPDATE recalls SET done_at = '2027-05-12T14:00' WHERE id = 1;
-- 2027-05-28T20:15
INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (2, 8, '2027-05-28T20:15', 'the bill');
-- 2027-06-01T09:30
INSERT INTO answers (customer_id, asked, answer) VALUES (1, 'summer-fair', 'yes');
-- 2027-06-02T11:00
UPDATE complaints SET answered_at = '2027-06-02T11:00', solved_at = '2027-06-02T11:00' WHERE id = 2;
-- 2027-06-21T10:00
INSERT INTO referrals (id, customer_id, at, friend) VALUES (1, 5, '2027-06-21T09:00', 'Quentin');
-- 2027-07-05T12:00
UPDATE referrals SET bought_at = '2027-07-05T12:00' WHERE id = 1;
-- 2027-07-26T09:00
INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (3, 1, '2027-07-26T09:00', 'the paint');
-- 2027-07-26T11:00
UPDATE complaints SET answered_at = '2027-07-26T11:00', solved_at = '2027-07-27T11:00' WHERE id = 3;
-- 2027-08-16T10:00
INSERT INTO jobs (id, customer_id, booked_at, day, what) VALUES (14, 10, '2027-08-16T10:00', '2027-08-24', 'brakes');
-- 2027-08-20T10:00
UPDATE jobs SET day = '2027-08-26' WHERE id = 14;
-- 2027-08-26T14:00
INSERT INTO delays (id, job_id, told_at, ready_at, reason) VALUES (1, 14, '2027-08-26T14:00', '2027-08-27T12:00', 'a part is missing');
-- 2027-08-27T12:00
UPDATE jobs SET finished_at = '2027-08-27T12:00', total = 520 WHERE id = 14;
-- 2027-09-01T10:00
INSERT INTO cars (id, customer_id, model, delivered_at, price, warranty_until, inspection_due)
VALUES (14, 15, 'Alpine', '2027-09-01', 98000, '2030-09-01', '2030-09-30');
-- 2027-10-01T09:00
UPDATE customers SET birthday = '1985-10-20', no_mail = 0 WHERE id = 11;
-- 2027-11-02T10:00
DELETE FROM customers WHERE id = 6;
