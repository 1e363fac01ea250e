-- Every role with its attributes; VALID UNTIL as seconds since 1970, 'Infinity' or '-Infinity'.
SELECT oid::int8, rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
       rolreplication, rolbypassrls, rolconnlimit, extract(epoch FROM rolvaliduntil)::text
FROM pg_roles
