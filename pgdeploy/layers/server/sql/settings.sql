-- One row a setting, as this session sees it, with where the server found the value.
SELECT name, setting, unit, vartype, context, source, sourcefile, sourceline, boot_val, pending_restart,
       min_val, max_val, enumvals
FROM pg_settings
