-- The tables of Chinook that Regards reads, as that sample database has them, with made-up people.
CREATE TABLE [Employee] (
    [EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL, [FirstName] NVARCHAR(20) NOT NULL,
    [Title] NVARCHAR(30), [BirthDate] DATETIME, [Country] NVARCHAR(40), [Email] NVARCHAR(60),
    CONSTRAINT [PK_Employee] PRIMARY KEY ([EmployeeId])
);
CREATE TABLE [Customer] (
    [CustomerId] INTEGER NOT NULL, [FirstName] NVARCHAR(40) NOT NULL, [LastName] NVARCHAR(20) NOT NULL,
    [Country] NVARCHAR(40), [Phone] NVARCHAR(24), [Email] NVARCHAR(60) NOT NULL, [SupportRepId] INTEGER,
    CONSTRAINT [PK_Customer] PRIMARY KEY ([CustomerId])
);
CREATE TABLE [Invoice] (
    [InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL, [InvoiceDate] DATETIME NOT NULL,
    [Total] NUMERIC(10,2) NOT NULL, CONSTRAINT [PK_Invoice] PRIMARY KEY ([InvoiceId])
);
INSERT INTO [Employee] VALUES
    (1, 'Oak', 'Olive', 'Manager', '1962-02-18 00:00:00', 'Canada', 'olive@records.example'),
    (2, 'Elm', 'Erin', 'Agent', '1958-12-08 00:00:00', 'Canada', 'erin@records.example'),
    (3, 'Ash', 'Amir', 'Agent', '1996-02-29 00:00:00', 'Canada', 'amir@records.example');
INSERT INTO [Customer] VALUES
    (1, 'Luís', 'Gonçalves', 'Brazil', NULL, 'luis@mail.example', 3),
    (2, 'František', 'Wichterlová', 'Czech Republic', NULL, 'frantisek@mail.example', 2),
    (3, '小明', '王', 'China', NULL, 'xiaoming@mail.example', 3),
    (4, 'Puja', 'Srivastava', 'India', NULL, 'puja@mail.example', 2),
    (5, 'Stanisław', 'Wójcik', 'Poland', NULL, 'stanisław.wójcik@mail.example', 2);
INSERT INTO [Invoice] VALUES (1, 1, '2026-01-01 00:00:00', 1.98), (2, 4, '2026-03-05 00:00:00', 13.86);
