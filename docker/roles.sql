-- Run once by the image of Postgres, as its superuser, in the database `forkpoint`.
-- The superuser is above row level security, so nothing of ours ever logs in as it.
\set ON_ERROR_STOP on
\getenv owner_password FORKPOINT_OWNER_PASSWORD
\getenv api_password FORKPOINT_API_PASSWORD
\getenv worker_password FORKPOINT_WORKER_PASSWORD

create role fp_owner login nosuperuser nocreatedb nocreaterole nobypassrls password :'owner_password';
create role fp_api login nosuperuser nocreatedb nocreaterole nobypassrls password :'api_password';
create role fp_worker login nosuperuser nocreatedb nocreaterole nobypassrls password :'worker_password';

alter database forkpoint owner to fp_owner;
revoke all on database forkpoint from public;
grant connect, temporary on database forkpoint to fp_api, fp_worker;
