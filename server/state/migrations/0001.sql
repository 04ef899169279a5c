-- The tables of the coordinator, as docs/protocols/state.md describes them.
--
-- One text for SQLite, MySQL and MariaDB; {options} is what the latter two need after a table. Each statement does
-- nothing when its work is already done, because MySQL cannot take back half a migration.

CREATE TABLE IF NOT EXISTS titles (
    name VARCHAR(200) NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    picture TEXT
) {options};

CREATE TABLE IF NOT EXISTS session_servers (
    id VARCHAR(200) NOT NULL PRIMARY KEY,
    host VARCHAR(255) NOT NULL,
    port BIGINT NOT NULL,
    applications TEXT NOT NULL,
    session_limit BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    source VARCHAR(16) NOT NULL,
    seen_at BIGINT NOT NULL
) {options};

CREATE TABLE IF NOT EXISTS codes (
    code BIGINT NOT NULL PRIMARY KEY,
    holder VARCHAR(16) NOT NULL
) {options};

CREATE TABLE IF NOT EXISTS bookings (
    code BIGINT NOT NULL PRIMARY KEY,
    application VARCHAR(200) NOT NULL,
    server VARCHAR(200) NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    time_zone VARCHAR(100) NOT NULL,
    made_at BIGINT NOT NULL
) {options};

CREATE TABLE IF NOT EXISTS sessions (
    code BIGINT NOT NULL PRIMARY KEY,
    application VARCHAR(200) NOT NULL,
    server VARCHAR(200) NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    stage VARCHAR(16) NOT NULL,
    host VARCHAR(255),
    port BIGINT,
    token_hash VARCHAR(128) NOT NULL,
    booked BIGINT NOT NULL
) {options};

CREATE TABLE IF NOT EXISTS history (
    number BIGINT NOT NULL PRIMARY KEY,
    holder VARCHAR(16) NOT NULL,
    code BIGINT NOT NULL,
    application VARCHAR(200) NOT NULL,
    server VARCHAR(200) NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    why VARCHAR(32) NOT NULL,
    ended_at BIGINT
) {options};

CREATE TABLE IF NOT EXISTS audit (
    number BIGINT NOT NULL PRIMARY KEY,
    made_at BIGINT NOT NULL,
    actor VARCHAR(255) NOT NULL,
    action VARCHAR(64) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    detail TEXT NOT NULL
) {options};
