-- The number that initdb gave the cluster.
SELECT system_identifier::int8 FROM pg_control_system()
